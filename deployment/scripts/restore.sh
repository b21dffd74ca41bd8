#!/bin/sh
# Brings backups of backup.sh back. Verifies first, restores beside, and only then replaces. See --help.
set -eu

PROGRAM=restore
usage() {
  cat <<'TEXT'
Usage: deployment/scripts/restore.sh postgres --data-dir DIR [--to TIME] [--repository 1|2|3] [--copy] [--dry-run]
       deployment/scripts/restore.sh redis --name NAME --data-dir DIR [--file FILE] [--dry-run]
       deployment/scripts/restore.sh audit-checkpoints --dir DIR --to TIME [--dry-run]
       deployment/scripts/restore.sh wal NAME TARGET

  postgres           The data directory as of TIME (RFC 3339, such as 2026-11-22T18:00:00.000Z), or of the last
                     archived transaction. Start the server on it: it replays, and then takes writes in a new
                     timeline. --repository: 1 daily (default), 2 weekly, 3 monthly. --copy: only to look at, so
                     nothing of it is archived.
  redis              The snapshot FILE, or the latest of NAME, as the data of a server with or without an
                     append-only file.
  audit-checkpoints  Puts the checkpoints in AUDIT_CHECKPOINT_DIR that are later than TIME aside: they attest
                     entries that the restored database does not have.
  wal                restore_command calls it.
  --dry-run          Print the commands and run none.

Nothing is replaced by a backup that is altered, truncated, incomplete or of another key. What was in DIR lies in
DIR.before-<time> afterwards: there must be room for both. The server must be stopped, and this must run as its
user. Environment: see backup.sh. Exit code 0: done; 1: not, with a line why; 2: called wrongly.
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deployment/scripts/backup-environment.sh
. "$here/backup-environment.sh"

command='' directory='' to='' repository=1 copy=false name='' file='' run=''
while [ $# -gt 0 ]; do
  case "$1" in
    postgres | redis | audit-checkpoints) command="$1" ;;
    wal)
      [ $# -eq 3 ] || usage_error 'wal needs a name and a target'
      load_key
      # PostgreSQL calls it in its data directory.
      PGBACKREST_PG1_PATH=$(pwd)
      export PGBACKREST_PG1_PATH
      exec pgbackrest archive-get "$2" "$3"
      ;;
    --data-dir | --dir | --to | --repository | --name | --file)
      [ $# -ge 2 ] || usage_error "$1 needs a value"
      case "$1" in
        --data-dir | --dir) directory="${2%/}" ;;
        --to) to="$2" ;;
        --repository) repository="$2" ;;
        --name) name="$2" ;;
        --file) file="$2" ;;
      esac
      shift
      ;;
    --copy) copy=true ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) usage_error "unknown argument $1" ;;
  esac
  shift
done
[ -n "$command" ] || usage_error 'what is to be restored?'
[ -n "$directory" ] || usage_error 'where to?'
case "$repository" in [123]) ;; *) usage_error '--repository is 1, 2 or 3' ;; esac
if [ -n "$to" ]; then
  # Without a zone the server would take its own.
  case "$to" in
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T\ ]*Z | [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T\ ]*[+-][0-9][0-9]:[0-9][0-9]) ;;
    *) usage_error "--to $to is no RFC 3339 time with a zone" ;;
  esac
fi

# What is there is kept beside; the new comes in its place by one rename.
replace() {
  if [ -e "$directory" ]; then
    $run mv "$directory" "$directory.before-$stamp"
  fi
  $run mv "$directory.restoring" "$directory"
}

# For a shell, inside a setting of PostgreSQL, where neither pgBackRest nor this doubles a quote.
quoted() {
  case "$1" in *[\'\"\$\`\\%]*) fail "$1: a path with a quote, \$, \\ or % is not understood" ;; esac
  printf '"%s"' "$1"
}

restore_postgres() {
  need pgbackrest
  load_key
  [ ! -e "$directory/postmaster.pid" ] || ! kill -0 "$(head -n 1 "$directory/postmaster.pid")" 2>/dev/null ||
    fail "a server runs on $directory: stop it first"
  if [ -n "$run" ]; then
    $run pgbackrest --repo="$repository" verify
  else
    verify_repository "$repository"
    echo "repository $repository: every file is what was written"
  fi
  # Not the place itself: a restore that fails half-way must leave what is there.
  $run rm -rf "$directory.restoring"
  $run mkdir -p -m 700 "$directory.restoring"
  # All that it needs stands in it, so that the server may be started by anybody.
  restore_command="BACKUP_DIR=$(quoted "$BACKUP_DIR") BACKUP_KEY_FILE=$(quoted "$BACKUP_KEY_FILE") PGBACKREST_CONFIG=$(quoted "$PGBACKREST_CONFIG") $(quoted "$here/restore.sh") wal %f \"%p\""
  set -- "--repo=$repository" "--pg1-path=$directory.restoring" "--recovery-option=restore_command=$restore_command"
  if [ -n "$to" ]; then
    set -- "$@" --type=time "--target=$(echo "$to" | sed 's/T/ /; s/Z$/+00/')" --target-action=promote
  else
    set -- "$@" --type=default
  fi
  [ "$copy" = false ] || set -- "$@" --archive-mode=off
  if ! $run pgbackrest "$@" restore; then
    rm -rf "$directory.restoring"
    fail "nothing was replaced: the backup cannot be restored"
  fi
  replace
  [ -n "$run" ] || echo "$directory is restored${to:+ to $to}; start the server on it"
}

restore_redis() {
  need gpg redis-check-rdb sha256sum
  [ -n "$name" ] || usage_error 'which Redis?'
  load_key
  if [ -z "$file" ]; then
    for each in "$BACKUP_DIR/redis/$name"-*Z.rdb.gpg; do [ ! -e "$each" ] || file="$each"; done
    [ -n "$file" ] || fail "there is no snapshot of $name in $BACKUP_DIR/redis"
  fi
  if [ -n "$run" ]; then
    echo "gpg --decrypt $file > $directory.restoring/dump.rdb && redis-check-rdb $directory.restoring/dump.rdb"
    replace
    return
  fi
  base="${file##*/}"
  case "$base" in "$name"-*) ;; *) fail "$base is no snapshot of $name" ;; esac
  make_work_directory
  if [ -e "$file.sha256" ]; then
    (cd "$(dirname "$file")" && sha256sum --check --quiet --strict "$base.sha256") >/dev/null 2>&1 || fail "$base is damaged: nothing was replaced"
  fi
  rm -rf "$directory.restoring"
  (umask 077 && mkdir -p "$directory.restoring/appendonlydir")
  aof="$directory.restoring/appendonlydir/appendonly.aof"
  # The clear text is not used before gpg has seen the end of the file and found it whole.
  if ! crypt --output "$directory.restoring/dump.rdb" --decrypt "$file" 2>"$work/log" ||
    ! redis-check-rdb "$directory.restoring/dump.rdb" >"$work/log" 2>&1; then
    rm -rf "$directory.restoring"
    fail "$base is altered, truncated or of another key: nothing was replaced ($(tail -n 1 "$work/log"))"
  fi
  # A server with an append-only file reads no dump.rdb: for it the snapshot is the base of that file.
  cp "$directory.restoring/dump.rdb" "$aof.1.base.rdb"
  echo 'file appendonly.aof.1.base.rdb seq 1 type b' >"$aof.manifest"
  replace
  echo "$directory is restored from $base; start the server on it"
}

# A line ends with the time and a signature; times in UTC compare as texts.
restore_audit_checkpoints() {
  case "$to" in *Z) ;; *) usage_error 'audit-checkpoints needs --to, in UTC' ;; esac
  for each in "$directory"/chain-*.checkpoints; do
    [ -e "$each" ] || continue
    if [ -n "$run" ]; then
      echo "lines of $each later than $to go to $each.after-$stamp"
      continue
    fi
    awk -v to="$to" '$4 > to { late = 1 } END { exit !late }' "$each" || continue
    awk -v to="$to" '$4 > to' "$each" >>"$each.after-$stamp"
    awk -v to="$to" '$4 <= to' "$each" >"$each.new"
    mv "$each.new" "$each"
  done
}

stamp=$(date -u +%Y%m%dT%H%M%SZ)
case "$command" in
  postgres) restore_postgres ;;
  redis) restore_redis ;;
  audit-checkpoints) restore_audit_checkpoints ;;
esac
