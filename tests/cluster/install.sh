#!/usr/bin/env bash
# Builds the control plane of the suite in a cache folder: Kubernetes, etcd and kwok in one binary, with
# the kubelet, kube-proxy and the network policies of a real node.
# Does nothing if the binary exists. The build takes about ten minutes on two cores.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
plane="$here/control_plane"
source "$here/../support/installing.sh"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name contains a checksum of the sources, so an outdated binary is never used.
binary="$cache/control-plane-$(cat "$plane"/{go.mod,go.sum,*.go} | cksum | tr ' ' -)"

if [ "${1:-}" = --where ]; then
  echo "$binary"
  exit
fi
if [ -x "$binary" ]; then
  exit
fi

cd "$plane"
cannot() {
  echo "Cannot build the control plane: $1. Install Go $(sed -n 's/^go //p' go.mod) or later." >&2
  exit 1
}
command -v go >/dev/null || cannot "Go is not installed"
go list -m >/dev/null || cannot "the installed Go version is not supported"

await_turn "$binary"
if [ -x "$binary" ]; then
  exit
fi
making=$(mktemp "$cache/making-XXXXXX")
trap 'rm -f "$making"' EXIT
# Set the version that the API server reports, as the Kubernetes build does.
version=$(sed -n 's|^	k8s.io/kubernetes ||p' go.mod)
IFS=. read -r major minor _ <<<"${version#v}"
about=k8s.io/component-base/version
# Without cgo, the binary does not depend on the C library of this machine.
CGO_ENABLED=0 go build -trimpath -o "$making" -ldflags "-s -w \
  -X $about.gitVersion=$version -X $about.gitMajor=$major -X $about.gitMinor=$minor" .
chmod 755 "$making"
mv "$making" "$binary"
trap - EXIT
