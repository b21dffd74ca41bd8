# shellcheck shell=sh
# Sourced by deploy.sh and failover.sh: where the compose stack of this host is, who may change it, and what both say.

cd "$(dirname "$0")/../.." || exit 1
# What has been begun: a file for each kind of change, and a lock.
STATE_DIR="${CAUDAL_STATE_DIR:-.deployment}"
# The last of several: what it says is what counts.
SETTINGS_FILE="${COMPOSE_ENV_FILES:-.env}"
SETTINGS_FILE="${SETTINGS_FILE##*,}"
# As docker compose reads them: the environment before the settings. Compose itself would ask for another file.
: "${COMPOSE_FILE:=$(sed -n 's/^COMPOSE_FILE=//p' "$SETTINGS_FILE" 2>/dev/null | tail -n 1)}"
: "${COMPOSE_FILE:=docker-compose.production.yml}"
export COMPOSE_FILE

began=$(date +%s)
say() {
  printf '%4d s  %s\n' $(($(date +%s) - began)) "$1"
}
fail() {
  echo "${PROGRAM:?}: $1" >&2
  exit 1
}
misused() {
  echo "$PROGRAM: $1; see --help" >&2
  exit 2
}

# Standard input becomes the file, whole or not at all; its rights stay what they were.
replace() {
  if [ -n "${run:-}" ]; then
    cat >/dev/null
    echo "write $1"
    return 0
  fi
  rm -f "$1.new"
  if [ -e "$1" ]; then cp -p "$1" "$1.new"; fi
  cat >"$1.new"
  mv "$1.new" "$1"
}

# One change of a kind at a time; the system gives the lock back when this program ends, however it ends.
lock() {
  [ -z "${run:-}" ] || return 0
  mkdir -p "$STATE_DIR"
  command -v flock >/dev/null || fail 'flock is not here (util-linux)'
  exec 9>"$STATE_DIR/$PROGRAM.lock"
  flock --nonblock 9 || fail "another $PROGRAM.sh is at work"
}

# remember NAME=VALUE...: what has been begun.
remember() {
  printf '%s\n' "$@" | replace "$STATE_DIR/$PROGRAM"
}
# remembered NAME
remembered() {
  [ ! -r "$STATE_DIR/$PROGRAM" ] || sed -n "s/^$1=//p" "$STATE_DIR/$PROGRAM"
}
forget() {
  ${run:-} rm -f "$STATE_DIR/$PROGRAM"
}

find_stack() {
  command -v docker >/dev/null || fail 'docker is not here'
  docker info >/dev/null 2>&1 || fail 'no engine answers'
  project=$(docker compose config --format json 2>/dev/null | sed -n 's/^  "name": "\([^"]*\)".*/\1/p' | head -n 1)
  [ -n "$project" ] || fail "docker compose cannot read $COMPOSE_FILE: docker compose config"
}

# containers [FILTER...]: "service id" of each container of the stack that fits, ended ones as well.
containers() {
  for filter in "$@"; do
    shift
    set -- "$@" --filter "$filter"
  done
  docker ps --all --no-trunc --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False "$@" \
    --format '{{.Label "com.docker.compose.service"}} {{.ID}}'
}
