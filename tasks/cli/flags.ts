import { parseArgs as parse } from "@std/cli/parse-args";
import { Failure } from "../../pipeline/errors.ts";

/** The flags of a command: those that take a value, and those that do not. */
export interface FlagSpec {
  readonly values: readonly string[];
  readonly switches: readonly string[];
}

/** The flags that were given. */
export interface Flags {
  /** The value of a flag; undefined where it was not given. */
  value(name: string): string | undefined;
  /** Whether a switch was given. */
  on(name: string): boolean;
}

interface ParseOptions {
  readonly string: readonly string[];
  readonly boolean: readonly string[];
  readonly collect: readonly string[];
  readonly unknown: (argument: string) => boolean;
}

// The package brings no types of its own.
const parseArgs: (args: readonly string[], options: ParseOptions) => Record<string, unknown> =
  parse;

/**
 * Reads the command line. Every command knows `--help`.
 *
 * @throws {Failure} configuration: an unknown flag, one given twice, or one without its value
 */
export function readFlags(args: readonly string[], spec: FlagSpec): Flags {
  const given = parseArgs(args, {
    string: spec.values,
    boolean: [...spec.switches, "help"],
    collect: spec.values,
    unknown: refuse,
  });
  // What stands behind "--" is not unknown to the parser, and would be ignored.
  refuse((given._ as unknown[])[0]);
  for (const name of spec.values) {
    const values = (given[name] ?? []) as string[];
    if (values.length > 1 || values[0] === "") {
      const problem = values.length > 1 ? "was given twice" : "was given without a value";
      throw new Failure("configuration", `Cannot use --${name}: it ${problem}. See --help.`);
    }
  }
  return {
    value: (name) => (given[name] as string[] | undefined)?.[0],
    on: (name) => given[name] === true,
  };
}

function refuse(argument: unknown): boolean {
  if (argument === undefined) return false;
  throw new Failure(
    "configuration",
    `Cannot understand ${JSON.stringify(argument)}: this command has no such flag. ` +
      "See what it has with --help.",
  );
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
  throw new Failure(
    "configuration",
    `Cannot use --${name} ${JSON.stringify(value)}: it is one of ${words.join(", ")}.`,
  );
}
