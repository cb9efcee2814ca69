import type { Project } from "../contract/project.ts";
import { Failure } from "../errors.ts";
import { type Defaulted, defaultsOf, type Environment } from "./environment.ts";

// Validates the shape of every variable. Operators set variables with shells, files and YAML, and
// each of these can damage a value in its own way.

/** The fault of a value, such as `it ends with a line break`; undefined for a valid value. */
export type Fault = string | undefined;

/** The rule that a variable's value must satisfy. */
export interface Rule {
  /** The fault of a value, apart from the faults that are checked for every variable. */
  readonly fault?: (value: string) => Fault;
  /** The remedy, as a sentence: `Set it to the host's name, as in db.example.` */
  readonly remedy: string;
  /** True if the value may contain blanks. */
  readonly blanks?: boolean;
  /** True if the value may begin and end with quotes. */
  readonly quotes?: boolean;
  /** True if the value is a secret. Messages then describe only its shape. */
  readonly hidden?: boolean;
}

/**
 * Returns a variable's value if it is valid.
 *
 * @returns undefined if the variable is not set or is empty
 * @throws {Failure} configuration: the value cannot be used; the message names the variable and the
 *   fault, and has no login, password or key in it
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { validated } from "./validate.ts";
 * const rule = { remedy: "Set it to a host." };
 * assertEquals(validated(new Map([["HOST", "db.example"]]), "HOST", rule), "db.example");
 * assertEquals(validated(new Map(), "HOST", rule), undefined);
 * ```
 */
export function validated(env: Environment, name: string, rule: Rule): string | undefined {
  const value = env.get(name);
  if (!value) return undefined;
  const fault = marks(value, rule) ?? rule.fault?.(value);
  if (fault === undefined) return value;
  const shown = rule.hidden ? "" : `=${JSON.stringify(withoutLogin(value))}`;
  const said = env.secret === undefined ? shown : ` of ${env.secret}`;
  throw new Failure({
    kind: "configuration",
    task: `use ${name}${said}`,
    problem: fault,
    remedy: rule.remedy,
  });
}

/** Returns a variable's value if it is valid, or the name of the platform if it is not set. */
export function validatedOrDefault(
  env: Environment,
  name: Defaulted,
  rule: Rule,
  project: Project,
): string {
  return validated(env, name, rule) ?? defaultsOf(project)[name];
}

/**
 * Returns the valid value of a variable that has no default.
 *
 * @param meaning the meaning of the value: `the password of DJANGO_DB_USER`
 * @throws {Failure} configuration: it is not set, or its value cannot be used
 */
export function required(env: Environment, name: string, meaning: string, rule: Rule): string {
  const value = validated(env, name, rule);
  if (value !== undefined) return value;
  const state = env.get(name) === "" ? "empty" : "not set";
  throw new Failure({
    kind: "configuration",
    task: "start",
    problem: `${name} is ${state}`,
    remedy: `Set it to ${meaning}.`,
  });
}

/** Finds damage to a value by shells, files and copying. */
function marks(value: string, { blanks = false, quotes = false, hidden = false }: Rule): Fault {
  const what = hidden ? "its value" : "it";
  if (/[\r\n]$/.test(value)) return `${what} ends with a line break`;
  if (/[\r\n\0]/.test(value)) return `${what} contains a line break or a zero byte`;
  if (hidden && blanks) return undefined; // a password may be of blanks
  if (/\s$/.test(value)) return `${what} ends with a blank`;
  if (/^\s/.test(value)) return `${what} begins with a blank`;
  if (!quotes && /^(["']).*\1$/.test(value)) {
    return `${what} is enclosed in quotes, which are part of the value`;
  }
  if (!blanks && /\s/.test(value)) return `${what} contains a blank`;
  if (!hidden && /^\$[({]|^`/.test(value)) {
    return "it is a shell expression that no shell has expanded";
  }
  return undefined;
}

/** Formats a value without the user and password that it should not contain. */
function withoutLogin(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:[/\\]*)?.*@/is, "$1…@");
}
