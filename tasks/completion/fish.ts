import { SHORT_NAMES } from "../cli/common_flags.ts";
import type { CompletedCommand, CompletedFlag } from "./vocabulary.ts";

/** Renders the completion of `deep-storage` for fish. */
export function renderFish(commands: readonly CompletedCommand[]): string {
  const first = "complete -c deep-storage -n __fish_use_subcommand";
  return [
    "# Completion of deep-storage for fish: deep-storage completion fish | source",
    "# The second word is the command: a later word can be the name of another, as in show bronze.",
    "function __deep_storage_command",
    "    set -l words (commandline -opc)",
    '    test "$words[2]" = $argv[1]',
    "end",
    "complete -c deep-storage -f",
    ...commands.map(({ name, purpose }) => `${first} -a ${name} -d ${quoted(purpose)}`),
    `${first} -a help -d ${quoted("List the commands, or print the flags of one")}`,
    `${first} -l help -d ${quoted("List the commands")}`,
    `${first} -l version -d ${quoted("Print the version")}`,
    `complete -c deep-storage -n ${quoted("__deep_storage_command help")} -a ${
      quoted(commands.map(({ name }) => name).join(" "))
    }`,
    ...commands.flatMap(linesOf),
  ].join("\n");
}

function linesOf({ name, flags, operands }: CompletedCommand): string[] {
  const isCommand = quoted(`__deep_storage_command ${name}`);
  const start = `complete -c deep-storage -n ${isCommand}`;
  return [
    ...flags.map((flag) => `${start} ${optionOf(flag)}`),
    ...(operands.length === 0 ? [] : [`${start} -a ${quoted(operands.join(" "))}`]),
  ];
}

function optionOf({ name, values }: CompletedFlag): string {
  const [short] = Object.entries(SHORT_NAMES).find(([, long]) => long === name) ?? [];
  const option = `-l ${name}${short === undefined ? "" : ` -s ${short}`}`;
  if (values === undefined) return option;
  const { words, isPath, isList } = values;
  if (words.length === 0) return `${option} ${isPath ? "-r -F" : "-x"}`;
  const list = words.join(" ");
  return `${option} -x -a ${quoted(isList ? `(__fish_append , ${list})` : list)}`;
}

/** Quotes a text for fish, where a backslash escapes a quote. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
