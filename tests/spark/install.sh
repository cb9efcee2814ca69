#!/usr/bin/env bash
# Makes a Spark that is the image's: PySpark from PyPI and the Dockerfile's three jars, in
# its versions and with its checksums, in a cache folder. Does nothing where it is there.
set -euo pipefail

dockerfile="$(cd "$(dirname "$0")/../.." && pwd)/manifests/image/Dockerfile"
version=$(sed -n 's|^FROM apache/spark:\([0-9.]*\)-.*|\1|p' "$dockerfile")
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name changes with the versions, so what is out of date is never taken for them.
spark="$cache/spark-$version-$(grep sha256: "$dockerfile" | sha256sum | cut -c1-12)"

if [ "${1:-}" = --where ]; then
  echo "$spark"
  exit
fi
if [ -e "$spark/complete" ]; then
  exit
fi
java -version 2>/dev/null || { echo "Spark needs Java 17: install openjdk-17-jre-headless." >&2; exit 1; }

mkdir -p "$cache"
making=$(mktemp -d "$cache/making-XXXXXX")
trap 'rm -rf "$making"' EXIT
python3 -m venv "$making"
"$making/bin/python" -m pip install --quiet --disable-pip-version-check "pyspark==$version"
jars=$("$making/bin/python" -c 'import os, pyspark; print(os.path.join(os.path.dirname(pyspark.__file__), "jars"))')
# "ADD … --checksum=sha256:<digest> \" and the address on the line below.
sed -n '/^ADD /{N;s|.*sha256:\([0-9a-f]\{64\}\).*\(https://[^ ]*\).*|\1 \2|p}' "$dockerfile" |
  while read -r digest address; do
    jar="$jars/$(basename "$address")"
    curl --fail --silent --show-error --location --retry 3 --output "$jar" "$address"
    echo "$digest  $jar" | sha256sum --check --quiet
  done
touch "$making/complete"
# A venv may be moved as long as its python is called by its path.
rm -rf "$spark"
mv "$making" "$spark"
trap - EXIT
