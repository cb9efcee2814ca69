#!/usr/bin/env bash
# Makes a Spark that is the image's: PySpark from PyPI and the Dockerfile's three jars, in
# its versions and with its checksums, in a cache folder. Does nothing where it is there.
set -euo pipefail

dockerfile="$(cd "$(dirname "$0")/../.." && pwd)/manifests/image/Dockerfile"
version=$(sed -n 's|^FROM apache/spark:\([0-9.]*\)-.*|\1|p' "$dockerfile")
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name changes with the versions, so what is out of date is never taken for them.
spark="$cache/spark-$version-$(grep -E '[0-9a-f]{64} ' "$dockerfile" | sha256sum | cut -c1-12)"

if [ "${1:-}" = --where ]; then
  echo "$spark"
  exit
fi
if [ -e "$spark/complete" ]; then
  exit
fi
java -version 2>/dev/null || { echo "Spark needs Java 17: install openjdk-17-jre-headless." >&2; exit 1; }

command -v mvn >/dev/null || { echo "The jars need Maven: install maven." >&2; exit 1; }

mkdir -p "$cache"
making=$(mktemp -d "$cache/making-XXXXXX")
trap 'rm -rf "$making"' EXIT
python3 -m venv "$making"
"$making/bin/python" -m pip install --quiet --disable-pip-version-check "pyspark==$version"
jars=$("$making/bin/python" -c 'import os, pyspark; print(os.path.join(os.path.dirname(pyspark.__file__), "jars"))')
# The coordinates and the checksums are the Dockerfile's own.
grep -o 'Dartifact=[^ ]*' "$dockerfile" | while read -r artifact; do
  mvn --batch-mode --quiet dependency:copy "-$artifact" -DoutputDirectory="$jars"
done
sed -n 's|^ *\([0-9a-f]\{64\}\) \([^ ]*\.jar\).*|\1  \2|p' "$dockerfile" |
  (cd "$jars" && sha256sum --check --quiet)
touch "$making/complete"
# A venv may be moved as long as its python is called by its path.
rm -rf "$spark"
mv "$making" "$spark"
trap - EXIT
