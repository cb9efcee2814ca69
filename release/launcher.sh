#!/bin/sh
# The program `deep-storage` of the npm package. It becomes Deno, so that every signal reaches Deno,
# once, and its exit code is that of Deno.
command=$(node -- "$(dirname -- "$(readlink -f -- "$0")")/deno_command.mjs" "$@" </dev/null) || exit
export DENO_NO_UPDATE_CHECK=1
eval "exec $command"
