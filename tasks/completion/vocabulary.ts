import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import type { Command } from "../cli/command.ts";
import { COMMON_SWITCHES } from "../cli/common_flags.ts";
import type { CommandEntry } from "../commands.ts";

/** What a flag or an argument takes. */
export interface Values {
  /** The words; empty if a file or another text is expected. */
  readonly words: readonly string[];
  /** Whether a file or a directory is expected. */
  readonly isPath: boolean;
  /** Whether several words can be joined with a comma. */
  readonly isList: boolean;
}

/** A flag that a shell completes. */
export interface CompletedFlag {
  readonly name: string;
  /** Undefined for a switch. */
  readonly values: Values | undefined;
}

/** A command that a shell completes. */
export interface CompletedCommand {
  readonly name: string;
  readonly purpose: string;
  readonly flags: readonly CompletedFlag[];
  /** The words of all arguments. */
  readonly operands: readonly string[];
}

const DAYS = ["today", "yesterday"];

/** Returns what a shell completes for a command. */
export function vocabularyOf(command: Command, { name, purpose }: CommandEntry): CompletedCommand {
  const valued = [...command.values, ...command.repeatable ?? []];
  const operands = command.operands ?? (command.operand === undefined ? [] : [command.operand]);
  const flags: CompletedFlag[] = [
    ...valued.map((flag) => ({ name: flag, values: valuesOf(command, flag) })),
    ...[...command.switches, ...COMMON_SWITCHES].map((flag) => ({ name: flag, values: undefined })),
  ];
  return {
    name,
    purpose,
    flags,
    operands: operands.flatMap((operand) => wordsOfOperand(command, operand)),
  };
}

function valuesOf({ choices = {}, help }: Command, flag: string): Values {
  const kind = new RegExp(`--${flag}[ =]([A-Z]+)`).exec(help)?.[1] ?? "";
  const isCheck = (flag === "only" || flag === "skip") && choices[flag] === undefined;
  const words = isCheck
    ? PREFLIGHT.map(({ id }) => flag === "skip" ? `${id}=` : id)
    : choices[flag] ?? (kind === "DAY" || flag === "date" ? DAYS : []);
  return {
    words,
    isPath: words.length === 0 && /^(FILE|DIR|DIRECTORY|FOLDER)$/.test(kind),
    isList: flag === "facts" || flag === "only" && isCheck,
  };
}

function wordsOfOperand({ choices = {} }: Command, operand: string): readonly string[] {
  if (operand === "day") return DAYS;
  if (operand === "page") return [...PREFLIGHT, ...POSTFLIGHT].map(({ id }) => id);
  return choices[operand] ?? [];
}
