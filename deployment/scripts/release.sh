#!/bin/sh
# Brings a release to Kubernetes: settings, migration, then the pods. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/release.sh --overlay NAME --image IMAGE [--timeout SECONDS] [--dry-run] [--help]

Renders deployment/overlays/NAME with IMAGE in place of its own and applies, of what comes out, what belongs to a
release: ConfigMaps, the migration Job, which it waits for, and the Deployments, whose rollouts it waits for.
Quotas, policies, roles, Services and the HPA are not a release's: `kubectl apply -k` by somebody who may.
A pod that does not become ready stops its rollout, and the pods of before go on serving: rollback.sh.
  --overlay NAME     staging or production, or another overlay that is a whole installation
  --image IMAGE      best with its digest: registry/name@sha256:...
  --timeout SECONDS  of the migration and of each rollout (900)
  --dry-run          print the commands, and the objects that they would apply; change nothing
Needs kubectl, with the rights of the role caudal-deployer.
TEXT
}

fail() {
  echo "release: $1" >&2
  exit 1
}
misused() {
  echo "release: $1; see --help" >&2
  exit 2
}

overlay='' image='' timeout=900 run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --overlay | --image | --timeout)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case "$1" in
        --overlay) overlay="$2" ;;
        --image) image="$2" ;;
        --timeout) timeout="$2" ;;
      esac
      shift
      ;;
    --dry-run) run='echo' ;;
    --help) usage; exit 0 ;;
    *) misused "unknown option $1" ;;
  esac
  shift
done
case "$timeout" in *[!0-9]* | '') misused 'seconds are whole numbers' ;; esac
[ -n "$overlay" ] || misused 'which --overlay?'
[ -n "$image" ] || misused 'which --image?'
# It goes into a sed command, and no image has other characters.
case "$image" in *[!A-Za-z0-9./:@_-]*) misused "$image is not the name of an image" ;; esac
cd "$(dirname "$0")/../.."
[ -r "deployment/overlays/$overlay/kustomization.yaml" ] || misused "there is no overlay $overlay"
command -v kubectl >/dev/null || fail 'kubectl is not here'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kubectl kustomize "deployment/overlays/$overlay" >"$work/rendered.yaml" || fail "$overlay cannot be rendered"
sed -E "s#^( *(- )?image: )registry\\.example\\.com/caudal[:@].*#\\1$image#" "$work/rendered.yaml" >"$work/all.yaml"
grep -q "image: $image\$" "$work/all.yaml" || fail "$overlay has no pod of registry.example.com/caudal"
namespace=$(sed -n 's/^  namespace: //p' "$work/all.yaml" | head -n 1)

# only KIND: the documents of that kind.
only() {
  awk -v kind="kind: $1" '
    function flush() { if (wanted) printf "%s---\n", text; text = ""; wanted = 0 }
    /^---$/ { flush(); next }
    { text = text $0 "\n" }
    $0 == kind { wanted = 1 }
    END { flush() }' "$work/all.yaml"
}
apply() {
  only "$1" >"$work/$1.yaml"
  $run kubectl apply --filename "$work/$1.yaml"
  [ -z "$run" ] || sed -n 's/^kind: //p; s/^  name: /  /p; s/^ *\(- \)\{0,1\}image: /  image /p' "$work/$1.yaml"
}

apply ConfigMap
# A Job cannot be changed.
$run kubectl --namespace "$namespace" delete job caudal-migrate --ignore-not-found --wait
apply Job
$run kubectl --namespace "$namespace" wait --for=condition=complete --timeout "${timeout}s" job/caudal-migrate \
  || fail "the migration has not ended well: kubectl -n $namespace logs job/caudal-migrate"
apply Deployment
for name in caudal-pgbouncer caudal-api caudal-worker; do
  $run kubectl --namespace "$namespace" rollout status "deployment/$name" --timeout "${timeout}s" \
    || fail "$name has not become ready within $timeout s: kubectl -n $namespace get pods"
done
[ -n "$run" ] || echo "✓ $overlay runs $image"
