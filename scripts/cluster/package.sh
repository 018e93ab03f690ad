#!/usr/bin/env bash
# Builds what a deployment takes, into dist/: the prod image of every service, pushed to a registry, and the chart.
#   VERSION    of the images and the chart, such as 1.4.2 (required)
#   REGISTRY   where the images go, such as registry.example.com/team (default: the stand's own, localhost:5005)
# Leaves dist/app-VERSION.tgz, which `helm push` takes to an OCI registry, and dist/images-VERSION.yaml, values that
# name the images by digest: a tag can be moved, a digest can't.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=${VERSION:-}
registry=${REGISTRY:-localhost:5005}
images=dist/images-$version.yaml

die() { echo "✗ $1" >&2; exit 1; }
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.-]+)?$ ]] || die "VERSION is missing or no semantic version, as in VERSION=1.4.2"
docker info >/dev/null 2>&1 || die "No Docker engine answers: start Docker"
command -v helm >/dev/null || die "helm is missing. Install it with: make tools"

mkdir -p dist
printf 'serviceDefaults:\n  image:\n    registry: %s\nservices:\n' "$registry" > "$images.partial"
for dockerfile in services/*/Dockerfile; do
  service=$(basename "$(dirname "$dockerfile")")
  image=$registry/stand/$service:${version/+/_}
  echo "== $image"
  docker build --file "$dockerfile" --target prod --tag "$image" . > dist/build.log 2>&1 ||
    { cat dist/build.log >&2; die "$service does not build: see above"; }
  docker push --quiet "$image" >/dev/null
  digest=$(docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | sed -n "s|^$registry/stand/$service@||p" | tail -1)
  printf '  %s:\n    image:\n      digest: %s\n' "$service" "$digest" >> "$images.partial"
done
helm package helm/app --version "$version" --app-version "$version" --destination dist >/dev/null
mv "$images.partial" "$images"
rm dist/build.log
echo "✓ dist/app-$version.tgz, $images"
