#!/usr/bin/env bash
# Runs the stand: in the cluster where a Docker engine answers, else on this machine (host mode).
# Reads MODE (cluster|host), ENV, SERVICES and DEBUG from the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=${ENV:-local}
read -r -a services <<< "${SERVICES:-}"
debug=()
[ -z "${DEBUG:-}" ] || debug=(--debug)

choose() {
  case ${MODE:-} in
    cluster | host) echo "$MODE" ;;
    '') if docker info >/dev/null 2>&1; then echo cluster; else echo host; fi ;;
    *) echo "✗ MODE is cluster or host, not $MODE" >&2; exit 1 ;;
  esac
}

mode=$(choose)
if [ "$mode" = host ]; then
  [ "${MODE:-}" = host ] || echo "No Docker engine answers here: running on this machine (MODE=host). For the cluster, start Docker."
  exec node --conditions=source --require ts-node/register scripts/make/host.ts
fi

[ -f "helm/app/values-$environment.yaml" ] || { echo "✗ There is no environment $environment: helm/app/values-$environment.yaml is missing" >&2; exit 1; }
command -v tilt >/dev/null || { echo "✗ tilt is missing" >&2; echo "  Install it with: make tools" >&2; exit 1; }
scripts/cluster/cluster.sh up
exec tilt up --context kind-stand -- --environment "$environment" ${debug[@]+"${debug[@]}"} ${services[@]+"${services[@]}"}
