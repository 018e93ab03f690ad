#!/usr/bin/env bash
# make lint-chart: for each helm/app/values-*.yaml, helm's own checks, the values schema among them, and then every
# rendered object against helm/schemas. Nothing is asked of a network or a cluster.
# values.yaml alone does not render on purpose (no image, no database), so it is checked below each environment.
set -euo pipefail
cd "$(dirname "$0")/../.."

chart=helm/app
schemas='helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json'
# Stands for the image tag that comes with each deployment.
tag=0.0.0-lint

need_tools() {
  local tool
  for tool in helm kubeconform; do
    command -v $tool >/dev/null || { echo "✗ $tool is missing: install it with make tools" >&2; exit 1; }
  done
}

lint() { # lint VALUES
  helm lint --strict --quiet "$chart" --values "$1" --set serviceDefaults.image.tag=$tag &&
    helm template stand "$chart" --namespace stand --values "$1" --set serviceDefaults.image.tag=$tag |
    kubeconform -strict -summary -schema-location "$schemas"
}

need_tools
failed=()
for values in "$chart"/values-*.yaml; do
  [[ $values != *.override.yaml ]] || continue
  echo "— $values"
  lint "$values" || failed+=("$values")
done
[ ${#failed[@]} = 0 ] || { echo "✗ ${#failed[@]} not valid: ${failed[*]}" >&2; exit 1; }
echo "✓ the chart is valid in every environment"
