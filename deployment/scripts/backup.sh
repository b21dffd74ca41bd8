#!/bin/sh
# Backs PostgreSQL and Redis up, encrypted, with three tiers of retention. See --help.
set -eu

PROGRAM=backup
usage() {
  cat <<'TEXT'
Usage: deployment/scripts/backup.sh postgres [--now] [--dry-run]
       deployment/scripts/backup.sh redis [--dry-run]
       deployment/scripts/backup.sh verify | list | prune [--dry-run]
       deployment/scripts/backup.sh wal FILE
       deployment/scripts/backup.sh server

  postgres   A full backup into each repository whose last one is old enough: daily (kept 30 days), weekly (three
             months), monthly (a year). A run that finds all of them young does nothing. --now: daily all the same.
  redis      A snapshot of every server in REDIS_BACKUP_URLS ("main=redis://... sessions=redis://..."), which is
             pruned by the same tiers.
  verify     Compares every stored file with its checksum.
  list       What there is.
  prune      Removes snapshots of Redis that no tier keeps; those of PostgreSQL go after each backup.
  wal        Archives one segment: archive_command = '.../backup.sh wal %p'
  server     Beside a PostgreSQL that is backed up from elsewhere: answers on port 8432 whoever shows a certificate that
             PGBACKREST_TLS_SERVER_AUTH names, until it is ended. PGBACKREST_TLS_SERVER_* say with what.
  --dry-run  Print the commands and run none.

BACKUP_DIR (/var/lib/caudal-backup), BACKUP_KEY_FILE (/run/secrets/backup-key), PGBACKREST_CONFIG
(/etc/pgbackrest/pgbackrest.conf) and pgBackRest's own PGBACKREST_* name places. BACKUP_METRICS_DIR: where the
textfile collector of the node exporter looks. Exit code 0: done; 1: not, with a line why; 2: called wrongly.
TEXT
}

# shellcheck source=deployment/scripts/backup-environment.sh
. "$(dirname "$0")/backup-environment.sh"

HOUR=3600
# Somewhat less than the period, so that a job that starts some minutes early is not put off by a whole one.
DAILY_AGE=$((20 * HOUR))
WEEKLY_AGE=$((164 * HOUR))
MONTHLY_AGE=$((716 * HOUR))

command='' segment='' now=false run=''
while [ $# -gt 0 ]; do
  case "$1" in
    postgres | redis | verify | list | prune | wal | server)
      [ -z "$command" ] || usage_error "$command and $1 at once"
      command="$1"
      if [ "$1" = wal ]; then
        [ $# -ge 2 ] || usage_error 'wal needs the path of a segment'
        segment="$2"
        shift
      fi
      ;;
    --now) now=true ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) usage_error "unknown argument $1" ;;
  esac
  shift
done

# Tells Prometheus, by a file that the textfile collector reads, when this kind of backup last succeeded.
write_metrics() {
  [ -n "${BACKUP_METRICS_DIR:-}" ] || return 0
  target="$BACKUP_METRICS_DIR/caudal-backup-$1.prom"
  cat >"$target.$$" <<TEXT
# HELP backup_last_success_timestamp_seconds When the last backup that succeeded ended.
# TYPE backup_last_success_timestamp_seconds gauge
backup_last_success_timestamp_seconds{backup="$1"} $(date +%s)
# HELP backup_last_duration_seconds How long it took.
# TYPE backup_last_duration_seconds gauge
backup_last_duration_seconds{backup="$1"} $(($(date +%s) - started))
TEXT
  mv "$target.$$" "$target"
}

# When the latest backup in repository $1 ended; 0 when it has none.
last_backup() {
  pgbackrest --repo="$1" --output=json info | grep -o '"stop":[0-9]\{9,\}' | sed 's/.*://' | sort -n | tail -n 1 | grep . || echo 0
}

backup_into() {
  age=$(($(date +%s) - $(last_backup "$1")))
  if [ "$age" -lt "$3" ] && [ "$4" = false ]; then
    echo "$2: the last backup is $((age / HOUR)) h old, which is young enough"
    return
  fi
  $run pgbackrest --repo="$1" --type=full backup
  [ -n "$run" ] || echo "$2: backed up, $(pgbackrest --repo="$1" info | sed -n 's/^ *full backup: //p' | tail -n 1)"
}

backup_postgres() {
  need pgbackrest
  load_key
  $run pgbackrest stanza-create
  if [ -n "$run" ]; then
    for repository in 1 2 3; do $run pgbackrest --repo="$repository" --type=full backup; done
    return
  fi
  backup_into 1 daily "$DAILY_AGE" "$now"
  backup_into 2 weekly "$WEEKLY_AGE" false
  backup_into 3 monthly "$MONTHLY_AGE" false
  write_metrics postgres
}

# Splits redis[s]://[user[:password]@]host[:port]. The password goes by the environment.
connection_of() {
  rest="${1#*://}"
  tls=''
  case "$1" in
    rediss://*) tls=--tls ;;
    redis://*) ;;
    *) fail "$1 is not redis:// or rediss://" ;;
  esac
  rest="${rest%%/*}" user='' password=''
  case "$rest" in
    *@*)
      credentials="${rest%@*}" rest="${rest##*@}"
      user="${credentials%%:*}" password="${credentials#*:}"
      case "$credentials" in *%*) fail 'percent-encoded credentials of Redis are not understood' ;; esac
      ;;
  esac
  host="${rest%%:*}" port="${rest##*:}"
  [ "$port" != "$rest" ] || port=6379
  unset REDISCLI_AUTH
  [ -z "$password" ] || export REDISCLI_AUTH="$password"
}

backup_redis() {
  need redis-cli redis-check-rdb gpg sha256sum
  load_key
  [ -n "${REDIS_BACKUP_URLS:-}" ] || fail 'REDIS_BACKUP_URLS names no server: "main=redis://... sessions=redis://..."'
  make_work_directory
  $run mkdir -p "$BACKUP_DIR/redis"
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  for entry in $REDIS_BACKUP_URLS; do
    name="${entry%%=*}"
    case "$name" in '' | *[!a-z-]*) fail "$name is no name of a Redis: small letters and hyphens" ;; esac
    connection_of "${entry#*=}"
    if [ -n "$run" ]; then
      echo "redis-cli -h $host -p $port --rdb $name.rdb | gpg > $BACKUP_DIR/redis/$name-$stamp.rdb.gpg"
      continue
    fi
    # The server forks and sends the snapshot as to a replica: nothing but the connection is needed.
    redis-cli -h "$host" -p "$port" ${user:+--user "$user"} $tls --rdb "$work/$name.rdb" >"$work/log" 2>&1 ||
      fail "$name: no snapshot: $(tail -n 1 "$work/log")"
    redis-check-rdb "$work/$name.rdb" >"$work/log" 2>&1 || fail "$name: the snapshot is damaged: $(tail -n 1 "$work/log")"
    file="$name-$stamp.rdb.gpg"
    crypt --cipher-algo AES256 --s2k-digest-algo SHA512 --compress-algo none --set-filename "$file" \
      --output "$work/$file" --symmetric "$work/$name.rdb"
    rm "$work/$name.rdb"
    (cd "$work" && sha256sum "$file") >"$BACKUP_DIR/redis/$file.sha256"
    # The name appears with the whole content behind it.
    cp "$work/$file" "$BACKUP_DIR/redis/.$file.part"
    sync "$BACKUP_DIR/redis/.$file.part"
    mv "$BACKUP_DIR/redis/.$file.part" "$BACKUP_DIR/redis/$file"
    echo "$name: $(wc -c <"$BACKUP_DIR/redis/$file") bytes in $file"
  done
  prune_redis
  [ -n "$run" ] || write_metrics redis
}

# All of 30 days; the first of each week for 92, the first of each month for 366. What no tier keeps goes.
prune_redis() {
  [ -d "$BACKUP_DIR/redis" ] || return 0
  today=$(date +%s) seen=''
  # Names sort by time within a server, so the first of a week or month is met first.
  for file in "$BACKUP_DIR"/redis/*-*Z.rdb.gpg; do
    [ -e "$file" ] || continue
    base="${file##*/}" day="${file##*-}"
    server="${base%-*}" day="${day%%T*}"
    month="${day#????}"
    day="${day%????}-${month%??}-${month#??}"
    taken=$(date -u -d "$day" '+%s %G-W%V' 2>/dev/null) || { echo "$base has no date and is kept"; continue; }
    days=$(((today - ${taken% *}) / (24 * HOUR))) week="$server/${taken#* }" month="$server/${day%-*}"
    keep=false
    [ "$days" -gt 30 ] || keep=true
    case " $seen " in *" $week "*) ;; *) [ "$days" -gt 92 ] || keep=true ;; esac
    case " $seen " in *" $month "*) ;; *) [ "$days" -gt 366 ] || keep=true ;; esac
    seen="$seen $week $month"
    [ "$keep" = true ] || $run rm -f "$file" "$file.sha256"
  done
}

verify_all() {
  need pgbackrest sha256sum
  load_key
  for repository in 1 2 3; do
    if [ -n "$run" ]; then
      $run pgbackrest --repo="$repository" verify
    else
      verify_repository "$repository"
    fi
  done
  for file in "$BACKUP_DIR"/redis/*.sha256; do
    [ -e "$file" ] || continue
    (cd "$BACKUP_DIR/redis" && sha256sum --check --quiet --strict "$file") || fail "${file##*/}: the snapshot is damaged"
  done
  [ -n "$run" ] || echo 'every file is what was written'
}

started=$(date +%s)
case "$command" in
  postgres) backup_postgres ;;
  redis) backup_redis ;;
  verify) verify_all ;;
  prune) prune_redis ;;
  list)
    load_key
    $run pgbackrest info
    for file in "$BACKUP_DIR"/redis/*.rdb.gpg; do [ ! -e "$file" ] || echo "${file##*/}"; done
    ;;
  wal)
    load_key
    # PostgreSQL calls it in its data directory.
    PGBACKREST_PG1_PATH=$(pwd)
    export PGBACKREST_PG1_PATH
    $run exec pgbackrest archive-push "$segment"
    ;;
  server)
    need pgbackrest
    # What it does for a backup needs the key, as the backup does.
    load_key
    $run exec pgbackrest server
    ;;
  '') usage_error 'what is to be backed up?' ;;
esac
