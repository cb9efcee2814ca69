import { parseArgs as parse } from "@std/cli/parse-args";
import { Failure } from "../../pipeline/errors.ts";
import { COMMON_SWITCHES, SHORT_NAMES } from "./common_flags.ts";
import { didYouMean } from "./suggestion.ts";

/** The flags and arguments of a command. */
export interface FlagSpec {
  readonly values: readonly string[];
  readonly switches: readonly string[];
  /** Flags with a value that can be repeated. */
  readonly repeatable?: readonly string[];
  /** The name of the argument, if the command takes one. */
  readonly operand?: string;
  /** The names of the arguments in order, if the command takes several. */
  readonly operands?: readonly string[];
  /** The words that flags and arguments take, by the name of the flag or the argument. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
}

/** The flags and arguments on the command line. */
export interface Flags {
  /** Returns the value of a flag, or undefined. */
  value(name: string): string | undefined;
  /** Returns whether a switch is set. */
  on(name: string): boolean;
  /** Returns all values of a repeatable flag. */
  all(name: string): readonly string[];
  /** The argument, or undefined. */
  readonly operand: string | undefined;
  /** All arguments in order. */
  readonly operands: readonly string[];
}

interface ParseOptions {
  readonly string: readonly string[];
  readonly boolean: readonly string[];
  readonly collect: readonly string[];
  readonly unknown: (argument: string, flag?: string) => boolean;
}

// The package has no types.
const parseArgs: (args: readonly string[], options: ParseOptions) => Record<string, unknown> =
  parse;

/**
 * Reads the command line. Every command has the switches of `common_flags.ts`.
 *
 * @throws {Failure} configuration: an unknown flag or argument, a repeated flag, or a flag without its
 *   value
 */
export function readFlags(args: readonly string[], spec: FlagSpec): Flags {
  const { values, switches, repeatable = [], operand } = spec;
  const names = spec.operands ?? (operand === undefined ? [] : [operand]);
  const operands: string[] = [];
  const flags = [...values, ...repeatable, ...switches, ...COMMON_SWITCHES].map((name) =>
    `--${name}`
  );
  const take = (argument: string, flag?: string): boolean => {
    const isOperand = flag === undefined && names.length > 0;
    if (isOperand && operands.length < names.length) return operands.push(argument) > 0;
    const isFlag = flag !== undefined || argument.startsWith("-");
    const problem = isFlag
      ? "has no such flag"
      : isOperand
      ? `takes one ${names.join(" and one ")}`
      : "takes no argument";
    const remedy = /^--env-file(=|$)/.test(argument)
      ? "Write it before the command, as in deno task --env-file=.env run."
      : `${
        isFlag ? didYouMean(argument.replace(/=.*/s, ""), flags) : ""
      }List the flags with --help.`;
    throw new Failure({
      kind: "configuration",
      task: `understand ${JSON.stringify(argument)}`,
      problem: `this command ${problem}`,
      remedy,
    });
  };
  const given = parseArgs(withDashes(withLongNames(args, flags), [...values, ...repeatable]), {
    string: [...values, ...repeatable, "_"],
    boolean: [...switches, ...COMMON_SWITCHES],
    collect: [...values, ...repeatable],
    unknown: take,
  });
  // The parser does not report arguments after "--" as unknown.
  (given._ as string[]).slice(operands.length).forEach((argument) => take(argument));
  const all = (name: string) => (given[name] ?? []) as readonly string[];
  for (const name of [...values, ...repeatable]) {
    const twice = all(name).length > 1 && !repeatable.includes(name);
    if (twice || all(name).includes("")) {
      const problem = twice ? "was given twice" : "was given without a value";
      throw new Failure({
        kind: "configuration",
        task: `use --${name}`,
        problem: `it ${problem}`,
        remedy: "See --help.",
      });
    }
  }
  if (given.quiet === true && given.verbose === true) {
    throw new Failure({
      kind: "configuration",
      task: "use --quiet with --verbose",
      problem: "one prints less, and the other prints more",
      remedy: "Leave out one of them.",
    });
  }
  return {
    value: (name) => all(name)[0],
    on: (name) => given[name] === true,
    all,
    operand: operands[0],
    operands,
  };
}

/** Replaces the short names of flags, as in `-qo json`, if the command has the flags. */
function withLongNames(args: readonly string[], flags: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.flatMap((each, i) => {
    if (end >= 0 && i > end) return [each];
    const [, switches = "", value = "", rest = ""] = /^-([hqv]*)(?:(o)=?(.*))?$/s.exec(each) ?? [];
    if (switches + value === "" || value !== "" && !flags.includes("--output")) return [each];
    const long = [...switches].map((letter) => `--${SHORT_NAMES[letter]}`);
    if (value === "") return long;
    return [...long, rest === "" ? "--output" : `--output=${rest}`];
  });
}

/** Joins a flag and the value `-`, which the parser would take for another argument. */
function withDashes(args: readonly string[], names: readonly string[]): string[] {
  const isFlag = (text: string | undefined) => names.some((name) => text === `--${name}`);
  return args.flatMap((each, i) => {
    if (each === "-" && isFlag(args[i - 1])) return [];
    return isFlag(each) && args[i + 1] === "-" ? [`${each}=-`] : [each];
  });
}

/**
 * Reads a number of seconds.
 *
 * @param otherwise the default
 * @throws {Failure} configuration: the value is not a whole number from 1 to 999999
 */
export function seconds(flags: Flags, otherwise: number, name = "timeout"): number {
  const text = flags.value(name) ?? String(otherwise);
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Failure({
    kind: "configuration",
    task: `use --${name} ${JSON.stringify(text)}`,
    problem: "it is not a whole number of seconds from 1 to 999999",
    remedy: `Use a number of seconds, such as --${name} ${otherwise}.`,
  });
}

/**
 * Reads a flag that takes one of several words. The first word is the default.
 *
 * @throws {Failure} configuration: the value is another word
 */
export function choice<T extends string>(flags: Flags, name: string, words: readonly T[]): T {
  const value = flags.value(name) ?? words[0]!;
  if ((words as readonly string[]).includes(value)) return value as T;
  throw new Failure({
    kind: "configuration",
    task: `use --${name} ${JSON.stringify(value)}`,
    problem: "the value is not supported",
    remedy: `${didYouMean(value, words)}Use one of ${words.join(", ")}.`,
  });
}
