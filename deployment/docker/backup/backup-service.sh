#!/bin/sh
# The service `backup` of the compose stack: makes the backups that are due by backup.sh, of whichever server is the primary.
#
#   backup-service.sh            works until SIGTERM, which ends it at once, and what it does
#   backup-service.sh healthy    ends with 0 while PostgreSQL and Redis have a backup of the last BACKUP_AGE_MAX_HOURS
#   backup-service.sh ARGUMENT...  backup.sh with these arguments, for the primary of now
#
# PostgreSQL: each day in the hour BACKUP_HOUR (UTC); when there is none of the last 25 hours; and at once in a new timeline
# (a failover, a restore), because what a lost primary had not archived is a gap that no earlier backup leads across.
# Redis: each six hours. What fails is tried again after five minutes.
set -eu

here=$(dirname "$0")
: "${BACKUP_HOUR:=2}" "${BACKUP_AGE_MAX_HOURS:=26}" "${BACKUP_INTERVAL_SECONDS:=20}"
# The volumes of the servers, each below its name: the data, and a socket. It is PGDATA to the server itself, which tells
# pgBackRest so.
: "${BACKUP_SERVERS_DIR:=/var/lib/caudal-servers}" "${PGDATA:=/var/lib/postgresql/18/docker}"
: "${BACKUP_METRICS_DIR:?is where it notes what it has done}" "${REDIS_BACKUP_URLS_FILE:?names the servers}"
export BACKUP_METRICS_DIR
HOUR=3600
RETRY_SECONDS=300
# The timeline that the last backup is of.
timeline_note="$BACKUP_METRICS_DIR/timeline"

say() { echo "backup-service: $1"; }

# "TIMELINE FAILURES" of a primary: its timeline, and how often a segment could not be archived. Nothing of others, and
# of one that was promoted only after its checkpoint, until which pgBackRest refuses it.
look() {
  PGCONNECT_TIMEOUT=3 PGOPTIONS='-c statement_timeout=5000' psql --host="$BACKUP_SERVERS_DIR/$1" --username=postgres \
    --dbname=postgres --no-psqlrc --quiet --tuples-only --no-align --field-separator=' ' --command="
    SELECT lpad(upper(to_hex(timeline_id)), 8, '0'), failed_count
    FROM pg_stat_archiver, pg_control_checkpoint() WHERE CASE WHEN NOT pg_is_in_recovery()
    THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) = lpad(upper(to_hex(timeline_id)), 8, '0') END;" 2>/dev/null
}

# Of several that take themselves for it, the one of the highest timeline, as failover.sh has it.
find_primary() {
  primary='' timeline='' failures=0
  for directory in "$BACKUP_SERVERS_DIR"/*; do
    found=$(look "${directory##*/}") || continue
    # Eight digits, hexadecimal: they sort as text. What is no later, or nothing, is passed over.
    [ "$(printf '%s\n%s\n' "$timeline" "${found% *}" | sort | tail -n 1)" != "$timeline" ] || continue
    primary="${directory##*/}" timeline="${found% *}" failures="${found#* }"
  done
  [ -n "$primary" ] || return 1
  mkdir -p "${PGDATA%/*}"
  ln -sfn "$BACKUP_SERVERS_DIR/$primary/18/docker" "$PGDATA"
  export PGBACKREST_PG1_PATH="$PGDATA" PGBACKREST_PG1_SOCKET_PATH="$BACKUP_SERVERS_DIR/$primary"
}

write_archiver_metrics() {
  target="$BACKUP_METRICS_DIR/caudal-archiver.prom"
  cat >"$target.$$" <<TEXT
# HELP pg_stat_archiver_failed_count How often the primary could not archive a segment of its WAL.
# TYPE pg_stat_archiver_failed_count counter
pg_stat_archiver_failed_count{server="$primary"} $failures
TEXT
  mv "$target.$$" "$target"
}

# age KIND: seconds since its last backup that succeeded, as backup.sh has noted it.
age() {
  made=$(sed -n 's/^backup_last_success_timestamp_seconds{.*} \([0-9]*\)$/\1/p' "$BACKUP_METRICS_DIR/caudal-backup-$1.prom" 2>/dev/null) || true
  echo $(($(date +%s) - ${made:-0}))
}

is_postgres_due() {
  [ "$(cat "$timeline_note" 2>/dev/null)" = "$timeline" ] || return 0
  [ "$(age postgres)" -le $((25 * HOUR)) ] || return 0
  hour=$(date -u +%H)
  [ "${hour#0}" -eq "$BACKUP_HOUR" ] && [ "$(age postgres)" -gt $((2 * HOUR)) ]
}

# In a process group of its own, which a SIGTERM ends as a whole; it is waited for without being deaf to that.
in_background() {
  setsid "$@" &
  child=$!
  wait "$child" && result=0 || result=$?
  child=''
  return "$result"
}
end() {
  [ -z "$child" ] || kill -s TERM -- "-$child" 2>/dev/null || kill -s TERM "$child" 2>/dev/null || true
  wait
  say 'ended'
  exit 0
}

load_redis() {
  REDIS_BACKUP_URLS=$(cat "$REDIS_BACKUP_URLS_FILE")
  export REDIS_BACKUP_URLS
}

child=''
case "${1:-}" in
  '') ;;
  healthy)
    for kind in postgres redis; do
      [ "$(age "$kind")" -le $((BACKUP_AGE_MAX_HOURS * HOUR)) ] || { say "no backup of $kind in the last $BACKUP_AGE_MAX_HOURS hours"; exit 1; }
    done
    exit 0
    ;;
  *)
    case "$1" in
      postgres) find_primary || { say 'there is no primary to back up'; exit 1; } ;;
      redis) load_redis ;;
    esac
    exec "$here/backup.sh" "$@"
    ;;
esac

load_redis
trap end TERM INT
postgres_after=0 redis_after=0 was_without=false
while :; do
  if find_primary; then
    was_without=false
    write_archiver_metrics
    if [ "$(date +%s)" -ge "$postgres_after" ] && is_postgres_due; then
      say "$primary is the primary, timeline $timeline"
      if in_background "$here/backup.sh" postgres --now; then
        echo "$timeline" >"$timeline_note"
      else
        postgres_after=$(($(date +%s) + RETRY_SECONDS))
      fi
    fi
  elif [ "$was_without" = false ]; then
    was_without=true
    say 'no server is a primary that answers: looking again and again'
  fi
  if [ "$(date +%s)" -ge "$redis_after" ] && [ "$(age redis)" -ge $((6 * HOUR)) ]; then
    in_background "$here/backup.sh" redis || redis_after=$(($(date +%s) + RETRY_SECONDS))
  fi
  in_background sleep "$BACKUP_INTERVAL_SECONDS"
done
