#!/usr/bin/env bash
# Lints and type-checks the Python of the jobs, of their tests and of the benchmark's peers. With
# --install, it only installs the tools from PyPI into a cache folder, if they are not there yet.
set -euo pipefail

cd "$(dirname "$0")/../.."
source tests/support/installing.sh
requirements=manifests/image/lint-requirements.txt
config=manifests/image/pyproject.toml
folders="manifests/image tests/spark tests/bench/peers"
cache="${DEEP_STORAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/deep-storage}"
# The name changes with the versions.
tools="$cache/lint-$(cksum <$requirements | tr ' ' -)"

if [ "${1:-}" = --install ]; then
  [ ! -e "$tools/complete" ] || exit 0
  await_turn "$tools"
  [ ! -e "$tools/complete" ] || exit 0
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check -r $requirements
  touch "$tools/complete"
  exit
fi
[ ! -e "$tools/complete" ] || PATH="$tools/bin:$PATH"

for tool in ruff mypy; do
  version=$(sed -n "s/^$tool==//p" $requirements)
  if [[ "$($tool --version 2>/dev/null || true)" != "$tool $version"* ]]; then
    echo "Cannot lint the Python of the jobs: $tool $version is not installed. Run" \
      "tests/spark/lint.sh --install, or pip install -r $requirements in a virtual environment." >&2
    exit 1
  fi
done

ruff check --quiet --no-cache --config $config $folders
mypy --config-file $config --cache-dir "$cache/mypy" --no-error-summary $folders
