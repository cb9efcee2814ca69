import { caseLines, quoted } from "./script.ts";
import type { CompletedCommand } from "./vocabulary.ts";

/** Renders the completion of `deep-storage` for zsh. */
export function renderZsh(commands: readonly CompletedCommand[]): string {
  const described = [
    ...commands.map(({ name, purpose }) => `${name}:${purpose}`),
    "help:List the commands, or print the flags of one",
  ];
  return `#compdef deep-storage
# Completion of deep-storage for zsh: source <(deep-storage completion zsh), after compinit

_deep_storage_words() {
${caseLines(commands)}
}

_deep_storage() {
  local command=$words[2] previous=$words[CURRENT-1] reply
  local -a commands
  commands=(
${described.map((each) => `    ${quoted(each)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    compadd -- --help --version
    return
  fi
  if [[ $command == help ]]; then
    _describe command commands
    return
  fi
  if [[ $PREFIX == --*=* ]]; then
    previous=\${PREFIX%%=*}
    compset -P '*='
  fi
  [[ $previous == -o ]] && previous=--output
  [[ $previous == --* ]] && reply=$(_deep_storage_words $command $previous)
  case $reply in
    '<path>') _files; return ;;
    '<text>') return ;;
    '<list>'*) compset -P '*,'; compadd -qS , -- \${=reply#<list>}; return ;;
    '')
      if [[ $PREFIX == -* ]]; then
        reply=$(_deep_storage_words $command flags)
      else
        reply=$(_deep_storage_words $command operands)
      fi
      ;;
  esac
  compadd -- \${=reply}
}

compdef _deep_storage deep-storage`;
}
