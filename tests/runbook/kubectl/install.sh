#!/usr/bin/env bash
# Builds kubectl in a cache folder, in the version of the control plane. Debian's kubectl is too old
# for this API server. Does nothing if the binary exists.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
source "$here/../../support/installing.sh"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
binary="$cache/kubectl-$(cat "$here"/{go.mod,go.sum,main.go} | cksum | tr ' ' -)"

if [ "${1:-}" = --where ]; then
  echo "$binary"
  exit
fi
if [ -x "$binary" ]; then
  exit
fi

cd "$here"
if ! command -v go >/dev/null; then
  echo "Cannot build kubectl: Go is not installed. Install Go $(sed -n 's/^go //p' go.mod) or later." >&2
  exit 1
fi
await_turn "$binary"
if [ -x "$binary" ]; then
  exit
fi
making=$(mktemp "$cache/making-XXXXXX")
trap 'rm -f "$making"' EXIT
CGO_ENABLED=0 go build -trimpath -o "$making" -ldflags "-s -w" .
chmod 755 "$making"
mv "$making" "$binary"
trap - EXIT
