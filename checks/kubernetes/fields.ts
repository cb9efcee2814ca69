import { type Fields, isFields } from "../../pipeline/cluster/cluster.ts";

export { type Fields, isFields } from "../../pipeline/cluster/cluster.ts";
export { fieldsIn } from "../../pipeline/cluster/fields.ts";

/** A problem of a field: the API server refuses the field or reads it differently. */
export interface Problem {
  /** The field, as in `spec.egress[0].to[1].ipBlock.cidr`; empty for the whole object. */
  readonly path: string;
  /** The problem, as in `must be a list, but is an object`. */
  readonly problem: string;
}

/**
 * Receives each problem. Reading continues after a problem, so that one run reports all of them.
 */
export type Report = (path: string, problem: string) => void;

// As in Kubernetes, null means the same as an absent field. A null in a list is an empty item.

/** The path of a field within another field, as in `spec.egress`. */
export function child(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/**
 * Reads an object.
 *
 * @param known the only fields that the object may have; other fields are reported
 * @returns undefined for an absent value, and for a value that is not an object, which is reported
 */
export function readFields(
  value: unknown,
  path: string,
  report: Report,
  known?: readonly string[],
): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) {
    report(path, `must be an object, but is ${kindOf(value)}`);
    return undefined;
  }
  if (known !== undefined) {
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) report(child(path, name), unknownField(name, known));
    }
  }
  return value;
}

/**
 * Reads a list. An absent list is empty. A value that is not a list is reported, and counts as
 * empty.
 */
export function readList(value: unknown, path: string, report: Report): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  report(path, `must be a list, but is ${kindOf(value)}`);
  return [];
}

/**
 * Reads a string.
 *
 * @returns undefined for an absent value, and for a value that is not a string, which is reported
 */
export function readText(value: unknown, path: string, report: Report): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  report(path, `must be a string, but is ${kindOf(value)}${quotesAdvice(value)}`);
  return undefined;
}

/**
 * Reads a boolean.
 *
 * @returns undefined for an absent value, and for a value that is not a boolean, which is reported
 */
export function readBoolean(value: unknown, path: string, report: Report): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  report(path, `must be true or false, but is ${kindOf(value)}`);
  return undefined;
}

/**
 * Reads an integer that fits in 32 bits.
 *
 * @returns undefined for an absent value, and for any value that is not such an integer, which is
 *   reported
 */
export function readInteger(value: unknown, path: string, report: Report): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && (value | 0) === value) return value;
  report(path, `must be an integer, but is ${kindOf(value)}`);
  return undefined;
}

/**
 * Reads an object whose fields are all strings, such as labels. A null counts as an empty string.
 */
export function readTexts(value: unknown, path: string, report: Report): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, each] of Object.entries(readFields(value, path, report) ?? {})) {
    if (typeof each === "string" || each === null) texts.set(name, each ?? "");
    else report(path, `${name} must be a string, but is ${kindOf(each)}${quotesAdvice(each)}`);
  }
  return texts;
}

/** Describes a value of the wrong type, as in `a list`, `the string "a"` and `5`. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return `the string ${JSON.stringify(value)}`;
  return String(value);
}

/** The type of a value, without its content, as in `a list`, `a string` and `a number`. */
export function typeNameOf(value: unknown): string {
  return typeof value === "object" ? kindOf(value) : `a ${typeof value}`;
}

/** The fix for a plain `5` or `yes`, which YAML reads as a number or a boolean. */
function quotesAdvice(value: unknown): string {
  return typeof value === "number" || typeof value === "boolean" ? "; put the value in quotes" : "";
}

function unknownField(name: string, known: readonly string[]): string {
  const alike = known.find((each) => each.toLowerCase() === name.toLowerCase());
  return alike === undefined
    ? `unknown field; the known fields are ${known.join(", ")}`
    : `unknown field; the correct spelling is ${alike}`;
}

/**
 * The objects in a list. Another item counts as an empty object, and another value as an empty
 * list.
 */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map((each) => isFields(each) ? each : {}) : [];
}

/** Reads a string, or a number or boolean as a string; undefined for any other value. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** Decodes base64 of UTF-8 text, ignoring line breaks; undefined for invalid base64. */
export function decodeBase64(encoded: string): string | undefined {
  const plain = encoded.replace(/[\r\n]/g, "");
  if (plain.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(plain)) return undefined;
  try {
    const bytes = Uint8Array.from(atob(plain), (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Returns the entry of a table for a name of a manifest; undefined without one. A plain index would
 * also find what every object inherits, as for the name `constructor`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { entryOf } from "./fields.ts";
 *
 * assertEquals(entryOf({ Job: 1 }, "Job"), 1);
 * assertEquals(entryOf({ Job: 1 }, "constructor"), undefined);
 * ```
 */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * Returns the value at a path; undefined without one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { valueAt } from "./fields.ts";
 *
 * assertEquals(valueAt({ spec: { egress: [{ to: [] }] } }, "spec.egress[0]"), { to: [] });
 * assertEquals(valueAt({ spec: {} }, "spec.egress[0]"), undefined);
 * ```
 */
export function valueAt(object: Fields, path: string): unknown {
  let at: unknown = object;
  for (const [, name, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (index !== undefined) at = Array.isArray(at) ? at[Number(index)] : undefined;
    else at = isFields(at) ? at[name!] : undefined;
  }
  return at;
}
