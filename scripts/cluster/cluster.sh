#!/usr/bin/env bash
# The stand's own cluster and registry, as cluster/ctlptl.yaml describes them.
#   cluster.sh up      create them, or start what is stopped; asks before a changed file replaces a cluster
#   cluster.sh down    stop Tilt's deployment, keep the cluster and the database's volume
#   cluster.sh clean   delete cluster and registry, with all data in them; asks first
# YES=1 answers the questions. No other cluster or kube context is touched: the one that was selected stays so.
set -euo pipefail
cd "$(dirname "$0")/../.."

file=cluster/ctlptl.yaml
cluster=stand
context=kind-$cluster
registry=stand-registry
annotation=stand/cluster-file

say() { printf '%s\n' "$*" >&2; }
die() { say "✗ $1"; [ $# -lt 2 ] || say "  $2"; exit 1; }
confirm() { # confirm QUESTION
  [ "${YES:-}" = 1 ] && return
  [ -t 0 ] || die "$1" "There is nobody to ask here; YES=1 answers yes."
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]]
}
kube() { kubectl --context "$context" "$@"; }
exists() { [ -n "$(docker ps --all --quiet --filter "name=^/$1$")" ]; }
fingerprint() { cksum < "$file" | cut -d' ' -f1; }
applied() { kube get namespace stand --output "jsonpath={.metadata.annotations.stand/cluster-file}" 2>/dev/null || true; }

need_tools() {
  for tool in docker kubectl kind ctlptl; do
    command -v $tool >/dev/null || die "$tool is missing" "Install it with: make tools"
  done
  docker info >/dev/null 2>&1 || die "No Docker engine answers" "Start Docker, or run without it: make dev MODE=host"
}

need_free_ports() {
  local port taken=()
  for port in $(grep -oE '(hostPort|port): [0-9]+' $file | grep -oE '[0-9]+'); do
    [ "$port" = 5005 ] && exists $registry && continue
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null && taken+=("$port")
  done
  [ ${#taken[@]} = 0 ] || die "Taken by another program: port ${taken[*]}" "End what listens there (lsof -i :${taken[0]}), then try again."
}

keep_context() { # keep_context COMMAND...: ctlptl and kind select the cluster they touch; select again what was
  local before status=0
  before=$(kubectl config current-context 2>/dev/null || true)
  "$@" || status=$?
  if [ -n "$before" ] && [ "$before" != $context ]; then kubectl config use-context "$before" >/dev/null; fi
  return $status
}

create() {
  need_free_ports
  say "Creating cluster $context and registry localhost:5005 …"
  keep_context ctlptl apply --filename $file
}

wait_until_ready() {
  local deadline=$((SECONDS + 120))
  until kube get --raw /readyz >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "Cluster $context does not answer" "Make a new one: make clean cluster"
    sleep 0.5
  done
}

up() {
  need_tools
  if exists $cluster-control-plane; then
    # Docker does not start a kind cluster again by itself after a restart of the machine.
    docker start $cluster-control-plane $registry >/dev/null 2>&1 || true
    wait_until_ready
    if [ "$(applied)" != "$(fingerprint)" ] || ! exists $registry; then
      confirm "Cluster $context does not match $file any more. Delete it, with its data, and make a new one?" || exit 1
      keep_context ctlptl delete cluster $context
      create
    fi
  else
    create
  fi
  kube apply --filename cluster/namespace.yaml >/dev/null
  kube annotate --overwrite namespace stand $annotation="$(fingerprint)" >/dev/null
  say "✓ cluster $context, registry localhost:5005"
}

down() {
  exists $cluster-control-plane || { say "There is no cluster $context."; return; }
  tilt down --context $context
  say "✓ stopped; the database's volume stays. To delete that too: make clean"
}

clean() {
  need_tools
  exists $cluster-control-plane || exists $registry || { say "There is nothing to delete."; return; }
  confirm "Delete cluster $context and registry $registry with all data in them?" || exit 1
  if exists $cluster-control-plane; then keep_context ctlptl delete cluster $context; fi
  if exists $registry; then ctlptl delete registry $registry; fi
}

case ${1:-} in
  up | down | clean) "$1" ;;
  *) sed -n '2,6p' "$0" >&2; exit 2 ;;
esac
