#!/bin/sh
# Watches a shop after a release, and fails as soon as it is not well. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/watch-health.sh URL [--seconds N] [--interval SECONDS] [--failures N] [--timeout SECONDS]
                                          [--prometheus URL] [--cacert FILE] [--dry-run] [--help]

Asks /health and reads the catalogue until the time is over, and ends with 0; or with 1 and one line when either has
failed several times in a row, or when a critical alert fires. A single lost request is no reason to roll back.
  --seconds N         how long (600)
  --interval SECONDS  between two looks (5)
  --failures N        so many in a row are too many (3)
  --timeout SECONDS   of one request (10)
  --prometheus URL    whose alerts of severity critical count as well
  --cacert FILE       certificates to trust
  --dry-run           print what would be asked
Needs curl.
TEXT
}

fail() {
  echo "watch-health: $1" >&2
  exit 1
}
misused() {
  echo "watch-health: $1; see --help" >&2
  exit 2
}

url='' seconds=600 interval=5 failures=3 timeout=10 prometheus='' cacert='' dry=false
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds | --interval | --failures | --timeout | --prometheus | --cacert)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case "$1" in
        --seconds) seconds="$2" ;;
        --interval) interval="$2" ;;
        --failures) failures="$2" ;;
        --timeout) timeout="$2" ;;
        --prometheus) prometheus="${2%/}" ;;
        --cacert) cacert="$2" ;;
      esac
      shift
      ;;
    --dry-run) dry=true ;;
    --help) usage; exit 0 ;;
    -*) misused "unknown option $1" ;;
    *) [ -z "$url" ] || misused 'one URL is enough'; url="${1%/}" ;;
  esac
  shift
done
case "$url" in http://?* | https://?*) ;; *) misused 'which URL?' ;; esac
for number in "$seconds" "$interval" "$failures" "$timeout"; do
  case "$number" in *[!0-9]* | '') misused 'these are whole numbers' ;; esac
done

ALERTS='ALERTS{alertstate="firing",severity="critical"}'
if [ "$dry" = true ]; then
  echo "GET $url/health"
  echo "GET $url/api/v1/products?limit=1"
  [ -z "$prometheus" ] || echo "GET $prometheus/api/v1/query?query=$ALERTS"
  exit 0
fi
command -v curl >/dev/null || fail 'curl is not here'

# ask URL [ARGUMENT...]: prints the answer, or fails as curl does.
ask() {
  curl --silent --show-error --fail --max-time "$timeout" ${cacert:+--cacert "$cacert"} "$@" 2>&1
}

# look: prints what is wrong; nothing when the shop is well.
look() {
  if ! answer=$(ask "$url/health"); then
    echo "/health: $(echo "$answer" | tail -n 1)"
  elif ! answer=$(ask --output /dev/null "$url/api/v1/products?limit=1"); then
    echo "the catalogue: $(echo "$answer" | tail -n 1)"
  fi
}

deadline=$(($(date +%s) + seconds))
looks=0 in_a_row=0 missed=0
while :; do
  looks=$((looks + 1))
  wrong=$(look)
  if [ -z "$wrong" ]; then
    in_a_row=0
  else
    in_a_row=$((in_a_row + 1))
    missed=$((missed + 1))
    [ "$in_a_row" -lt "$failures" ] || fail "$in_a_row failures in a row, the last of $wrong"
  fi
  if [ -n "$prometheus" ]; then
    # A Prometheus that is away says nothing about the shop.
    firing=$(ask --get --data-urlencode "query=$ALERTS" "$prometheus/api/v1/query" \
      | sed -n 's/.*"alertname":"\([^"]*\)".*/\1/p' | head -n 1) || firing=''
    [ -z "$firing" ] || fail "the alert $firing fires"
  fi
  [ "$(date +%s)" -lt "$deadline" ] || break
  sleep "$interval"
done
echo "✓ well for $seconds s: $looks looks, $missed failed"
