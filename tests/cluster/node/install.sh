#!/usr/bin/env bash
# Installs what a real node runs, in a cache folder: its DNS, the probe, and containerd, built from
# source, beside the binary of the control plane, which has its other programs. Installs the Debian
# packages that they need. Does nothing if all of it exists. The build takes about four minutes on two
# cores, after the control plane's.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
source "$here/../../support/installing.sh"
plane="$here/../control_plane" runtime="$here/../containerd"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name contains a checksum of the sources, so an outdated program is never used.
programs="$cache/node-$(cat "$plane"/go.{mod,sum} "$plane"/{dns,probe}/*.go "$runtime"/go.{mod,sum} | cksum | tr ' ' -)"

if [ "${1:-}" = --where ]; then
  echo "$programs"
  exit
fi
PATH="$PATH:/usr/sbin" # where Debian has some of them
need runc runc
need /usr/lib/cni/bridge containernetworking-plugins
need iptables iptables
need ipset ipset
need busybox busybox-static
need nsenter util-linux
install_needed "install the real node"
"$here/../install.sh"
if [ -d "$programs" ]; then
  exit
fi
await_turn "$programs"
if [ -d "$programs" ]; then
  exit
fi

making=$(mktemp -d "$cache/making-XXXXXX")
trap 'rm -rf "$making"' EXIT
chmod 755 "$making"
# The same flags as the control plane's, so that Go takes what it compiled for that.
export CGO_ENABLED=0
(cd "$plane" && go build -trimpath -o "$making/" -ldflags "-s -w" ./dns ./probe)
(cd "$runtime" && go build -trimpath -o "$making/" -ldflags "-s -w" -tags no_btrfs,no_devmapper,no_zfs \
  github.com/containerd/containerd/v2/cmd/{containerd-shim-runc-v2,ctr,containerd})
mv "$making" "$programs"
trap - EXIT
