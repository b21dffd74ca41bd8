#!/bin/sh
# Removes what earlier deployments have left on a Docker host. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/cleanup.sh [--keep N] [--build-cache] [--dry-run] [--help]

Removes containers of Caudal that have ended and belong to no stack, and all images of Caudal but the newest ones.
Images that a container uses stay, and so do volumes, networks and whatever is not Caudal's (by the label
org.opencontainers.image.title=caudal, which containers have of their image).
  --keep N       images to keep for a rollback (3)
  --build-cache  also what builds of the last week have not used; that is everybody's on this engine
  --dry-run      print what would be removed and remove nothing
Needs docker, with an engine.
TEXT
}

fail() {
  echo "cleanup: $1" >&2
  exit 1
}

keep=3 cache=false run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --keep)
      [ $# -ge 2 ] || { echo "cleanup: --keep needs a value" >&2; exit 2; }
      keep="$2"
      shift
      ;;
    --build-cache) cache=true ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) echo "cleanup: unknown option $1; see --help" >&2; exit 2 ;;
  esac
  shift
done
case "$keep" in *[!0-9]* | '') echo "cleanup: --keep is a whole number" >&2; exit 2 ;; esac
command -v docker >/dev/null || fail 'docker is not here'
docker info >/dev/null 2>&1 || fail 'no engine answers'

ours='label=org.opencontainers.image.title=caudal'
containers=0
# A one-shot of a stack has ended as well, and `docker compose down` takes it away with the stack.
for container in $(docker ps --all --quiet --no-trunc --filter "$ours" \
  --filter status=exited --filter status=dead --filter status=created); do
  project=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.project"}}' "$container")
  [ -z "$project" ] || continue
  $run docker rm "$container" >&2
  containers=$((containers + 1))
done

in_use=$(docker ps --all --quiet --no-trunc | while read -r container; do
  docker inspect --format '{{.Image}}' "$container"
done)
images=0 position=0
# Newest first; an image with two names is one image.
for image in $(docker image ls --quiet --no-trunc --filter "$ours" | awk '!seen[$0]++'); do
  position=$((position + 1))
  [ "$position" -gt "$keep" ] || continue
  case "$in_use" in *"$image"*) continue ;; esac
  # By --force, because it may have several names; none of them is in use.
  $run docker image rm --force "$image" >&2
  images=$((images + 1))
done
if [ "$cache" = true ]; then
  $run docker builder prune --force --filter until=168h >&2
fi
echo "✓ ${run:+would remove }$containers containers, $images images"
