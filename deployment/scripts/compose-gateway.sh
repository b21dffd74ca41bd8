# shellcheck shell=sh
# Sourced by deploy.sh: what it does to nginx, whose container is $nginx, and from there. $run is echo in a dry run, $work
# a directory of this run's own.

UPSTREAMS=deployment/docker/nginx/upstreams.conf
# nginx gives up what is left of before a reload after 30 s (worker_shutdown_timeout).
GATEWAY_PATIENCE=45

# The id of its container.
gateway() {
  containers status=running | sed -n 's/^nginx //p' | head -n 1
}

# The colour that nginx has; what has the traffic is what counts, whatever else is written anywhere.
active_colour() {
  sed -n 's/^server app-[0-9]*-\([a-z]*\):.*/\1/p' "$UPSTREAMS" | sort -u
}
# workers active|leaving: the processes of nginx that take requests, or that only end those of before a reload.
workers() {
  # shellcheck disable=SC2016 # for the shell of the container
  docker exec "$nginx" sh -c 'cd /proc && for each in $(grep -l -a "^nginx: worker process" [0-9]*/cmdline 2>/dev/null); do
    if grep -q -a "is shutting down" "$each" 2>/dev/null; then echo "leaving ${each%/*}"; else echo "active ${each%/*}"; fi
  done' | sed -n "s/^$1 //p"
}
# Reads the configuration anew, and waits until the workers are those that have it.
reload() {
  if [ -n "$run" ]; then
    echo "docker exec $nginx nginx -s reload"
    return 0
  fi
  before=" $(workers active | tr '\n' ' ')"
  docker exec "$nginx" nginx -s reload 2>/dev/null || return 1
  attempt=0
  while [ "$attempt" -lt 100 ]; do
    both=false
    for worker in $(workers active); do
      case "$before" in *" $worker "*) both=true ;; esac
    done
    [ "$both" = true ] || return 0
    attempt=$((attempt + 1))
    sleep 0.2
  done
  return 1
}
# Until every request that nginx took before the reload has its answer.
await_gateway() {
  [ -z "$run" ] || return 0
  attempt=0
  while [ "$attempt" -lt "$GATEWAY_PATIENCE" ] && [ -n "$(workers leaving)" ]; do
    attempt=$((attempt + 1))
    sleep 1
  done
}

# point_gateway_at COLOUR: both lists of the file, so that the one without ejection stays (ADR 0022).
point_gateway_at() {
  cp -p "$UPSTREAMS" "$work/upstreams.conf"
  sed 's/^\(server app-[0-9]*\)-[a-z]*:/\1-'"$1"':/' "$work/upstreams.conf" | replace "$UPSTREAMS"
  if ! $run docker exec "$nginx" nginx -t >"$work/test" 2>&1; then
    replace "$UPSTREAMS" <"$work/upstreams.conf"
    echo "$PROGRAM: nginx does not take it: $(grep emerg "$work/test" | head -n 1)" >&2
    return 1
  fi
  [ -z "$run" ] || cat "$work/test"
  reload
}

# ask_from_gateway SCRIPT ARGUMENT...: where the names are known, and with nothing published.
ask_from_gateway() {
  script="$1"
  shift
  if [ -n "$run" ]; then
    echo "docker exec -i $nginx sh -s -- $* <deployment/scripts/$script"
  else
    docker exec -i "$nginx" sh -s -- "$@" <"deployment/scripts/$script" 9>&-
  fi
}
