#!/usr/bin/env bash
# The step of action.yml: installs the toolkit with npm, and runs preflight on the manifests.
set -euo pipefail

# Prints an annotation without a place, and ends the step.
refuse() {
  echo "::error title=preflight::$1"
  exit 2
}

case "$INPUT_FAIL_ON" in
  failure | never) strict=() ;;
  warning) strict=(--strict) ;;
  *) refuse "fail-on must be failure, warning or never." ;;
esac
if [ -n "$INPUT_VERSION" ] && [[ ! "$INPUT_VERSION" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  refuse "version must be a version of the npm package, such as 1.0.0."
fi

# A second use of the action in the same job finds the program.
place="$RUNNER_TEMP/deep-storage/program-${INPUT_VERSION:-own}"
program="$place/bin/deep-storage"
if [ ! -x "$program" ]; then
  echo "::group::Install the toolkit"
  if [ -n "$INPUT_VERSION" ]; then
    package="@ldamasio/deep-storage@$INPUT_VERSION"
  else
    deno=2.9.6
    package=$(cd "$ACTION_PATH" && npx -y "deno@$deno" task -q package --output "$place/packed" | head -n 1)
  fi
  npm install -g --no-audit --no-fund --prefix "$place" "$package"
  echo "::endgroup::"
fi

reports=$(mktemp -d "$RUNNER_TEMP/deep-storage/reports-XXXXXX")
project=()
[ -z "$INPUT_PROJECT" ] || project=(--project "$INPUT_PROJECT")
status=0
"$program" preflight --facts manifests --manifests "$INPUT_MANIFESTS" \
  ${project[@]+"${project[@]}"} ${strict[@]+"${strict[@]}"} --output github \
  --output "junit=$reports/preflight.xml" --output "html=$reports/preflight.html" \
  >"$reports/output" || status=$?
cat "$reports/output"

# Without this line, the checks did not run: the message of preflight is above.
summary=$(grep '^preflight: ' "$reports/output" || true)
rm "$reports/output"
{
  echo "exit-code=$status"
  [ -z "$summary" ] || echo "reports=$reports"
} >>"$GITHUB_OUTPUT"
if [ -z "$summary" ]; then
  echo "::error title=preflight::preflight could not check the manifests. Its message is in the log."
  exit "$status"
fi
echo "$summary" >>"$GITHUB_STEP_SUMMARY"
# An unknown result (3) or wrong usage (2) is never ignored.
if [ "$status" = 1 ] && [ "$INPUT_FAIL_ON" = never ]; then status=0; fi
exit "$status"
