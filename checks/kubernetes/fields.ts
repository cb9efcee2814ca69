/** Something that the API server would refuse, or that would not mean what it seems to. */
export interface Problem {
  /** The field, as in `spec.egress[0].to[1].ipBlock.cidr`. Empty: the object as a whole. */
  readonly path: string;
  /** What is wrong with it. */
  readonly problem: string;
}

/** Hears of problems. Reading goes on after one, so that all of them are told at once. */
export type Report = (path: string, problem: string) => void;

/** An object of YAML or JSON. */
export type Fields = Readonly<Record<string, unknown>>;

// As everywhere in Kubernetes, null is the same as absent; an item of a list that is null is the empty
// item.

/** Whether a value is an object with fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The path of a field within another. */
export function child(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/**
 * Reads an object.
 *
 * @param known the only fields that it may have; a misspelt one changes the meaning without a word
 * @returns undefined where it is absent, or no object, which is reported
 */
export function readFields(
  value: unknown,
  path: string,
  report: Report,
  known?: readonly string[],
): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) {
    report(path, `has to be an object, and is ${kindOf(value)}`);
    return undefined;
  }
  if (known !== undefined) {
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) report(child(path, name), unknownField(name, known));
    }
  }
  return value;
}

/** Reads a list. Absent or no list, which is reported, it is empty; a null in it is an empty item. */
export function readList(value: unknown, path: string, report: Report): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  report(path, `has to be a list, and is ${kindOf(value)}`);
  return [];
}

/**
 * Reads a text.
 *
 * @returns undefined where it is absent, or no text, which is reported
 */
export function readText(value: unknown, path: string, report: Report): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  report(path, `has to be a text, and is ${kindOf(value)}${quoteIt(value)}`);
  return undefined;
}

/**
 * Reads yes or no.
 *
 * @returns undefined where it is absent, or neither, which is reported
 */
export function readBoolean(value: unknown, path: string, report: Report): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  report(path, `has to be true or false, and is ${kindOf(value)}`);
  return undefined;
}

/**
 * Reads a whole number that fits in 32 bits.
 *
 * @returns undefined where it is absent, or no such number, which is reported
 */
export function readInteger(value: unknown, path: string, report: Report): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && (value | 0) === value) return value;
  report(path, `has to be a whole number, and is ${kindOf(value)}`);
  return undefined;
}

/** Reads an object whose fields are all texts, such as labels. A null in it is an empty text. */
export function readTexts(value: unknown, path: string, report: Report): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, each] of Object.entries(readFields(value, path, report) ?? {})) {
    if (typeof each === "string" || each === null) texts.set(name, each ?? "");
    else report(path, `${name} has to be a text, and is ${kindOf(each)}${quoteIt(each)}`);
  }
  return texts;
}

/** What a value of the wrong type is called. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return `the text ${JSON.stringify(value)}`;
  return String(value);
}

/** YAML makes numbers and booleans of plain `5` and `yes`; nobody expects that of a label. */
function quoteIt(value: unknown): string {
  return typeof value === "number" || typeof value === "boolean" ? ": put it in quotes" : "";
}

function unknownField(name: string, known: readonly string[]): string {
  const alike = known.find((each) => each.toLowerCase() === name.toLowerCase());
  return alike === undefined
    ? `there is no such field; here stand ${known.join(", ")}`
    : `there is no such field; it is written ${alike}`;
}

/** The items of a list; an item that is no object is an empty one, and anything but a list is empty. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map((each) => isFields(each) ? each : {}) : [];
}

/** A text, or a scalar that YAML did not take for one. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** Decodes base64 of UTF-8, with or without line breaks in it; undefined where it is no base64. */
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
