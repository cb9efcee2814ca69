import { type Fields, isFields, type KubeObject } from "./cluster.ts";

// The API server has checked its objects, so these functions report nothing: a value of another
// type counts as absent.

/**
 * Returns the fields of a value, which are none if the value is no mapping.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fieldsIn } from "./fields.ts";
 * assertEquals([fieldsIn({ a: 1 }), fieldsIn("a")], [{ a: 1 }, {}]);
 * ```
 */
export function fieldsIn(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** Returns the mappings in a list. */
export function listIn(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** Returns a text, which is empty if the value is no text. */
export function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Returns the UID of an object. */
export function uidOf({ metadata }: KubeObject): string {
  return textIn(metadata.uid);
}
