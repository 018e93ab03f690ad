#!/usr/bin/env bash
# Deploys what `make package` has built: shows what would change against the live release, asks, upgrades, tests.
#   ENV         staging or prod: the values file (required)
#   VERSION     as packaged (required)
#   CONTEXT     the kube context; required, so that the one that happens to be selected is never deployed to
#   NAMESPACE   default stand; it must exist, with the Secrets that the values name
#   RELEASE     default stand
#   VALUES      more values files, for what only this installation has, such as its hosts
# YES=1 answers the question. A failed upgrade leaves the old pods serving; it says what is not ready and the way back.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=${ENV:-} version=${VERSION:-} context=${CONTEXT:-}
namespace=${NAMESPACE:-stand} release=${RELEASE:-stand}
chart=dist/app-$version.tgz
target=(--kube-context "$context" --namespace "$namespace")

die() { printf '✗ %s\n' "$1" >&2; [ $# -lt 2 ] || printf '  %s\n' "$2" >&2; exit 1; }
kube() { kubectl --context "$context" --namespace "$namespace" "$@"; }
confirm() { # confirm QUESTION
  [ "${YES:-}" = 1 ] && return
  [ -t 0 ] || die "$1" "There is nobody to ask here; YES=1 answers yes."
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}

check_arguments() {
  case $environment in
    local) die "ENV=local is what make dev runs" "Name the environment: ENV=staging or ENV=prod" ;;
    '') die "ENV is missing" "Name the environment: ENV=staging or ENV=prod" ;;
  esac
  [ -f "helm/app/values-$environment.yaml" ] || die "There is no environment $environment: helm/app/values-$environment.yaml is missing"
  [ -n "$version" ] || die "VERSION is missing" "Name what make package has built, as in VERSION=1.4.2"
  [ -n "$context" ] || die "CONTEXT is missing" "Name the kube context to deploy to. The selected one is never assumed."
  for tool in helm kubectl; do
    command -v $tool >/dev/null || die "$tool is missing" "Install it with: make tools"
  done
  [ -f "$chart" ] && [ -f "dist/images-$version.yaml" ] || die "$chart or dist/images-$version.yaml is missing" "Build them with: make package VERSION=$version"
  for file in ${VALUES:-}; do [ -f "$file" ] || die "VALUES names $file, which is not there"; done
}

check_cluster() {
  grep -Fqx -- "$context" <(kubectl config get-contexts --output name) || die "There is no kube context $context" "kubectl config get-contexts lists them."
  kubectl --context "$context" get --raw /readyz --request-timeout 10s >/dev/null 2>&1 || die "The cluster of $context does not answer"
  kubectl --context "$context" get namespace "$namespace" >/dev/null 2>&1 ||
    die "There is no namespace $namespace in $context" "docs/operations.md says what an installation needs."
}

deployed() { [[ $(helm status "$release" "${target[@]}" 2>/dev/null) == *"STATUS: deployed"* ]]; }

show_changes() { # show_changes OLD NEW: fails when there are none
  if [ ! -s "$1" ]; then
    echo "There is no release $release in $namespace yet. It will have:"
    awk '/^kind: / { kind = $2 } /^  name: / && kind { print "  " kind " " $2; kind = "" }' "$2"
  elif diff --ignore-blank-lines --unified=2 --label live --label "$version" "$1" "$2"; then
    return 1
  fi
}

explain_failure() {
  echo "✗ The release did not become ready. Not ready are:" >&2
  kube get pods --selector "app.kubernetes.io/instance=$release" --no-headers 2>/dev/null |
    awk '{ split($2, ready, "/"); if (ready[1] != ready[2]) print $1 }' |
    while read -r pod; do
      echo "  $pod" >&2
      kube logs "$pod" --all-containers --tail 5 2>/dev/null | sed 's/^/    /' >&2 || true
    done
  echo "  Back to what was: helm rollback $release ${target[*]} --wait" >&2
  exit 1
}

check_arguments
check_cluster
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
values=(--values "helm/app/values-$environment.yaml" --values "dist/images-$version.yaml")
for file in ${VALUES:-}; do values+=(--values "$file"); done

helm template "$release" "$chart" "${target[@]}" "${values[@]}" --no-hooks > "$work/new"
helm get manifest "$release" "${target[@]}" > "$work/old" 2>/dev/null || true
echo "$environment $version → release $release, namespace $namespace, context $context"
if ! show_changes "$work/old" "$work/new" && deployed; then
  echo "✓ nothing to change"
  exit 0
fi
confirm "Deploy this?" || exit 1
helm upgrade --install "$release" "$chart" "${target[@]}" "${values[@]}" --history-max 20 --wait --timeout "${TIMEOUT:-5m}" >/dev/null || explain_failure
helm test "$release" "${target[@]}" >/dev/null
echo "✓ $environment runs $version"
