#!/bin/sh
# Shows on real servers of its own that a backup can be restored, and how much is lost and how long it takes.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/restore-drill.sh [--damage] [--dry-run] [--help]

Starts a shop on a PostgreSQL, a Redis and two processes of its own, orders, backs it up by backup.sh, orders more,
destroys it and restores it by restore.sh: once to the last archived moment, once to a point in time. The ledger
has to equal the stock, the audit chains have to verify, and no order or payment acknowledged before that point may
be missing. Backups damaged in eleven ways have to be refused. Prints what is lost (RPO) and how long it takes until
the shop sells again (RTO). Touches no installation; about two minutes.
  --damage   alter a WAL segment of the backup first: the drill has to fail
  --dry-run  say what it would start

Needs `npm ci && npm run build`, pgBackRest, PostgreSQL 15 or later with its server programs, gpg and Redis; as root
on Debian it installs what is missing. Exit code 0: passed; 1: failed; 69: not run, because something cannot be had.
TEXT
}

cd "$(dirname "$0")/../.."
run='exec' arguments=''
for argument in "$@"; do
  case "$argument" in
    --damage) arguments=--damage ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) echo "restore-drill: unknown argument $argument; see --help" >&2; exit 2 ;;
  esac
done
[ -n "${run#exec}" ] || [ -f dist/main.js ] || { echo 'restore-drill: not built; npm run build' >&2; exit 1; }
$run node_modules/.bin/node scripts/backup/restore-drill.mjs ${arguments:+"$arguments"}
