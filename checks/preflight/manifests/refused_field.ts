import { isFields } from "../../kubernetes/fields.ts";

/** What API servers say after the name of a field. */
const WORDS = [
  ...["Required value", "Invalid value", "Unsupported value", "Duplicate value", "Forbidden"],
  ...["Too long", "Too many", "Not found", "Internal error"],
  ...["field not declared in schema", "expected"],
].join("|");

const ITEM = String.raw`\[(?:"[^"]*"|[^\]"])*\]`;
const NAMED = new RegExp(
  String.raw`(?:^|[\s\[(])\.?([a-z][\w/-]*(?:\.[\w/-]+|${ITEM})*): (?:${WORDS})`,
);

/**
 * The field that an API server's refusal names first: `spec.ports[0].port: Invalid value: …` where it
 * validates, `.spec.containers[name="a"].imag: field not declared in schema` where it parses.
 *
 * @param value the object that was refused
 * @returns its path, as in `spec.containers[0].imag`; empty where no field is named
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
    // A key of a map, or an item that is not there: what is around it is near enough.
    if (index < 0) return path;
    path += `[${index}]`;
    at = list[index];
  }
  return path;
}

/** The number of an item, by its number or by its keys, as in `name="a",protocol="TCP"`. */
function indexOf(item: string, list: readonly unknown[]): number {
  if (/^\d+$/.test(item)) return Number(item);
  const keys = [...item.matchAll(/(\w+)=(?:"([^"]*)"|([^,]+))/g)];
  if (keys.length === 0) return -1;
  return list.findIndex((each) =>
    isFields(each) && keys.every(([, key, text, plain]) => String(each[key!]) === (text ?? plain))
  );
}
