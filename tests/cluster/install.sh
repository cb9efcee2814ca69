#!/usr/bin/env bash
# Builds the control plane of the suite, Kubernetes with etcd and kwok in one binary, into a cache
# folder. Does nothing where it is there. On two cores it takes some ten minutes.
set -euo pipefail

source="$(cd "$(dirname "$0")/control_plane" && pwd)"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name changes with the sources, so what is out of date is never taken for them.
binary="$cache/control-plane-$(cat "$source"/{go.mod,go.sum,main.go,certificates.go} | cksum | tr ' ' -)"

if [ "${1:-}" = --where ]; then
  echo "$binary"
  exit
fi
if [ -x "$binary" ]; then
  exit
fi

cd "$source"
cannot() {
  echo "Cannot build the control plane: $1. Install Go $(sed -n 's/^go //p' go.mod) or later." >&2
  exit 1
}
command -v go >/dev/null || cannot "there is no Go"
go list -m >/dev/null || cannot "this Go does not do"

mkdir -p "$cache"
making=$(mktemp "$cache/making-XXXXXX")
trap 'rm -f "$making"' EXIT
# What the API server says of itself is told here, as Kubernetes' own build does.
version=$(sed -n 's|^	k8s.io/kubernetes ||p' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
about=k8s.io/component-base/version
# Without cgo it does not depend on this machine's C library.
CGO_ENABLED=0 go build -trimpath -o "$making" -ldflags "-s -w \
  -X $about.gitVersion=$version -X $about.gitMajor=$major -X $about.gitMinor=$minor" .
chmod 755 "$making"
mv "$making" "$binary"
trap - EXIT
