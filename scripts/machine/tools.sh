#!/usr/bin/env bash
# The command line tools of the stand, at the versions of mise.toml.
#   tools.sh           install into .stand/bin those that PATH lacks; nothing else on the machine changes
#   tools.sh --check   only say what is there; exit code 1 when something is missing
# A tool of your own is used where it has the same major version and no older minor one.
set -euo pipefail
cd "$(dirname "$0")/../.."

MISE_VERSION=2026.9.15
bin=$PWD/.stand/bin
export PATH="$bin:$PATH"

say() { printf '%s\n' "$*" >&2; }

pins() { # one line per tool: name, version, and what mise calls it
  sed -n 's|^"\(aqua:.*/\([a-z]*\)\)" = "\([0-9.]*\)".*|\2 \3 \1|p' mise.toml
}

version_of() { # the version of TOOL on PATH; "unversioned" for a build that doesn't say; fails when it is missing or broken
  local output
  case $1 in
    kubectl) output=$(kubectl version --client 2>/dev/null) || return 1 ;;
    kubeconform) output=$(kubeconform -v 2>/dev/null) || return 1 ;;
    *) output=$("$1" version 2>/dev/null) || return 1 ;;
  esac
  if [[ $output =~ v([0-9]+\.[0-9]+(\.[0-9]+)?) ]]; then echo "${BASH_REMATCH[1]}"; else echo unversioned; fi
}

fits() { # fits FOUND WANTED
  [ "$1" != unversioned ] || return 0
  local major minor wanted_major wanted_minor
  IFS=. read -r major minor _ <<< "$1"
  IFS=. read -r wanted_major wanted_minor _ <<< "$2"
  [ "$major" = "$wanted_major" ] && [ "$minor" -ge "$wanted_minor" ]
}

check() { # check TOOL WANTED: says in one line what is there, fitting or not
  local found
  found=$(version_of "$1") || found=missing
  if [ "$found" != missing ] && fits "$found" "$2"; then
    say "✓ $1 $found: $(command -v "$1")"
  else
    say "✗ $1 is $found; $2 is wanted"
    return 1
  fi
}

mise() { # from npm's package for this platform: the one that picks the platform needs an install script
  local arch os state=$PWD/.stand/mise
  os=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
    x86_64) arch=x64 ;;
    arm64 | aarch64) arch=arm64 ;;
    *) say "There is no mise for $(uname -m)"; return 1 ;;
  esac
  # No folder, global file or parent's file of the user's own mise is read or written.
  MISE_DATA_DIR=$state/data MISE_CACHE_DIR=$state/cache MISE_STATE_DIR=$state/state MISE_CONFIG_DIR=$state/config \
    MISE_GLOBAL_CONFIG_FILE=$state/config/config.toml MISE_SYSTEM_CONFIG_DIR=$state/system \
    MISE_SYSTEM_DATA_DIR=$state/system MISE_CEILING_PATHS=$(dirname "$PWD") MISE_TRUSTED_CONFIG_PATHS=$PWD/mise.toml \
    MISE_DISABLE_TOOLS=node MISE_YES=1 npx --yes "@jdxcode/mise-$os-$arch@$MISE_VERSION" "$@"
}

install_by_mise() { # install_by_mise TOOL WANTED NAME
  local path
  mise install "$3@$2" && path=$(mise which "$1") && ln -sf "$path" "$bin/$1"
}

install_by_go() { # install_by_go TOOL WANTED: where a Go module proxy is all that can be reached
  local module flags='-s -w'
  case $1 in
    helm) module=helm.sh/helm/v3/cmd/helm flags+=" -X helm.sh/helm/v3/internal/version.version=v$2" ;;
    kind) module=sigs.k8s.io/kind ;;
    kubeconform) module=github.com/yannh/kubeconform/cmd/kubeconform flags+=" -X main.version=v$2" ;;
    *) return 1 ;;
  esac
  command -v go >/dev/null || return 1
  say "  The release of $1 can't be downloaded; building it, which takes some minutes …"
  rm -f "$bin/$1"
  GOBIN=$bin GOFLAGS='' CGO_ENABLED=0 go install -trimpath -ldflags "$flags" "$module@v$2"
}

page_of() {
  case $1 in
    helm) echo https://helm.sh/docs/intro/install/ ;;
    kubectl) echo https://kubernetes.io/docs/tasks/tools/ ;;
    kind) echo https://kind.sigs.k8s.io/docs/user/quick-start/#installation ;;
    ctlptl) echo https://github.com/tilt-dev/ctlptl#how-do-i-install-it ;;
    tilt) echo https://docs.tilt.dev/install.html ;;
    kubeconform) echo https://github.com/yannh/kubeconform#installation ;;
  esac
}

install() { # install TOOL WANTED NAME
  local log=.stand/tools-$1.log
  say "  Installing $1 $2 into .stand/bin …"
  mkdir -p "$bin"
  if ! install_by_mise "$@" > "$log" 2>&1 && ! install_by_go "$@"; then
    say "✗ $1 $2 can't be downloaded (see $log); put it on PATH yourself: $(page_of "$1")"
    return 1
  fi
  hash -r
  check "$1" "$2"
}

status=0
while read -r tool wanted name <&3; do
  check "$tool" "$wanted" || { [ "${1:-}" != --check ] && install "$tool" "$wanted" "$name"; } || status=1
done 3< <(pins)
exit $status
