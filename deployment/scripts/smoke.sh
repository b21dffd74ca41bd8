#!/bin/sh
# Walks a buyer's journey through a deployed shop, from the outside and over HTTP only. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/smoke.sh URL [--wait SECONDS] [--timeout SECONDS] [--no-payment]
                                   [--cacert FILE] [--resolve HOST:PORT:ADDRESS] [--dry-run] [--help]

Is ready, lists its catalogue, registers a customer, takes an order under an Idempotency-Key, answers the same
order to the same key, takes a payment, and shows the order as paid. Ends with 0, or with 1 and one line that
says what was wrong first. Each run leaves one customer and one order behind.
  --wait SECONDS     how long the shop may take to become ready (30)
  --timeout SECONDS  of one request (10)
  --no-payment       for a shop that takes real money: cancels the order, so that its stock is free again
  --cacert FILE      certificates to trust
  --resolve H:P:A    asks this address for that host, to test one that has no traffic yet
  --dry-run          print the requests and send none
Needs curl.
TEXT
}

fail() {
  echo "smoke: $1" >&2
  exit 1
}
misused() {
  echo "smoke: $1; see --help" >&2
  exit 2
}

url='' wait=30 timeout=10 pay=true cacert='' resolve='' dry=false
while [ $# -gt 0 ]; do
  case "$1" in
    --wait | --timeout | --cacert | --resolve)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case "$1" in
        --wait) wait="$2" ;;
        --timeout) timeout="$2" ;;
        --cacert) cacert="$2" ;;
        --resolve) resolve="$2" ;;
      esac
      shift
      ;;
    --no-payment) pay=false ;;
    --dry-run) dry=true ;;
    --help) usage; exit 0 ;;
    -*) misused "unknown option $1" ;;
    *) [ -z "$url" ] || misused "one URL is enough"; url="$1" ;;
  esac
  shift
done
case "$url" in
  http://?* | https://?*) ;;
  '') misused 'which URL?' ;;
  *) misused "$url is not a URL" ;;
esac
case "$wait$timeout" in *[!0-9]* | '') misused 'seconds are whole numbers' ;; esac
url="${url%/}"
url="${url%/api/v1}"
command -v curl >/dev/null || fail 'curl is not here'

# The headers with the token are in a file, because arguments can be seen by everybody on the machine.
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'Accept: application/json\nContent-Type: application/json\n' >"$work/headers"

random() {
  od -An -N12 -tx1 /dev/urandom | tr -d ' \n'
}

# send METHOD PATH [BODY] [HEADER]: the answer is in $work/body, $work/head and $status.
send() {
  if [ "$dry" = true ]; then
    echo "$1 $url$2"
    return
  fi
  status=$(printf '%s' "${3:-}" | curl --silent --show-error --output "$work/body" --dump-header "$work/head" \
    --write-out '%{http_code}' --max-time "$timeout" --request "$1" --header @"$work/headers" \
    ${4:+--header "$4"} ${3:+--data-binary @-} ${cacert:+--cacert "$cacert"} ${resolve:+--resolve "$resolve"} \
    "$url$2" 2>"$work/error") || {
    status=000
    return 0
  }
}

# expect STEP STATUS: ends the run unless the answer has that status.
expect() {
  [ "$dry" = false ] || return 0
  [ "$status" != "$2" ] || return 0
  if [ "$status" = 000 ]; then
    fail "$1: no answer from $url ($(head -n 1 "$work/error"))"
  fi
  code=$(sed -n 's/.*"code":"\([A-Z_]*\)".*/\1/p' "$work/body" | head -n 1)
  fail "$1: answered $status${code:+ $code} where $2 was expected"
}

# value NAME: the first text of that name in the answer.
value() {
  tr ',' '\n' <"$work/body" | tr '{' '\n' | sed -n 's/^"'"$1"'":"\([^"]*\)".*/\1/p' | head -n 1
}

done_with() {
  [ "$dry" = true ] || echo "✓ $1"
}

# Health.
deadline=$(($(date +%s) + wait))
send GET /health/ready
while [ "$dry" = false ] && [ "$status" != 200 ] && [ "$(date +%s)" -lt "$deadline" ]; do
  sleep 1
  send GET /health/ready
done
expect health 200
send GET /health
expect health 200
if [ "$dry" = false ]; then
  health=$(value status)
  case "$health" in
    ok | degraded) done_with "health: $health" ;;
    *) fail "health: says \"$health\"" ;;
  esac
fi

# Catalogue: each {"id":…} begins a line, so that a variant's id and its stock are on one.
send GET '/api/v1/products?inStock=true&limit=20'
expect catalogue 200
variant='<variant>'
if [ "$dry" = false ]; then
  variant=$(sed 's/{"id":"/\
&/g' "$work/body" | sed -n 's/^{"id":"\([^"]*\)".*"available":[1-9].*/\1/p' | head -n 1)
  [ -n "$variant" ] || fail 'catalogue: no product on the first page is in stock'
  done_with 'catalogue'
fi

# A customer of this run alone; the address is of a domain that never gets mail.
send POST /api/v1/auth/register \
  "{\"email\":\"smoke-$(random)@example.com\",\"password\":\"Smoke-$(random)\",\"name\":\"Smoke Test\"}"
expect register 201
if [ "$dry" = false ]; then
  token=$(value accessToken)
  [ -n "$token" ] || fail 'register: the answer has no accessToken'
  printf 'Authorization: Bearer %s\n' "$token" >>"$work/headers"
  done_with 'register'
fi

# An order, and the same again: one effect, one answer.
key="smoke-$(random)"
body="{\"lines\":[{\"variantId\":\"$variant\",\"quantity\":1}],\"shippingAddress\":{\"name\":\"Smoke Test\",\"line1\":\"Calle Mayor 1\",\"city\":\"Madrid\",\"postalCode\":\"28013\",\"country\":\"ES\"}}"
send POST /api/v1/orders "$body" "Idempotency-Key: $key"
expect order 201
order='<order>'
if [ "$dry" = false ]; then
  order=$(value id)
  [ -n "$order" ] || fail 'order: the answer has no id'
  done_with 'order'
fi
send POST /api/v1/orders "$body" "Idempotency-Key: $key"
expect replay 201
if [ "$dry" = false ]; then
  [ "$(value id)" = "$order" ] || fail "replay: the same key made a second order, $(value id) after $order"
  grep -qi '^idempotency-replayed: *true' "$work/head" || fail 'replay: the answer is not marked as a replay'
  done_with 'replay'
fi

if [ "$pay" = true ]; then
  send POST "/api/v1/orders/$order/payments" '{"provider":"test","token":"tok_success"}' "Idempotency-Key: pay-$key"
  expect payment 201
  done_with 'payment'
  wanted=paid
else
  send POST "/api/v1/orders/$order/cancel" '{}'
  expect cancellation 200
  done_with 'cancellation'
  wanted=cancelled
fi
send GET "/api/v1/orders/$order"
expect 'order afterwards' 200
if [ "$dry" = false ]; then
  [ "$(value status)" = "$wanted" ] || fail "order afterwards: reads as \"$(value status)\" and not as \"$wanted\""
  done_with "order reads as $wanted"
fi
