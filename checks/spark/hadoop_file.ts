/** The properties in a file of Hadoop, such as `core-site.xml`. */
export interface HadoopFile {
  /** The properties that were read, in their order. */
  readonly properties: readonly { readonly name: string; readonly value: string }[];
  /** The first text that was not understood. Its properties are not known. */
  readonly unread?: string;
}

/** A property: its attributes, and the elements in it. */
const PROPERTY =
  /<property((?:\s+\w+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(?:\/>|>([^]*?)<\/property\s*>)/g;

/** An element in a property. */
const ELEMENT = /<(name|value|final|description|source|tag)\s*(?:\/>|>([^<]*)<\/\1\s*>)/g;

const ATTRIBUTE = /(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** Reads a file of Hadoop. An element that is not a property is not understood. */
export function readHadoopFile(text: string): HadoopFile {
  const xml = text.replaceAll(/<!--[^]*?-->|<\?[^]*?\?>/g, "")
    .replaceAll(/<!\[CDATA\[([^]*?)\]\]>/g, (_, raw: string) => encode(raw));
  const properties: { name: string; value: string }[] = [];
  const rests: string[] = [];
  for (const [, attributes = "", content = ""] of xml.matchAll(PROPERTY)) {
    const fields = new Map<string, string>();
    for (const [, key, one, two] of attributes.matchAll(ATTRIBUTE)) {
      fields.set(key!, one ?? two ?? "");
    }
    for (const [, key, value = ""] of content.matchAll(ELEMENT)) fields.set(key!, value);
    rests.push(content.replaceAll(ELEMENT, ""));
    const [name, value] = [fields.get("name"), fields.get("value")];
    if (name === undefined || value === undefined) continue;
    rests.push(...[name, value].flatMap((each) => unknownEntity(each) ?? []));
    properties.push({ name: decode(name).trim(), value: decode(value).trim() });
  }
  const around = xml.replaceAll(PROPERTY, "")
    .replace(/^\s*<configuration\s*(?:\/>|>([^]*)<\/configuration\s*>)\s*$/, "$1");
  const unread = [around, ...rests].map((each) => each.trim()).find((each) => each !== "");
  return { properties, ...(unread === undefined ? {} : { unread: shorten(unread) }) };
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
};

function encode(raw: string): string {
  return raw.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function decode(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi, (all, hex, number, name) => {
    if (name !== undefined) return ENTITIES[name] ?? all;
    const code = hex === undefined ? Number(number) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

/** The first `&` of a text that begins no known entity, with what follows. */
function unknownEntity(text: string): string | undefined {
  return /&(?!(?:#x[0-9a-f]{1,6}|#\d{1,7}|lt|gt|quot|apos|amp);)\S*/i.exec(text)?.[0];
}

/** The beginning of a text: its first tag or word. A text can hold a password, so no more. */
function shorten(text: string): string {
  return (/^<\/?[\w:!-]+/.exec(text)?.[0] ?? "a text outside of an element");
}
