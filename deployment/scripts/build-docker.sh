#!/bin/sh
# Builds the image and takes the list of what is in it (SBOM) out of it. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/build-docker.sh [--tag NAME] [--base IMAGE] [--sbom FILE] [--push] [--dry-run] [--help]

Builds Dockerfile.production from the checkout that this script is in.
  --tag NAME    name of the image; by default caudal:<version>-<commit>
  --base IMAGE  base in place of the Dockerfile's, best by its digest: node@sha256:...
  --sbom FILE   where the SBOM (CycloneDX) goes; by default ./sbom.cdx.json
  --push        push the image as well
  --dry-run     print the commands and run none
Needs docker, with an engine. BUILD_NETWORK names the network of the build (default: the engine's).
TEXT
}

cd "$(dirname "$0")/../.."
tag='' base='' sbom=sbom.cdx.json push=false run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --tag | --base | --sbom)
      [ $# -ge 2 ] || { echo "build-docker: $1 needs a value" >&2; exit 2; }
      case "$1" in
        --tag) tag="$2" ;;
        --base) base="$2" ;;
        --sbom) sbom="$2" ;;
      esac
      shift
      ;;
    --push) push=true ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) echo "build-docker: unknown option $1; see --help" >&2; exit 2 ;;
  esac
  shift
done

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -n "$tag" ] || tag="caudal:$version-$(echo "$revision" | cut -c1-12)"
# The time of the commit, so that the same commit gives the same labels.
created=$(git log -1 --format=%cI 2>/dev/null || date -u +%Y-%m-%dT%H:%M:%SZ)

$run docker build --file Dockerfile.production --tag "$tag" \
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created" \
  ${base:+--build-arg "NODE_IMAGE=$base"} ${BUILD_NETWORK:+--network "$BUILD_NETWORK"} .

if [ -n "$run" ]; then
  echo "docker cp <container of $tag>:/app/sbom.cdx.json $sbom"
else
  container=$(docker create "$tag")
  trap 'docker rm "$container" >/dev/null' EXIT
  docker cp "$container:/app/sbom.cdx.json" "$sbom"
  echo "built $tag ($(docker image inspect --format '{{.Size}}' "$tag" | awk '{ printf "%d MB", $1 / 1000000 }')), SBOM in $sbom"
fi
if [ "$push" = true ]; then
  $run docker push "$tag"
fi
