#!/bin/sh
# Brings another image to the compose stack of this host, blue-green. See --help.
set -eu

PROGRAM=deploy
usage() {
  cat <<'TEXT'
Usage: deployment/scripts/deploy.sh IMAGE [--timeout SECONDS] [--watch SECONDS] [--url URL [--cacert FILE]]
                                    [--payment | --no-smoke] [--dry-run] [--help]
       deployment/scripts/deploy.sh --abort [--dry-run]

Migrates, puts the processes of the new image beside those that run (the other of the colours blue and green), tests
them by smoke.sh, gives them the traffic by a reload of nginx, watches them by watch-health.sh, and lets the others
finish and stop. What does not become healthy, fails the test, or is not well while it is watched is taken away
again, and the image of before has the traffic: without a failed request. Migrations stay; they only expand.
An image that runs already is left alone. After a crash or a kill -9 run it again: what had the traffic keeps it, and
the rest is finished or taken away first. An earlier image is a new image: deploy.sh IMAGE rolls back.
  --timeout SECONDS  for the new processes to become healthy (180)
  --watch SECONDS    how long they are watched after they got the traffic (60)
  --url URL          watch the shop there as well, as the world sees it
  --cacert FILE      certificates to trust for that
  --payment          test a payment too: only where the payment provider takes no real money
  --no-smoke         without the buyer's journey: in a shop that has nothing in stock
  --abort            take back what an interrupted deployment has left, and deploy nothing
  --dry-run          print the commands and change nothing
Exit code 0: it runs; 1: it does not, with one line why, and what ran before does; 2: called wrongly.
Needs docker with compose, and flock. Environment: COMPOSE_FILE (docker-compose.production.yml),
COMPOSE_PROJECT_NAME, COMPOSE_ENV_FILES (.env, where the image is noted for the next `docker compose up`),
CAUDAL_STATE_DIR (.deployment). Room for all processes twice, and nginx as the gateway.
TEXT
}

# shellcheck source=deployment/scripts/compose-environment.sh
. "$(dirname "$0")/compose-environment.sh"
# shellcheck source=deployment/scripts/compose-gateway.sh
. deployment/scripts/compose-gateway.sh

SERVICES='app-1 app-2 app-3 worker'
# A process that ended so often is not slow, it is broken.
RESTARTS_MAX=2

image='' timeout=180 watch=60 url='' cacert='' smoke='--no-payment' abort=false run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --timeout | --watch | --url | --cacert)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case "$1" in
        --timeout) timeout="$2" ;;
        --watch) watch="$2" ;;
        --url) url="$2" ;;
        --cacert) cacert="$2" ;;
      esac
      shift
      ;;
    --payment) smoke='' ;;
    --no-smoke) smoke=none ;;
    --abort) abort=true ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    -*) misused "unknown option $1" ;;
    *) [ -z "$image" ] || misused 'one image is enough'; image="$1" ;;
  esac
  shift
done
case "$timeout$watch" in *[!0-9]* | '') misused 'seconds are whole numbers' ;; esac
if [ "$abort" = true ]; then
  [ -z "$image" ] || misused 'an image, or --abort'
else
  [ -n "$image" ] || misused 'which image?'
  # It goes into .env, and no image has other characters.
  case "$image" in *[!A-Za-z0-9./:@_-]*) misused "$image is not the name of an image" ;; esac
fi

# --- What there is ---

# processes COLOUR: "service id" of each.
processes() {
  containers "label=caudal.colour=$1" | grep -v '^prestart ' || true
}
ids_of() {
  processes "$1" | cut -d ' ' -f 2
}
image_of() {
  for id in $(ids_of "$1"); do
    docker inspect --format '{{.Config.Image}}' "$id"
    break
  done
}

# --- Steps ---

# set_env IMAGE COLOUR: for the next `docker compose up`.
set_env() {
  {
    if [ -r "$SETTINGS_FILE" ]; then grep -v -e '^CAUDAL_IMAGE=' -e '^CAUDAL_COLOUR=' "$SETTINGS_FILE" || true; fi
    printf 'CAUDAL_IMAGE=%s\nCAUDAL_COLOUR=%s\n' "$1" "$2"
  } | replace "$SETTINGS_FILE"
}

# remove COLOUR: its processes finish what they have in hand (their stop_grace_period) and go.
remove() {
  going=$(ids_of "$1")
  [ -n "$going" ] || return 0
  # shellcheck disable=SC2086 # one word for each
  if [ -n "$run" ]; then
    echo docker stop $going
    echo docker rm --force $going
  else
    docker stop $going >/dev/null || true
    docker rm --force $going >/dev/null || true
  fi
}

# Audit events that Redis did not take before the end; a process of that colour takes them over.
report_spools() {
  [ -z "$run" ] || return 0
  for service in $SERVICES; do
    volume="${project}_spool-$service-$1"
    left=$(docker run --rm --network none --volume "$volume:/spool:ro" --entrypoint /bin/sh "$2" -c 'ls /spool' 2>/dev/null) || left=''
    [ -z "$left" ] || echo "$PROGRAM: audit events wait in the volume $volume; the next deployment of $1 hands them on" >&2
  done
}

start_processes() {
  set -- up --detach --no-deps --no-recreate
  for service in $SERVICES; do
    set -- "$@" --scale "$service=$(($(containers "label=com.docker.compose.service=$service" | wc -l) + 1))"
  done
  # shellcheck disable=SC2086 # one word for each
  CAUDAL_IMAGE="$image" CAUDAL_COLOUR="$new" $run docker compose "$@" $SERVICES >"$work/up" 2>&1 \
    || fail "the processes cannot be made: $(tail -n 1 "$work/up")"
  [ -z "$run" ] || cat "$work/up"
}

# unwell: prints which of the new processes is not well, "broken: " first where waiting is of no use; nothing when all are.
unwell() {
  state=''
  for service in $SERVICES; do
    id=$(processes "$new" | sed -n "s/^$service //p")
    if [ -z "$id" ]; then
      echo "broken: there is no $service"
      return 0
    fi
    found=$(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}} {{.RestartCount}}' "$id")
    [ "$found" != 'running healthy 0' ] || continue
    if [ "${found##* }" -ge "$RESTARTS_MAX" ]; then
      echo "broken: $service ends by itself: $(docker logs --tail 1 "$id" 2>&1 | head -n 1)"
      return 0
    fi
    # One that is called unhealthy may only be slow.
    state="$service is ${found% *} after ${found##* } restarts"
  done
  echo "$state"
}
await_processes() {
  [ -z "$run" ] || return 0
  deadline=$(($(date +%s) + timeout))
  while :; do
    wrong=$(unwell)
    case "$wrong" in
      '') return 0 ;;
      'broken: '*) fail "${wrong#broken: }" ;;
    esac
    [ "$(date +%s)" -lt "$deadline" ] || fail "not healthy within $timeout s: $wrong"
    sleep 1
  done
}

test_processes() {
  [ "$smoke" != none ] || return 0
  ask_from_gateway smoke.sh "http://app-1-$new:3000" ${smoke:+"$smoke"} >"$work/smoke" 2>&1 \
    || fail "$(tail -n 1 "$work/smoke")"
  [ -z "$run" ] || cat "$work/smoke"
}

# Each process by itself, because the gateway hides what one of them does wrong.
watch_processes() {
  rm -f "$work"/watch.*
  watched=''
  for service in app-1 app-2 app-3; do
    if [ -n "$run" ]; then
      ask_from_gateway watch-health.sh "http://$service-$new:3000" --seconds "$watch" --interval 2
    else
      { ask_from_gateway watch-health.sh "http://$service-$new:3000" --seconds "$watch" --interval 2 \
        >"$work/watch.$service" 2>&1 || echo "$service: $(tail -n 1 "$work/watch.$service")" >>"$work/watch.failed"
        : >"$work/watch.$service.end"; } 9>&- &
      watched="$watched $service"
    fi
  done
  if [ -n "$url" ]; then
    if [ -n "$run" ]; then
      echo "deployment/scripts/watch-health.sh $url --seconds $watch --interval 2 ${cacert:+--cacert $cacert}"
    else
      { deployment/scripts/watch-health.sh "$url" --seconds "$watch" --interval 2 ${cacert:+--cacert "$cacert"} \
        >"$work/watch.url" 2>&1 || echo "$url: $(tail -n 1 "$work/watch.url")" >>"$work/watch.failed"
        : >"$work/watch.url.end"; } 9>&- &
      watched="$watched url"
    fi
  fi
  [ -z "$run" ] || return 0
  while :; do
    [ ! -s "$work/watch.failed" ] || fail "$(head -n 1 "$work/watch.failed")"
    left=false
    for each in $watched; do [ -e "$work/watch.$each.end" ] || left=true; done
    [ "$left" = true ] || break
    sleep 1
  done
  [ ! -s "$work/watch.failed" ] || fail "$(head -n 1 "$work/watch.failed")"
  wrong=$(unwell)
  [ -z "$wrong" ] || fail "${wrong#broken: }"
}

# --- Ways back and forward ---

# Whether there is something to be taken back if this program ends now.
phase=idle
take_back() {
  [ "$phase" = begun ] || return 0
  phase=idle
  if [ "$(active_colour)" = "$new" ]; then
    point_gateway_at "$old" || {
      echo "$PROGRAM: nginx could not be given $old again: run deploy.sh --abort" >&2
      return 0
    }
    set_env "$old_image" "$old"
    await_gateway
  fi
  remove "$new"
  forget
  say "rolled back: $old_image goes on ($old)"
}

# From the moment when the new processes have the traffic to the end.
finish() {
  phase=begun
  watch_processes
  say "well for $watch s"
  # From here on there is only one way.
  phase=idle
  remember "image=$image" "new=$new" "old=$old" "old_image=$old_image" step=retiring
  await_gateway
  remove "$old"
  report_spools "$old" "$image"
  forget
  say "$old has finished and is gone"
}

# What an earlier run has left behind when it was cut off.
recover() {
  left_image=$(remembered image)
  [ -n "$left_image" ] || return 0
  wanted="$image"
  image="$left_image" new=$(remembered new) old=$(remembered old) old_image=$(remembered old_image)
  step=$(remembered step)
  say "a deployment of $left_image was cut off ($step)"
  if [ "$(active_colour)" = "$old" ]; then
    # The file may be written while nginx has not read it.
    reload || fail 'nginx does not reload'
    set_env "$old_image" "$old"
    phase=begun
    take_back
  elif [ "$step" = retiring ]; then
    reload || fail 'nginx does not reload'
    set_env "$image" "$new"
    await_gateway
    remove "$old"
    forget
    say "$left_image has all of the traffic: finished"
  elif [ "$abort" = true ]; then
    phase=begun
    take_back
  else
    reload || fail 'nginx does not reload'
    set_env "$image" "$new"
    say "$left_image has the traffic already: going on"
    finish
  fi
  image="$wanted"
}

# --- The deployment ---

find_stack
lock
nginx=$(gateway)
[ -n "$nginx" ] || fail 'nginx does not run: docker compose up --detach --wait'
work=$(mktemp -d)
leave() {
  code=$?
  trap '' INT TERM
  set +e
  take_back
  rm -rf "$work"
  exit "$code"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

recover
if [ "$abort" = true ]; then
  say "$(image_of "$(active_colour)") runs ($(active_colour))"
  exit 0
fi

old=$(active_colour)
case "$old" in
  blue) new=green ;;
  green) new=blue ;;
  *) fail "$UPSTREAMS names not one colour but \"$(echo "$old" | tr '\n' ' ')\"" ;;
esac
old_image=$(image_of "$old")
[ -n "$old_image" ] || fail "nothing of $old runs, which nginx asks: docker compose up --detach --wait"
docker image inspect "$image" >/dev/null 2>&1 || $run docker pull --quiet "$image" >/dev/null || fail "there is no image $image"
same=true
wanted_id=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null) || wanted_id=unknown
for id in $(ids_of "$old"); do
  [ "$(docker inspect --format '{{.Image}}' "$id")" = "$wanted_id" ] || same=false
done
if [ "$same" = true ]; then
  say "$image runs already ($old): nothing to do"
  exit 0
fi

say "$old_image ($old) -> $image ($new)"
CAUDAL_IMAGE="$image" CAUDAL_COLOUR="$old" $run docker compose run --rm --no-deps -T prestart migrate </dev/null >"$work/migrate" 2>&1 \
  || fail "the migrations have failed, and nothing has changed: $(tail -n 1 "$work/migrate")"
[ -z "$run" ] || cat "$work/migrate"
say "migrations: $(tail -n 1 "$work/migrate")"

# Processes of that colour from before any state was kept would be in the way.
remove "$new"
remember "image=$image" "new=$new" "old=$old" "old_image=$old_image" step=starting
phase=begun
start_processes
await_processes
say "$new is healthy"
test_processes
[ "$smoke" = none ] || say "$new passes the smoke test"

point_gateway_at "$new" || fail 'nginx does not reload'
set_env "$image" "$new"
remember "image=$image" "new=$new" "old=$old" "old_image=$old_image" step=switched
say "$new has the traffic"
finish
[ -n "$run" ] || say "✓ $image runs ($new)"
