#!/usr/bin/env bash
# The step of action.yml: installs the toolkit with npm, and runs preflight on the manifests.
set -euo pipefail

# Ends the step with an exit code, and with an annotation without a place.
stop() {
  local text=${2//%/%25}
  text=${text//$'\r'/%0D}
  echo "::error title=preflight::${text//$'\n'/%0A}"
  echo "exit-code=$1" >>"$GITHUB_OUTPUT"
  exit "$1"
}

case "$INPUT_FAIL_ON" in
  failure | never) strict=() ;;
  warning) strict=(--strict) ;;
  *) stop 2 "fail-on must be failure, warning or never." ;;
esac
if [ -n "$INPUT_VERSION" ] && [[ ! "$INPUT_VERSION" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  stop 2 "version must be a version of the npm package, such as 1.0.0."
fi

# A second use of the action in the same job finds the program.
place="$RUNNER_TEMP/deep-storage/program-${INPUT_VERSION:-own}"
program="$place/bin/deep-storage"
work=$(mktemp -d "$RUNNER_TEMP/work-XXXXXX")
trap 'rm -rf "$work"' EXIT

# Installs the program. Its output has the file or the name of the package, and the messages of npm.
install() {
  local package deno=2.9.6
  if [ -n "$INPUT_VERSION" ]; then
    package="@ldamasio/deep-storage@$INPUT_VERSION"
  else
    package=$(cd "$ACTION_PATH" && npx -y "deno@$deno" task -q package --output "$place/packed" | head -n 1) ||
      return
  fi
  npm install -g --no-audit --no-fund --prefix "$place" "$package"
}

if [ ! -x "$program" ]; then
  echo "::group::Install the toolkit"
  installed=0
  install 2>&1 | tee "$work/npm" || installed=$?
  echo "::endgroup::"
  if [ -n "$INPUT_VERSION" ] && grep -qE '^npm (ERR!|error) code (E404|ETARGET)$' "$work/npm"; then
    stop 2 "Cannot install version $INPUT_VERSION: npm has no such version of the package. Leave out the input version to use the version of the action."
  fi
  [ "$installed" = 0 ] || stop 3 "Cannot install the toolkit. The messages of npm are in the log, under \"Install the toolkit\"."
fi

mkdir -p "$RUNNER_TEMP/deep-storage"
reports=$(mktemp -d "$RUNNER_TEMP/deep-storage/reports-XXXXXX")
project=()
[ -z "$INPUT_PROJECT" ] || project=("--project=$INPUT_PROJECT")
status=0
"$program" preflight --facts manifests "--manifests=$INPUT_MANIFESTS" \
  ${project[@]+"${project[@]}"} ${strict[@]+"${strict[@]}"} --output github \
  --output "junit=$reports/preflight.xml" --output "html=$reports/preflight.html" \
  --output "markdown=$work/summary" >"$work/output" 2>"$work/messages" || status=$?
cat "$work/output"
cat "$work/messages" >&2

# Without this line, the checks did not run. The message names flags, but users write inputs.
if ! grep -q '^preflight: ' "$work/output"; then
  message=$(sed 's/--\(manifests\|project\) /the input \1 /g' "$work/messages")
  [ "$status" != 0 ] || status=3
  stop "$status" "${message:-preflight could not check the manifests.}"
fi
{
  cat "$work/summary"
  echo
  echo "The artifact of this run has a report for a browser, with the page of each check."
} >>"$GITHUB_STEP_SUMMARY"
{
  echo "exit-code=$status"
  echo "reports=$reports"
} >>"$GITHUB_OUTPUT"
# An unknown result (3) or wrong usage (2) is never ignored.
if [ "$status" = 1 ] && [ "$INPUT_FAIL_ON" = never ]; then status=0; fi
exit "$status"
