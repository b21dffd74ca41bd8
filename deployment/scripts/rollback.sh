#!/bin/sh
# Takes a Kubernetes deployment back to the image that ran before. See --help.
set -eu

usage() {
  cat <<'TEXT'
Usage: deployment/scripts/rollback.sh [--namespace NAME] [--from IMAGE] [--to IMAGE] [--timeout SECONDS]
                                      [--smoke URL] [--dry-run] [--help]

Gives caudal-api and caudal-worker the pod template that they last had with another image, and waits until all pods
have it. Migrations stay: they only expand, and the earlier release runs on them.
Run twice it does nothing the second time: a deployment that was rolled back from an image does not go back to it.
  --namespace NAME   (caudal)
  --from IMAGE       only if this image runs: a release that failed before its pods left nothing to take back
  --to IMAGE         this image, of those that the deployments remember, in place of the one before
  --timeout SECONDS  of one rollout (600)
  --smoke URL        test the shop there afterwards, by smoke.sh --no-payment
  --dry-run          print what would change and change nothing
Needs kubectl, with the rights of the role caudal-deployer.
TEXT
}

fail() {
  echo "rollback: $1" >&2
  exit 1
}
misused() {
  echo "rollback: $1; see --help" >&2
  exit 2
}

namespace=caudal from='' wanted='' timeout=600 smoke='' run=''
while [ $# -gt 0 ]; do
  case "$1" in
    --namespace | --from | --to | --timeout | --smoke)
      [ $# -ge 2 ] || misused "$1 needs a value"
      case "$1" in
        --namespace) namespace="$2" ;;
        --from) from="$2" ;;
        --to) wanted="$2" ;;
        --timeout) timeout="$2" ;;
        --smoke) smoke="$2" ;;
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
command -v kubectl >/dev/null || fail 'kubectl is not here'

NOTE=caudal.io/rolled-back-from
folder=$(dirname "$0")
kube() {
  kubectl --namespace "$namespace" "$@"
}
image_of() {
  kube get deployment "$1" --output 'jsonpath={.spec.template.spec.containers[0].image}'
}
# revisions DEPLOYMENT: "number image" of each that it remembers, the newest first.
revisions() {
  kube get replicasets --output 'jsonpath={range .items[*]}{.metadata.ownerReferences[0].name}{" "}{.metadata.annotations.deployment\.kubernetes\.io/revision}{" "}{.spec.template.spec.containers[0].image}{"\n"}{end}' \
    | awk -v name="$1" '$1 == name { print $2, $3 }' | sort -rn
}

current=$(image_of caudal-api) || fail "there is no deployment caudal-api in $namespace"
if [ -n "$from" ] && [ "$current" != "$from" ]; then
  if [ "$(image_of caudal-worker)" != "$from" ]; then
    echo "$from does not run in $namespace: nothing to roll back"
    exit 0
  fi
  # Only the workers have got it.
  wanted="${wanted:-$current}"
fi
if [ -z "$wanted" ]; then
  left=$(kube get deployment caudal-api --output 'jsonpath={.metadata.annotations.caudal\.io/rolled-back-from}')
  wanted=$(revisions caudal-api | awk -v current="$current" '$2 != current { print $2; exit }')
  [ -n "$wanted" ] || fail "caudal-api remembers no other image than $current"
  if [ "$wanted" = "$left" ]; then
    echo "already rolled back from $left to $current; name an earlier one with --to"
    exit 0
  fi
fi

# Everything is looked up before anything changes.
for name in caudal-api caudal-worker; do
  if [ "$(image_of "$name")" != "$wanted" ]; then
    revision=$(revisions "$name" | awk -v image="$wanted" '$2 == image { print $1; exit }')
    [ -n "$revision" ] || fail "$name does not remember $wanted"
  fi
done
for name in caudal-api caudal-worker; do
  running=$(image_of "$name")
  if [ "$running" = "$wanted" ]; then
    echo "$name has $wanted already"
    continue
  fi
  revision=$(revisions "$name" | awk -v image="$wanted" '$2 == image { print $1; exit }')
  echo "$name: $running -> $wanted (revision $revision)"
  $run kubectl --namespace "$namespace" rollout undo "deployment/$name" --to-revision "$revision"
  $run kubectl --namespace "$namespace" annotate --overwrite "deployment/$name" "$NOTE=$running"
done
for name in caudal-api caudal-worker; do
  $run kubectl --namespace "$namespace" rollout status "deployment/$name" --timeout "${timeout}s" \
    || fail "$name has not become what it was within $timeout s: kubectl -n $namespace get pods"
done
if [ -n "$smoke" ]; then
  $run "$folder/smoke.sh" "$smoke" --no-payment
fi
[ -n "$run" ] || echo "✓ rolled back to $wanted"
