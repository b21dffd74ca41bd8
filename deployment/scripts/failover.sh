#!/bin/sh
# Makes a replica the primary of the compose stack of this host. See --help.
set -eu

PROGRAM=failover
usage() {
  cat <<'TEXT'
Usage: deployment/scripts/failover.sh [--force] [--to SERVER] [--accept-loss] [--dry-run] [--help]
       deployment/scripts/failover.sh --rejoin SERVER [--dry-run]

Promotes the replica that has received the most, when the primary is lost: ends the old primary and notes in its volume
whom it has to follow (it starts as a standby from then on, or not at all), lets the other replica follow the new one,
points PgBouncer's entry for writing and the migrations there, and sees a commit through. Says how many bytes of WAL the
old primary has that the new one has not; orders that were acknowledged are not among them, because they were on
two servers. Orders wait meanwhile, and are refused with 503 where that takes longer than they can wait.
Cut off, it is run again and goes on.
  --force            although the primary is well: a planned switchover. It is stopped first, in order; nothing is lost
  --to SERVER        postgres-1, postgres-2 or postgres-3, in place of the one with the most WAL (only with --force)
  --accept-loss      although another replica cannot be asked, and may have acknowledged orders that this one lacks
  --rejoin SERVER    makes a server that is not the primary a replica again: copies the primary (pg_basebackup), in
                     place of what the server had, and waits until it follows
  --dry-run          say what would be done, and change nothing
Exit code 0: orders are taken; 1: not, with one line why; 2: called wrongly.
Needs docker with compose, and flock. Environment: COMPOSE_FILE (docker-compose.production.yml),
COMPOSE_PROJECT_NAME, COMPOSE_ENV_FILES, SECRETS_DIR (what .env says, or secrets), CAUDAL_STATE_DIR (.deployment).
TEXT
}

# shellcheck source=deployment/scripts/compose-environment.sh
. "$(dirname "$0")/compose-environment.sh"

SERVERS='postgres-1 postgres-2 postgres-3'
PGBOUNCER=deployment/docker/pgbouncer/pgbouncer.ini
# For the other replica to follow; after that orders are taken without it.
FOLLOW_SECONDS=6
REJOIN_SECONDS=120

force=false wanted='' accept_loss=false rejoin='' run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --to | --rejoin)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case " $SERVERS " in *" $2 "*) ;; *) misused "$2 is none of $SERVERS" ;; esac
      case "$1" in
        --to) wanted="$2" ;;
        --rejoin) rejoin="$2" ;;
      esac
      shift
      ;;
    --force) force=true ;;
    --accept-loss) accept_loss=true ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) misused "unknown option $1" ;;
  esac
  shift
done
[ -z "$wanted" ] || [ "$force" = true ] || misused '--to is for a planned switchover: --force'

# --- Asking ---

# They are looked up once: each question costs a part of a second, and there are many.
id_of() {
  sed -n "s/^$1 //p" "$work/containers" | head -n 1
}
# sql SERVER: runs standard input there, and prints what it gives. Answers, or fails, within seconds: a server that hangs
# does not answer either.
sql() {
  docker exec --interactive --env PGCONNECT_TIMEOUT=3 --env "PGOPTIONS=-c statement_timeout=${2:-5000}" "$(id_of "$1")" \
    psql --host=/var/run/postgresql --username=postgres --dbname=postgres --no-psqlrc --quiet --tuples-only --no-align \
    --field-separator=' ' --set=ON_ERROR_STOP=1
}
# change SERVER: the same for what changes something.
change() {
  if [ -n "$run" ]; then
    printf 'on %s: %s\n' "$1" "$(tr '\n' ' ' | tr -s ' ')"
  else
    sql "$@" >/dev/null
  fi
}
# look SERVER: "primary|standby TIMELINE POSITION", or "away". The position is the end of what is safe on its disk.
look() {
  sql "$1" 2>/dev/null <<'SQL' || echo 'away 0 0'
SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END,
  CASE WHEN pg_is_in_recovery()
    THEN GREATEST((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT received_tli FROM pg_stat_wal_receiver))
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
  pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_flush_lsn() END, '0/0');
SQL
}
# All of them at once: one that hangs takes seconds.
look_around() {
  for server in $SERVERS; do
    { echo "$server $(look "$server")" >"$work/look.$server"; } 9>&- &
  done
  wait
  cat "$work"/look.* >"$work/servers"
}
# Of several that take themselves for the primary, the one with the highest timeline.
primary() {
  awk '$2 == "primary"' "$work/servers" | sort -k 3,3n -k 4,4n | tail -n 1 | cut -d ' ' -f 1
}
standbys() {
  awk '$2 == "standby"' "$work/servers" | sort -k 3,3nr -k 4,4nr | cut -d ' ' -f 1
}
# field SERVER NUMBER
field() {
  awk -v server="$1" -v number="$2" '$1 == server { print $number }' "$work/servers"
}
# Whether a transaction that writes is committed, as an order would be. A commit that waits for a replica has no timeout:
# it is asked for only when there is one.
commits() {
  [ "$(echo "SELECT count(*) > 0 OR current_setting('synchronous_standby_names') = '' FROM pg_stat_replication
    WHERE state = 'streaming' AND sync_state <> 'async';" | sql "$1" 2>/dev/null)" = t ] || return 1
  echo "SELECT pg_logical_emit_message(true, 'failover', 'writes are back');" | sql "$1" >/dev/null 2>&1
}

# --- Changing ---

NOTE_FILE=/var/lib/postgresql/18/primary-host
# note SERVER: whom it has to follow when it starts, in its volume, whether it runs or not.
note() {
  if [ -z "$(id_of "$1")" ]; then
    $run docker compose up --no-start --no-deps "$1" >/dev/null 2>&1 || return 1
    [ -n "$run" ] || containers >"$work/containers"
  fi
  echo "$new" >"$work/primary-host"
  if [ -n "$run" ]; then
    echo "in the volume of $1: primary-host is $new"
  else
    docker cp --quiet "$work/primary-host" "$(id_of "$1"):$NOTE_FILE" >/dev/null 2>"$work/error"
  fi
}
# end SERVER: however it is, and it stays away until somebody starts it.
end() {
  id=$(id_of "$1")
  if [ -n "$run" ]; then
    echo "docker stop $id"
    return 0
  fi
  if [ "$force" = true ] && [ "$1" = "$lost" ]; then
    # SIGINT: a fast shutdown, which waits until the replicas have all of it.
    docker stop "$id" >/dev/null || true
  else
    # One that is paused can only be killed after that.
    docker kill "$id" >/dev/null 2>&1 || { docker unpause "$id" && docker kill "$id"; } >/dev/null 2>&1 || true
    # One between two restarts is told not to start again.
    docker stop "$id" >/dev/null || true
  fi
  [ "$(docker inspect --format '{{.State.Running}}' "$id")" = false ] || fail "$1 cannot be ended"
}

# measure SERVER TIMELINE POSITION: how many bytes it has after that position. Its data are read by a container of their own.
measure() {
  # shellcheck disable=SC2016 # for the shell of the container
  docker compose run --rm --no-deps -T --entrypoint /bin/sh "$1" -c '
    from=$(printf "%X/%08X" $(($2 / 4294967296)) $(($2 % 4294967296)))
    found=$(pg_waldump --stats --timeline="$1" --start="$from" --path=/var/lib/postgresql/18/docker/pg_wal 2>&1) || true
    end=$(echo "$found" | sed -n "s/^WAL statistics between .* and \([0-9A-F]*\/[0-9A-F]*\).*/\1/p")
    case "$end$found" in
      *"could not find a valid record after"*) echo 0 ;;
      */*) [ -n "$end" ] && echo $((0x${end%/*} * 4294967296 + 0x${end#*/} - $2)) ;;
    esac' - "$2" "$3" </dev/null 2>/dev/null 9>&- || true
}
measure_all() {
  for server in $fenced; do
    { measure "$server" "$timeline" "$position" >"$work/lacks.$server"; } &
  done
}
# Waits for that: $lacks is the most of them, $unknown names those of which nothing is known.
gather() {
  wait
  unknown='' lacks=0
  for server in $fenced; do
    more=$(cat "$work/lacks.$server")
    case "$more" in
      '' | *[!0-9]*) unknown="$unknown $server" ;;
      *) [ "$more" -le "$lacks" ] || lacks="$more" ;;
    esac
  done
  say "$new lacks ${unknown:+at least }$lacks bytes of WAL that were elsewhere${unknown:+; cannot be told of$unknown}"
}

# Lets a standby that runs follow $new; the password stays where it is.
redirect() {
  note "$1" || return 1
  change "$1" <<SQL
SELECT format('ALTER SYSTEM SET primary_conninfo = %L', regexp_replace(current_setting('primary_conninfo'),
  '(\mhost=)(''[^'']*''|\S+)', '\1$new')) \gexec
SELECT pg_reload_conf();
SQL
}
# slots SERVER: one for each of the others, and no other: what nobody reads would fill the disk.
slots() {
  change "$1" <<SQL
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
  WHERE slot_type = 'physical' AND NOT active AND slot_name = '$(echo "$1" | tr - _)';
SELECT pg_create_physical_replication_slot(name) FROM unnest(string_to_array('$(echo "$SERVERS" | tr - _)', ' ')) AS name
  WHERE name <> '$(echo "$1" | tr - _)' AND name NOT IN (SELECT slot_name FROM pg_replication_slots);
SQL
}
drop_slots() {
  change "$1" <<'SQL'
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT active;
SQL
}

# The entry for writing leads to $new, and the entry that did to the server that it has replaced.
point_pgbouncer() {
  former=$(sed -n 's/^caudal = host=\([^ ]*\) .*/\1/p' "$PGBOUNCER")
  if [ "$former" != "$new" ]; then
    sed -e "/^caudal[_0-9]* = /s/host=$new /host=@ /" -e "/^caudal[_0-9]* = /s/host=$former /host=$new /" \
      -e "/^caudal[_0-9]* = /s/host=@ /host=$former /" "$PGBOUNCER" >"$work/pgbouncer.ini"
    replace "$PGBOUNCER" <"$work/pgbouncer.ini"
  fi
  # Not by `docker kill`, after which the engine holds it to be stopped for good.
  $run docker exec "$(id_of pgbouncer)" sh -c 'kill -HUP 1' || echo "$PROGRAM: pgbouncer does not run" >&2
  # For migrations, which do not go through PgBouncer.
  direct="${SECRETS_DIR:-$(sed -n 's/^SECRETS_DIR=//p' "$SETTINGS_FILE" 2>/dev/null | tail -n 1)}"
  direct="${direct:-secrets}/database_direct_url"
  if [ -r "$direct" ]; then
    sed "s/@postgres-[0-9]:/@$new:/" "$direct" >"$work/direct"
    cmp -s "$work/direct" "$direct" || replace "$direct" <"$work/direct"
  else
    echo "$PROGRAM: there is no $direct: migrations need a URL of $new" >&2
  fi
}

# --- A replica again ---

rejoin() {
  new=$(primary)
  [ -n "$new" ] || fail 'there is no primary to follow: failover.sh'
  [ "$rejoin" != "$new" ] || fail "$rejoin is the primary"
  say "$rejoin becomes a copy of $new"
  slots "$new"
  # A volume that is new has no place for it yet; what is made there belongs to the server's user.
  note "$rejoin" || {
    docker compose run --rm --no-deps -T --entrypoint /bin/mkdir "$rejoin" -p "${NOTE_FILE%/*}" </dev/null >/dev/null 2>&1 9>&- || true
    note "$rejoin"
  } || fail "the volume of $rejoin cannot be written: $(tail -n 1 "$work/error")"
  id=$(id_of "$rejoin")
  [ -z "$id" ] || $run docker stop "$id" >/dev/null
  $run docker compose run --rm --no-deps -T "$rejoin" copy </dev/null >"$work/copy" 2>&1 \
    || fail "it cannot be copied: $(tail -n 1 "$work/copy")"
  $run docker compose up --detach --no-deps "$rejoin" >/dev/null 2>&1 || fail "$rejoin does not start"
  [ -z "$run" ] || return 0
  deadline=$(($(date +%s) + REJOIN_SECONDS))
  until [ "$(echo "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'
    AND application_name = '$(echo "$rejoin" | tr - _)';" | sql "$new" 2>/dev/null)" = 1 ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "$rejoin does not follow $new: docker compose logs $rejoin"
    sleep 1
  done
  # An order has somebody to wait for again, whatever was given up before.
  change "$new" <<'SQL'
ALTER SYSTEM RESET synchronous_standby_names;
SELECT pg_reload_conf();
SQL
  say "✓ $rejoin follows $new"
}

# --- The failover ---

find_stack
lock
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

containers >"$work/containers"
measured=true
look_around
if [ -n "$rejoin" ]; then
  rejoin
  exit 0
fi
lost=$(primary)
new=$(remembered new)
if [ -n "$new" ] && [ "$lost" = "$new" ]; then
  say "$new was promoted before this was cut off: going on"
  lost=$(remembered lost)
else
  if [ -n "$lost" ] && [ "$force" = false ]; then
    fail "$lost is well, and stays the primary; --force: a planned switchover"
  fi
  [ -n "$(standbys)" ] || fail 'no replica answers: start one, or restore a backup'
  [ -z "$wanted" ] || [ "$(field "$wanted" 2)" = standby ] || fail "$wanted is no replica that answers"
  # Whoever does not answer might be the primary, and is not to come back as one.
  fenced=''
  for server in $SERVERS; do
    [ "$(field "$server" 2)" = standby ] || fenced="$fenced $server"
  done
  if [ -z "$lost" ]; then
    # As the replicas know it.
    lost=$(echo "SELECT substring(current_setting('primary_conninfo') FROM '\mhost=''?([^'' ]+)');" | sql "$(standbys | head -n 1)") || lost=''
    case " $fenced " in *" $lost "*) ;; *) lost="${fenced##* }" ;; esac
  fi
  for server in $fenced; do
    [ -n "$(id_of "$server")" ] || continue
    say "ending $server"
    end "$server"
  done
  # What the replicas have now is what there will be.
  [ -n "$run" ] || look_around
  new="${wanted:-$(standbys | head -n 1)}"
  [ -n "$new" ] || fail 'no replica answers any more'
  timeline=$(field "$new" 3) position=$(field "$new" 4)
  measured=false
  remember "new=$new" "lost=$lost"
  say "$new has received the most: timeline $timeline, byte $position"

  [ -n "$run" ] || measure_all
  # With both replicas there is nothing to decide: what was acknowledged, one of them has, and this one has no less.
  if [ -z "$run" ] && { [ "$force" = true ] || [ "$(standbys | wc -l)" -lt 2 ]; }; then
    gather
    measured=true
    if [ "$force" = true ] && [ "$lacks$unknown" != 0 ]; then
      docker start "$(id_of "$lost")" >/dev/null
      forget
      fail "$lost was stopped in order and $new lacks some of it: $lost has been started again and is the primary"
    elif [ "$lacks$unknown" != 0 ] && [ "$accept_loss" = false ]; then
      fail "another replica does not answer, and acknowledged orders may be there alone: bring it back, or --accept-loss"
    fi
  fi
  for server in $fenced; do
    note "$server" || fail "$server cannot be fenced ($(tail -n 1 "$work/error")): repair or remove its volume"
  done
fi

# Each of these steps may have been taken already.
note "$new" || fail "the volume of $new cannot be written: $(tail -n 1 "$work/error")"
slots "$new"
for server in $(standbys); do
  [ "$server" = "$new" ] || redirect "$server" || echo "$PROGRAM: $server does not follow: failover.sh --rejoin $server" >&2
done
point_pgbouncer
if [ "$(field "$new" 2)" = standby ]; then
  echo 'SELECT pg_promote(true, 60);' | change "$new" 65000 || fail "$new cannot be promoted: docker compose logs $new"
  say "$new is the primary"
fi
if [ -n "$run" ]; then
  exit 0
fi
deadline=$(($(date +%s) + FOLLOW_SECONDS))
until commits "$new"; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    change "$new" <<'SQL'
ALTER SYSTEM SET synchronous_standby_names = '';
SELECT pg_reload_conf();
SQL
    say 'no replica follows: orders are taken on one server alone until one is back by --rejoin'
    commits "$new" || fail "$new takes no writes: docker compose logs $new"
    break
  fi
  sleep 0.2
done
say '✓ writes are back'
[ "$measured" = true ] || gather
for server in $(standbys); do
  [ "$server" = "$new" ] || drop_slots "$server" || true
done
forget
if [ "$force" = true ]; then
  # It ended in order and has nothing of its own: it can follow as it is.
  docker start "$(id_of "$lost")" >/dev/null
  deadline=$(($(date +%s) + REJOIN_SECONDS))
  until drop_slots "$lost" 2>/dev/null; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "writes are back, but $lost does not start: docker compose logs $lost"
    sleep 1
  done
  say "$lost is a replica of $new"
else
  say "to make it a replica again: deployment/scripts/failover.sh --rejoin ${lost:-SERVER}"
fi
