#!/bin/sh
# The program `deep-storage` of the npm package. It becomes Deno, so that every signal reaches Deno,
# once, and its exit code is that of Deno. It does without Node.js, whose start takes 60 ms.
stop() {
  printf '%s\n' "$2" >&2
  exit "$1"
}

file=$(readlink -f -- "$0") ||
  stop 3 'Cannot find the files of the package: readlink failed. Add its directory to the PATH.'
folder=${file%/bin/*}

# Deno would end with 1, as if a check had failed.
[ "$(pwd -P 2>/dev/null)" ] ||
  stop 2 'Cannot start: the working directory does not exist any more. Change to another directory.'

# Variables from a file are Deno's concern: deep-storage --env-file=.env run
of_deno=
while :; do
  case ${1-} in
    --env-file) file=.env ;;
    --env-file=*) file=${1#--env-file=} ;;
    *) break ;;
  esac
  problem=
  [ -r "${file:=.env}" ] || problem='this user cannot read it'
  [ -e "$file" ] || problem='there is no such file'
  [ ! -d "$file" ] || problem='it is a directory'
  [ -z "$problem" ] ||
    stop 2 "Cannot read the variables in $file: $problem. Name a file: --env-file=FILE."
  of_deno="$of_deno '$(printf %s "$1" | sed "s/'/'\\\\''/g")'"
  shift
done

# npm installs Deno for this machine alone, so that there is one. Without -g, npm puts the libraries
# beside the package, where its modules do not find them.
for deno in "$folder"/node_modules/@deno/*/deno; do
  [ -x "$deno" ] ||
    stop 3 "Cannot start Deno: it is not below $folder. Install the package with: npm install -g FILE.tgz"
done

# Sets the flags and the program of the command.
. "$folder/bin/commands.sh"
export DENO_NO_UPDATE_CHECK=1
eval 'exec "$deno" run "--config=$folder/deno.json" --no-lock --no-remote $flags' \
  "$of_deno" '"$folder/$program" "$@"'
