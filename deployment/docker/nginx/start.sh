#!/bin/sh
# Starts nginx, and reloads it when a process has got another address. nginx resolves the names of upstreams.conf at its
# start and at each reload; containers that are made anew, or start again with their host, may have changed addresses with
# each other. It is looked at every ADDRESS_INTERVAL seconds (5). A process without an address is away, and changes
# nothing; as long as one is, nginx takes no reload, which is tried again until it does.
set -u
export LC_ALL=C

folder=$(dirname "$0")
known="${TMPDIR:-/tmp}/addresses"

# NAME ADDRESS,ADDRESS for each name that has one, in the order of the names.
addresses() {
  sed -n 's/^server \([^: ]*\):.*/\1/p' "$folder/upstreams.conf" | sort -u | while read -r name; do
    found=$(getent ahosts "$name" | sed 's/ .*//' | sort -u | tr '\n' ',')
    [ -z "$found" ] || echo "$name $found"
  done
}

follow() {
  refused=''
  # As long as this process, which is nginx by then.
  while sleep "${ADDRESS_INTERVAL:-5}" && kill -0 $$ 2>/dev/null; do
    addresses >"$known.now"
    moved=$(join "$known" "$known.now" | sed '/^[^ ]* \([^ ]*\) \1$/d; s/ .*//' | tr '\n' ' ')
    if [ -n "$moved" ]; then
      if nginx -t >"$known.test" 2>&1 && nginx -s reload 2>>"$known.test"; then
        echo "start.sh: reloaded: other addresses of $moved" >&2
      else
        [ "$refused" = "$moved" ] || echo "start.sh: not reloaded: $moved$(grep emerg "$known.test" | head -n 1)" >&2
        refused=$moved
        continue
      fi
    fi
    refused=''
    # What is away keeps the address that nginx knows.
    sort -u -s -k 1,1 "$known.now" "$known" >"$known.next" && mv "$known.next" "$known"
  done
}

addresses >"$known"
follow &
exec nginx -g 'daemon off;'
