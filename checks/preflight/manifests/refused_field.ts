import { isFields } from "../../kubernetes/fields.ts";

/** The words that follow the name of a field in messages of API servers. */
const WORDS = [
  "Required value",
  "Invalid value",
  "Unsupported value",
  "Duplicate value",
  "Forbidden",
  "Too long",
  "Too many",
  "Not found",
  "Internal error",
  "field not declared in schema",
  "expected",
].join("|");

const ITEM = String.raw`\[(?:"[^"]*"|[^\]"])*\]`;
const NAMED = new RegExp(
  String.raw`(?:^|[\s\[(])\.?([a-z][\w/-]*(?:\.[\w/-]+|${ITEM})*): (?:${WORDS})`,
);

/**
 * Finds the first field in an API server's refusal. Validation writes
 * `spec.ports[0].port: Invalid value: …`, and parsing writes
 * `.spec.containers[name="a"].imag: field not declared in schema`.
 *
 * @param value the object that was refused
 * @returns the path, as in `spec.containers[0].imag`; empty if the message names no field
 */
export function fieldNamedIn(problem: string, value: unknown): string {
  let at = value;
  let path = "";
  const named = NAMED.exec(problem)?.[1] ?? "";
  for (const [step, field, item] of named.matchAll(/\.?([^.[\]]+)|\[((?:"[^"]*"|[^\]])*)\]/g)) {
    if (field !== undefined) {
      path += step;
      at = isFields(at) ? at[field] : undefined;
      continue;
    }
    const list: readonly unknown[] = Array.isArray(at) ? at : [];
    const index = indexOf(item!, list);
    // The key of a map, or an absent item: the path of the field around it is returned.
    if (index < 0) return path;
    path += `[${index}]`;
    at = list[index];
  }
  return path;
}

/** The index of an item, from a number or from keys, as in `name="a",protocol="TCP"`. */
function indexOf(item: string, list: readonly unknown[]): number {
  if (/^\d+$/.test(item)) return Number(item);
  const keys = [...item.matchAll(/(\w+)=(?:"([^"]*)"|([^,]+))/g)];
  if (keys.length === 0) return -1;
  return list.findIndex((each) =>
    isFields(each) && keys.every(([, key, text, plain]) => String(each[key!]) === (text ?? plain))
  );
}
