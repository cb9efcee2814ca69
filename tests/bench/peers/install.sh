#!/usr/bin/env bash
# Installs a peer of the benchmark into a cache folder, unless it is there, and prints its folder.
#   install.sh NAME           NAME.txt lists the packages from PyPI; pg2parquet comes from crates.io
#   install.sh --where NAME   installs nothing, and prints the folder only if the peer is there
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
source "$here/../../support/installing.sh"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
where=0
if [ "$1" = --where ]; then
  where=1
  shift
fi
name=$1
pg2parquet=0.2.2

if [ "$name" = pg2parquet ]; then
  peer="$cache/bench-pg2parquet-$pg2parquet"
else
  requirements="$here/$name.txt"
  # The name changes with the versions.
  peer="$cache/bench-$name-$(cksum <"$requirements" | tr ' ' -)"
fi

if [ "$where" = 1 ]; then
  [ ! -e "$peer/complete" ] || echo "$peer"
  exit
fi
if [ ! -e "$peer/complete" ]; then
  await_turn "$peer"
fi
if [ ! -e "$peer/complete" ]; then
  rm -rf "$peer"
  mkdir -p "$peer"
  if [ "$name" = pg2parquet ]; then
    command -v cargo >/dev/null || { echo "pg2parquet needs Rust: install cargo." >&2; exit 1; }
    cargo install --quiet --locked --version "$pg2parquet" --root "$peer" pg2parquet >&2
  else
    python3 -m venv "$peer"
    "$peer/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
    "$peer/bin/python" -m compileall -q "$peer/lib" >/dev/null 2>&1 || true
  fi
  touch "$peer/complete"
fi
echo "$peer"
