import { parseArgs as parse } from "@std/cli/parse-args";
import { Failure } from "../../pipeline/errors.ts";

/** The flags of a command: those that take a value, and those that do not. */
export interface FlagSpec {
  readonly values: readonly string[];
  readonly switches: readonly string[];
  /** Flags that take a value, and may be given more than once. */
  readonly repeatable?: readonly string[];
  /** What its one argument without a flag is called, where it takes one. */
  readonly operand?: string;
  /** What its arguments without a flag are called, where it takes several, in their order. */
  readonly operands?: readonly string[];
}

/** The flags that were given. */
export interface Flags {
  /** The value of a flag; undefined where it was not given. */
  value(name: string): string | undefined;
  /** Whether a switch was given. */
  on(name: string): boolean;
  /** The values of a repeatable flag, as often as it was given. */
  all(name: string): readonly string[];
  /** The argument without a flag; undefined where there is none. */
  readonly operand: string | undefined;
  /** All arguments without a flag, in their order. */
  readonly operands: readonly string[];
}

interface ParseOptions {
  readonly string: readonly string[];
  readonly boolean: readonly string[];
  readonly collect: readonly string[];
  readonly unknown: (argument: string, flag?: string) => boolean;
}

// The package brings no types of its own.
const parseArgs: (args: readonly string[], options: ParseOptions) => Record<string, unknown> =
  parse;

/**
 * Reads the command line. Every command knows `--help`.
 *
 * @throws {Failure} configuration: an unknown flag or argument, one given twice, or a flag without
 *   its value
 */
export function readFlags(args: readonly string[], spec: FlagSpec): Flags {
  const { values, switches, repeatable = [], operand } = spec;
  const names = spec.operands ?? (operand === undefined ? [] : [operand]);
  const operands: string[] = [];
  const take = (argument: string, flag?: string): boolean => {
    const isOperand = flag === undefined && names.length > 0;
    if (isOperand && operands.length < names.length) return operands.push(argument) > 0;
    const problem = isOperand ? `takes one ${names.join(" and one ")}` : "has no such flag";
    const remedy = /^--env-file(=|$)/.test(argument)
      ? "It belongs to Deno: write it before the command, as in deno task --env-file=.env run."
      : "See what it has with --help.";
    throw new Failure({
      kind: "configuration",
      task: `understand ${JSON.stringify(argument)}`,
      problem: `this command ${problem}`,
      remedy,
    });
  };
  const given = parseArgs(args, {
    string: [...values, ...repeatable, "_"],
    boolean: [...switches, "help"],
    collect: [...values, ...repeatable],
    unknown: take,
  });
  // What stands behind "--" is not unknown to the parser, and would be ignored.
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
  return {
    value: (name) => all(name)[0],
    on: (name) => given[name] === true,
    all,
    operand: operands[0],
    operands,
  };
}

/**
 * The number of seconds that a flag says.
 *
 * @param otherwise where it is not given
 * @throws {Failure} configuration: it is no whole number of them
 */
export function seconds(flags: Flags, otherwise: number, name = "timeout"): number {
  const text = flags.value(name) ?? String(otherwise);
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Failure({
    kind: "configuration",
    task: `use --${name} ${JSON.stringify(text)}`,
    problem: "it is not a whole number of seconds from 1 to 999999",
    remedy: `Give one, such as --${name} ${otherwise}.`,
  });
}

/**
 * The value of a flag that takes one of a few words.
 *
 * @returns the first word where the flag was not given
 * @throws {Failure} configuration: another word
 */
export function choice<T extends string>(flags: Flags, name: string, words: readonly T[]): T {
  const value = flags.value(name) ?? words[0]!;
  if ((words as readonly string[]).includes(value)) return value as T;
  throw new Failure({
    kind: "configuration",
    task: `use --${name} ${JSON.stringify(value)}`,
    problem: "the flag has no such value",
    remedy: `Give one of ${words.join(", ")}.`,
  });
}
