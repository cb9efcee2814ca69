import type { CompletedCommand } from "./vocabulary.ts";
import { caseLines, quoted } from "./script.ts";

/** Renders the completion of `deep-storage` for bash. */
export function renderBash(commands: readonly CompletedCommand[]): string {
  const names = [...commands.map(({ name }) => name), "help"];
  return `# Completion of deep-storage for bash: source <(deep-storage completion bash)

_deep_storage_words() {
${caseLines(commands)}
}

_deep_storage() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="\${COMP_WORDS[1]}" before="" reply
  COMPREPLY=()
  if [ "$COMP_CWORD" -le 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W ${
    quoted([...names, "--help", "--version"].join(" "))
  } -- "$current")
    return
  fi
  if [ "$command" = help ]; then
    mapfile -t COMPREPLY < <(compgen -W ${quoted(names.join(" "))} -- "$current")
    return
  fi
  # bash splits --flag=value into three words.
  if [ "$current" = "=" ]; then
    current=""
  elif [ "$previous" = "=" ]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  [ "$previous" = -o ] && previous=--output
  case "$previous" in
    --*) reply="$(_deep_storage_words "$command" "$previous")" ;;
    *) reply="" ;;
  esac
  if [ "$reply" = "<path>" ]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  if [ "$reply" = "<text>" ]; then
    return
  fi
  case "$reply" in
    "<list>"*)
      case "$current" in *,*) before="\${current%,*}," ;; esac
      reply="\${reply#<list>}"
      ;;
    "")
      case "$current" in
        -*) reply="$(_deep_storage_words "$command" flags)" ;;
        *) reply="$(_deep_storage_words "$command" operands)" ;;
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$reply" -- "\${current#"$before"}")
  case "\${COMPREPLY[0]}" in *=) compopt -o nospace 2>/dev/null ;; esac
}

complete -o default -F _deep_storage deep-storage`;
}
