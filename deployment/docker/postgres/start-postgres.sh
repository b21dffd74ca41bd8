#!/bin/sh
# Entry point of the three PostgreSQL servers of the compose stack: fills an empty data directory and becomes
# the server. A directory that is there is started as it is, primary or standby.
#
#   POSTGRES_NODE          name of this server, as synchronous_standby_names has it
#   POSTGRES_PRIMARY_HOST  where an empty directory is filled from; without it a new cluster is made
#   PGDATA                 the data directory
#
# Once failover.sh has been here, the file primary-host beside PGDATA names the primary, and counts for more than
# POSTGRES_PRIMARY_HOST. A server that it does not name starts as a standby of the one that it names, whatever
# its data were before: that is how a former primary is fenced.
#
#   start-postgres.sh           becomes the server
#   start-postgres.sh copy      makes the data directory anew from the primary, and ends
set -eu

PGDATA="${PGDATA:-/var/lib/postgresql/18/docker}"
export PGDATA
own_host=$(echo "$POSTGRES_NODE" | tr _ -)
note="$(dirname "$PGDATA")/primary-host"
primary="${POSTGRES_PRIMARY_HOST:-}"
if [ -s "$note" ]; then
  read -r primary <"$note"
fi
# What is made here becomes PGDATA in one step, so that half of it is never taken for a whole.
building="$PGDATA.building"
server="-c config_file=/etc/caudal/postgresql.conf -c cluster_name=$POSTGRES_NODE"

make_cluster() {
  initdb --pgdata="$building" --username=postgres --auth=peer --encoding=UTF8 --data-checksums \
    --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8
  application=$(cat /run/secrets/postgres_password)
  replication=$(cat /run/secrets/replication_password)
  # No network, and nobody to wait for. The passwords stand in no command line.
  # shellcheck disable=SC2086 # options without blanks in them
  pg_ctl --pgdata="$building" --wait --options="$server -c listen_addresses= -c synchronous_standby_names=" start
  psql --host=/var/run/postgresql --username=postgres --dbname=postgres --set=ON_ERROR_STOP=1 --quiet <<SQL
CREATE ROLE caudal LOGIN PASSWORD '$application';
GRANT pg_monitor TO caudal;
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '$replication';
CREATE DATABASE caudal OWNER caudal;
SELECT pg_create_physical_replication_slot(name) FROM (VALUES ('postgres_2'), ('postgres_3')) AS standby (name);
SQL
  pg_ctl --pgdata="$building" --wait --mode=fast stop
}

copy_primary() {
  # pg_basebackup writes it, with the password, into the settings of the standby.
  PGPASSWORD=$(cat /run/secrets/replication_password) pg_basebackup --pgdata="$building" --wal-method=stream \
    --checkpoint=fast --write-recovery-conf --slot="$POSTGRES_NODE" \
    --dbname="host=$primary user=replicator application_name=$POSTGRES_NODE"
}

# Makes the directory that of a standby of $primary; the password goes where pg_basebackup puts it as well.
follow_primary() {
  settings="$PGDATA/postgresql.auto.conf"
  grep -v -e '^primary_conninfo' -e '^primary_slot_name' "$settings" >"$settings.new" || true
  printf "primary_conninfo = 'host=%s user=replicator password=%s application_name=%s'\nprimary_slot_name = '%s'\n" \
    "$primary" "$(cat /run/secrets/replication_password)" "$POSTGRES_NODE" "$POSTGRES_NODE" >>"$settings.new"
  chmod 0600 "$settings.new"
  mv "$settings.new" "$settings"
  : >"$PGDATA/standby.signal"
}

fail() {
  echo "start-postgres: $1" >&2
  exit 1
}

if [ "${1:-}" = copy ]; then
  case "$primary" in '' | "$own_host") fail "$own_host is the primary: there is nothing to copy" ;; esac
  rm -rf "$building" "$PGDATA.former"
  copy_primary
  [ ! -e "$PGDATA" ] || mv "$PGDATA" "$PGDATA.former"
  mv "$building" "$PGDATA"
  rm -rf "$PGDATA.former"
  exit 0
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # A new, empty shop in the place of the one that was lost would be the worst of answers.
  [ "$primary" != "$own_host" ] || fail "$own_host is the primary since a failover, and its data are not here"
  rm -rf "$building"
  mkdir -p "$(dirname "$PGDATA")"
  if [ -n "$primary" ]; then copy_primary; else make_cluster; fi
  rmdir "$PGDATA" 2>/dev/null || true
  mv "$building" "$PGDATA"
elif [ -s "$note" ] && [ "$primary" != "$own_host" ]; then
  follow_primary
fi
chmod 0700 "$PGDATA"
# shellcheck disable=SC2086 # options without blanks in them
exec postgres -D "$PGDATA" $server
