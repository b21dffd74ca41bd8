#!/bin/sh
# Entry point of the three PostgreSQL servers of the compose stack: fills an empty data directory and becomes
# the server. A directory that is there is started as it is, primary or standby.
#
#   POSTGRES_NODE          name of this server, as synchronous_standby_names has it
#   POSTGRES_PRIMARY_HOST  where an empty directory is filled from; without it a new cluster is made
#   PGDATA                 the data directory
set -eu

PGDATA="${PGDATA:-/var/lib/postgresql/18/docker}"
export PGDATA
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
    --dbname="host=$POSTGRES_PRIMARY_HOST user=replicator application_name=$POSTGRES_NODE"
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$building"
  mkdir -p "$(dirname "$PGDATA")"
  if [ -n "${POSTGRES_PRIMARY_HOST:-}" ]; then copy_primary; else make_cluster; fi
  rmdir "$PGDATA" 2>/dev/null || true
  mv "$building" "$PGDATA"
fi
chmod 0700 "$PGDATA"
# shellcheck disable=SC2086 # options without blanks in them
exec postgres -D "$PGDATA" $server
