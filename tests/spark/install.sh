#!/usr/bin/env bash
# Makes a Spark that is the image's: PySpark from PyPI and the Dockerfile's three jars, in
# its versions and with its checksums, in a cache folder. Also makes the archive of classes
# as the Dockerfile does. Does nothing where it is there.
set -euo pipefail

repository="$(cd "$(dirname "$0")/../.." && pwd)"
source "$repository/tests/support/installing.sh"
dockerfile="$repository/manifests/image/Dockerfile"
version=$(sed -n 's|^FROM apache/spark:\([0-9.]*\)-.*|\1|p' "$dockerfile")
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name changes with the versions, so what is out of date is never taken for them.
spark="$cache/spark-$version-$(grep -E '[0-9a-f]{64} ' "$dockerfile" | sha256sum | cut -c1-12)"

if [ "${1:-}" = --where ]; then
  echo "$spark"
  exit
fi

archive_classes() {
  [ ! -e "$spark/classes.jsa" ] || return 0
  local scratch home
  scratch=$(mktemp -d "$cache/archiving-XXXXXX")
  home=$("$spark/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
  PYTHONPATH="$(dirname "$dockerfile")/jobs" PYTHONDONTWRITEBYTECODE=1 SPARK_LOCAL_IP=127.0.0.1 \
    SPARK_HOME="$home" PYSPARK_PYTHON="$spark/bin/python" \
    "$home/bin/spark-submit" --master "local[1]" \
    --driver-java-options "-XX:+UseSerialGC -XX:ArchiveClassesAtExit=$scratch/classes.jsa" \
    "$(dirname "$dockerfile")/class_archive.py" >"$scratch/log" 2>&1 ||
    { tail -20 "$scratch/log" >&2; exit 1; }
  mv "$scratch/classes.jsa" "$spark/classes.jsa"
  rm -rf "$scratch"
}

if [ -e "$spark/complete" ] && [ -e "$spark/classes.jsa" ]; then
  exit
fi
await_turn "$spark"
if [ -e "$spark/complete" ]; then
  archive_classes
  exit
fi
java -version 2>/dev/null || { echo "Spark needs Java 17: install openjdk-17-jre-headless." >&2; exit 1; }

command -v mvn >/dev/null || { echo "The jars need Maven: install maven." >&2; exit 1; }

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
# The archive has the paths of the jars, so the jars must be at their place.
archive_classes
