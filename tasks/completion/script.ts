import { SHORT_NAMES } from "../cli/common_flags.ts";
import type { CompletedCommand, Values } from "./vocabulary.ts";

// What the scripts for bash and zsh have in common: a function that prints the words for a flag of a
// command, for its flags, and for its arguments.

/** Quotes a text for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Renders the body of the function: a `case` with one line for each flag that takes a value. */
export function caseLines(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, flags, operands }) => [
    ...flags.flatMap((flag) =>
      flag.values === undefined ? [] : [line(name, `--${flag.name}`, wordsOf(flag.values))]
    ),
    line(name, "flags", flagWords(flags).join(" ")),
    line(name, "operands", operands.join(" ")),
  ]);
  return ['  case "$1:$2" in', ...lines, "  esac"].join("\n");
}

/** The words, or `<path>` for a file, `<text>` for another text, `<list>` before words of a list. */
function wordsOf({ words, isPath, isList }: Values): string {
  if (words.length === 0) return isPath ? "<path>" : "<text>";
  return (isList ? "<list>" : "") + words.join(" ");
}

/** The flags of a command with their short names. */
function flagWords(flags: CompletedCommand["flags"]): string[] {
  const short = Object.entries(SHORT_NAMES).filter(([, long]) =>
    flags.some(({ name }) => name === long)
  );
  return [...flags.map(({ name }) => `--${name}`), ...short.map(([letter]) => `-${letter}`)];
}

function line(command: string, what: string, words: string): string {
  return `    ${command}:${what}) echo ${quoted(words)} ;;`;
}
