#!/bin/sh
# Starts the shop on this machine for development, in the foreground or behind the terminal. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/dev-start.sh [--detach | --stop] [--instances N] [--wait SECONDS] [--dry-run] [--help]

Runs `npm start` from the checkout that this script is in: installs, builds, starts PostgreSQL, a replica and Redis,
migrates, fills a demo shop and serves it. When it already runs on DATA_DIR it says so and ends with 0.
  --detach        return when the shop is ready; its output goes to DATA_DIR/dev-start.log
  --stop          stop the one that runs on DATA_DIR, and wait for its end
  --instances N   so many processes on consecutive ports (1)
  --wait SECONDS  how long --detach and --stop wait (600: the first start installs and builds)
  --dry-run       print what would be done
PORT (3000), DATA_DIR (.caudal) and everything in docs/configuration.md are passed on. `npm run reset` removes
the data.
TEXT
}

fail() {
  echo "dev-start: $1" >&2
  exit 1
}
misused() {
  echo "dev-start: $1; see --help" >&2
  exit 2
}

mode=foreground instances=1 wait=600 dry=false
while [ $# -gt 0 ]; do
  case "$1" in
    --instances | --wait)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case "$1" in
        --instances) instances="$2" ;;
        --wait) wait="$2" ;;
      esac
      shift
      ;;
    --detach) mode=detach ;;
    --stop) mode=stop ;;
    --dry-run) dry=true ;;
    --help) usage; exit 0 ;;
    *) misused "unknown option $1" ;;
  esac
  shift
done
case "$instances$wait" in *[!0-9]* | '') misused 'these are whole numbers' ;; esac

data="${DATA_DIR:-}"
[ -z "$data" ] || data=$(mkdir -p "$(dirname "$data")" && cd "$(dirname "$data")" && pwd)/$(basename "$data")
cd "$(dirname "$0")/../.."
data="${data:-$PWD/.caudal}"
export DATA_DIR="$data"
url="http://127.0.0.1:${PORT:-3000}"

# The process that owns DATA_DIR; empty when there is none.
owner() {
  [ -r "$data/lock.json" ] || return 0
  pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$data/lock.json")
  # A number that another program has now is not the shop.
  # shellcheck disable=SC2009 # pgrep knows no -p, and this asks about one process
  if [ -n "$pid" ] && ps -p "$pid" -o args= 2>/dev/null | grep -q 'scripts/start\.mjs'; then echo "$pid"; fi
}

# Its runtime.json appears when every process of it is ready.
is_ready() {
  [ -r "$data/runtime.json" ] && [ -n "$(owner)" ]
}

running=$(owner)
if [ "$mode" = stop ]; then
  if [ -z "$running" ]; then
    echo "nothing runs on $data"
    exit 0
  fi
  if [ "$dry" = true ]; then
    echo "kill -TERM $running"
    exit 0
  fi
  kill -TERM "$running"
  deadline=$(($(date +%s) + wait))
  while [ -n "$(owner)" ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "process $running has not ended within $wait s"
    sleep 1
  done
  echo "✓ stopped"
  exit 0
fi

if [ -n "$running" ]; then
  echo "already running on $data (process $running)"
  exit 0
fi
command -v node >/dev/null || fail 'Node 20 or newer is not here'
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || fail "Node is $major, and has to be 20 or newer"

log="$data/dev-start.log"
if [ "$dry" = true ]; then
  echo "node scripts/start.mjs --instances $instances$([ "$mode" = foreground ] || echo " >$log 2>&1 &")"
  exit 0
fi
[ "$mode" = detach ] || exec node scripts/start.mjs --instances "$instances"

mkdir -p "$data"
nohup node scripts/start.mjs --instances "$instances" >"$log" 2>&1 </dev/null &
started=$!
deadline=$(($(date +%s) + wait))
until is_ready; do
  if ! kill -0 "$started" 2>/dev/null; then
    tail -n 5 "$log" >&2
    fail "it did not start; the whole output is in $log"
  fi
  if [ "$(date +%s)" -ge "$deadline" ]; then
    kill -TERM "$started" 2>/dev/null || true
    fail "it was not ready within $wait s; the output is in $log"
  fi
  sleep 1
done
echo "✓ ready: $url (output in $log, end it with $0 --stop)"
