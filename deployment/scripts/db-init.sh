#!/bin/sh
# Makes an empty database ready for the first process. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/db-init.sh [--no-seed] [--dry-run] [--help]

Applies the migrations that the database lacks, makes the first administrator and fills an empty catalogue with the
demo shop. Any number may run at once and again: they take turns, and what is there is kept.
  --no-seed   only the migrations
  --dry-run   print the steps and take none
Environment: DATABASE_URL; MIGRATION_DATABASE_URL where DATABASE_URL goes through PgBouncer (migrations need a direct
connection); ADMIN_EMAIL and ADMIN_PASSWORD with FIELD_ENCRYPTION_KEYS and BLIND_INDEX_KEY for the administrator.
Runs in a checkout that is built (`npm run build`), or in the image with --no-seed.
TEXT
}

fail() {
  echo "db-init: $1" >&2
  exit 1
}

seed=true run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --no-seed) seed=false ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) echo "db-init: unknown option $1; see --help" >&2; exit 2 ;;
  esac
  shift
done

cd "$(dirname "$0")/../.."
# The project's own Node comes first: the system's may be older.
PATH="$PWD/node_modules/.bin:$PATH"
[ -n "${DATABASE_URL:-}" ] || fail 'DATABASE_URL is not set: which database?'
[ "$seed" = false ] || [ -r dist/seed.js ] || fail 'dist/seed.js is missing: build first, or leave out the seed with --no-seed'

if [ -n "$run" ]; then
  echo "node scripts/database/migrate.mjs"
else
  DATABASE_URL="${MIGRATION_DATABASE_URL:-$DATABASE_URL}" node scripts/database/migrate.mjs
fi
if [ "$seed" = true ]; then
  $run node dist/seed.js
fi
[ -n "$run" ] || echo '✓ the database is ready'
