#!/bin/sh
# Entry point of the image. Each container takes these steps and then becomes its command (exec), so that
# signals reach Node and its exit code is the container's.
#
#   0. Secrets that are files (DATABASE_URL_FILE=/run/secrets/...) are read into their variables.
#   1. The heap gets 75 % of the memory limit, unless NODE_OPTIONS already says how much.
#   2. Only for the application: the configuration is checked, and PostgreSQL is waited for
#      (STARTUP_DEADLINE_MS). Without Redis it warns and goes on: the application then starts degraded.
#      The application's own process does it, whose start then is the only one; before migrations, one of its own.
#   3. With RUN_MIGRATIONS=true migrations are applied, under a lock, over MIGRATION_DATABASE_URL or
#      DATABASE_URL. It must be a direct connection, not PgBouncer.
#
#   docker run IMAGE                       the application; ROLE says what it does
#   docker run IMAGE migrate               applies the migrations and ends
#   docker run IMAGE prestart              migrate, then the seed (first administrator), and ends
#   docker run IMAGE node dist/seed.js     any other command gets steps 0 and 1 only
set -eu

# JWT_PRIVATE_KEY_FILE is not among them: the application reads that file itself.
for name in DATABASE_URL DATABASE_REPLICA_URLS MIGRATION_DATABASE_URL REDIS_URL REDIS_RATE_LIMIT_URL \
  REDIS_SESSION_URL REDIS_SESSION_REGIONS REDIS_CACHE_URL FIELD_ENCRYPTION_KEYS BLIND_INDEX_KEY \
  CURSOR_SIGNING_KEY ADMIN_PASSWORD; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  if [ ! -r "$file" ]; then
    echo "docker-entrypoint: ${name}_FILE: cannot read $file" >&2
    exit 1
  fi
  value=$(cat "$file")
  export "$name=$value"
  unset "${name}_FILE"
done

MEBIBYTE=1048576
HEAP_PERCENT=75

# Bytes of the container's memory limit; empty when there is none.
memory_limit() {
  for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    if [ -r "$file" ]; then
      read -r limit <"$file" || true
      # "max", and on the older kernels a number close to 2^63, mean that there is no limit.
      case "$limit" in
        '' | *[!0-9]* | ????????????????*) ;;
        *) echo "$limit" ;;
      esac
      return
    fi
  done
}

case " ${NODE_OPTIONS:-} " in
  *--max-old-space-size* | *--max_old_space_size*) ;;
  *)
    limit=$(memory_limit)
    if [ -n "$limit" ]; then
      NODE_OPTIONS="${NODE_OPTIONS:+$NODE_OPTIONS }--max-old-space-size=$((limit * HEAP_PERCENT / 100 / MEBIBYTE))"
      export NODE_OPTIONS
    fi
    ;;
esac

direct_url="${MIGRATION_DATABASE_URL:-${DATABASE_URL:-}}"

case "$*" in
  migrate)
    export DATABASE_URL="$direct_url"
    exec node scripts/database/migrate.mjs
    ;;
  prestart)
    DATABASE_URL="$direct_url" node scripts/database/migrate.mjs
    set -- node dist/seed.js
    ;;
  node*dist/main.js)
    if [ "${RUN_MIGRATIONS:-false}" = true ]; then
      node dist/pre-flight.js
      DATABASE_URL="$direct_url" node scripts/database/migrate.mjs
    else
      set -- "$@" --pre-flight
    fi
    ;;
esac
exec "$@"
