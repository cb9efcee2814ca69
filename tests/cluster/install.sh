#!/usr/bin/env bash
# Builds the control plane of the suite, Kubernetes with etcd and kwok in one binary, into a cache
# folder. Does nothing where it is there. The first time takes some ten minutes on two cores.
set -euo pipefail

source="$(cd "$(dirname "$0")" && pwd)/control_plane"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name changes with the sources, so what is out of date is never taken for them.
binary="$cache/control-plane-$(cd "$source" && cat go.mod go.sum ./*.go | cksum | tr ' ' -)"

if [ "${1:-}" = --where ]; then
  echo "$binary"
  exit
fi
if [ -x "$binary" ]; then
  exit
fi

needed=$(sed -n 's/^go //p' "$source/go.mod")
command -v go >/dev/null || {
  echo "Cannot build the control plane: there is no Go. Install Go $needed or later." >&2
  exit 1
}
# A Go that is too old says so itself, or fetches the one that go.mod asks for.
go version >/dev/null

kubernetes=$(sed -n 's/^\tk8s.io\/kubernetes //p' "$source/go.mod")
version=k8s.io/component-base/version
mkdir -p "$cache"
making=$(mktemp "$cache/making-XXXXXX")
trap 'rm -f "$making"' EXIT
(
  cd "$source"
  # CGO would tie it to this machine's C library.
  CGO_ENABLED=0 go build -trimpath -o "$making" -ldflags "-s -w \
    -X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=36" .
)
chmod 755 "$making"
mv "$making" "$binary"
trap - EXIT
