/** The name of a table, as Postgres stores it. */
export interface TableName {
  /** The schema; absent if the search_path of the role decides. */
  readonly schema?: string;
  /** The name within the schema. */
  readonly table: string;
}

/** The most bytes of an identifier. Postgres truncates a longer one. */
const LONGEST = 63;

/** The words that Postgres does not accept as the name of a table without quotes. */
const RESERVED = new Set(
  ("all analyse analyze and any array as asc asymmetric authorization between bigint binary bit " +
    "boolean both case cast char character check coalesce collate collation column concurrently " +
    "constraint create cross current_catalog current_date current_role current_schema " +
    "current_time current_timestamp current_user dec decimal default deferrable desc distinct do " +
    "else end except exists extract false fetch float for foreign freeze from full grant " +
    "greatest group grouping having ilike in initially inner inout int integer intersect " +
    "interval into is isnull join json json_array json_arrayagg json_exists json_object " +
    "json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading " +
    "least left like limit localtime localtimestamp merge_action national natural nchar none " +
    "normalize not notnull null nullif numeric offset on only or order out outer overlaps " +
    "overlay placing position precision primary real references returning right row select " +
    "session_user setof similar smallint some substring symmetric system_user table tablesample " +
    "then time timestamp to trailing treat trim true union unique user using values varchar " +
    "variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists " +
    "xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable").split(" "),
);

const PART = /(?:"((?:[^"]|"")*)"|([^\s".]*))(\.|$)/y;

/**
 * Reads the name of a table as SQL does: `table` or `schema.table`. ASCII letters of a part
 * without quotes are folded to lower case. A part in double quotes can have any characters, and `""` is a quote.
 *
 * @returns the name, or the problem of a text that is not such a name, as in `a part is empty`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readTableName } from "./table_name.ts";
 *
 * assertEquals(readTableName("Shop.events"), { schema: "shop", table: "events" });
 * assertEquals(readTableName('"Stop Events"'), { table: "Stop Events" });
 * assertEquals(readTableName("stop events"), { problem: "stop events needs double quotes" });
 * ```
 */
export function readTableName(text: string): TableName | { readonly problem: string } {
  const parts: string[] = [];
  let end = 0;
  for (let more = true; more;) {
    PART.lastIndex = end;
    const [whole, quoted, plain, dot] = PART.exec(text) ?? [];
    if (whole === undefined) return { problem: quotesProblem(text.slice(end)) };
    const part = quoted?.replaceAll('""', '"') ??
      plain!.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    const problem = partProblem(part, quoted === undefined);
    if (problem !== undefined) return { problem };
    parts.push(part);
    end += whole.length;
    more = dot === ".";
  }
  const [first, second, third] = parts;
  if (third !== undefined) return { problem: "it has more than a schema and a table" };
  return second === undefined ? { table: first! } : { schema: first!, table: second };
}

function quotesProblem(rest: string): string {
  return rest.includes('"') ? "its double quotes do not match" : `${rest} needs double quotes`;
}

function partProblem(part: string, isPlain: boolean): string | undefined {
  if (part === "") return "a part is empty";
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(part)) return "it has a control character";
  if (isPlain && !/^[\p{L}_][\p{L}\p{N}_$]*$/u.test(part)) return `${part} needs double quotes`;
  const bytes = new TextEncoder().encode(part).length;
  return bytes > LONGEST ? `${part} has ${bytes} bytes, and Postgres allows ${LONGEST}` : undefined;
}

/**
 * Writes the name of a table for SQL, with quotes where Postgres needs them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatTableName } from "./table_name.ts";
 *
 * assertEquals(formatTableName({ schema: "shop", table: "Stop Events" }), 'shop."Stop Events"');
 * assertEquals(formatTableName({ table: "order" }), '"order"');
 * ```
 */
export function formatTableName({ schema, table }: TableName): string {
  return [...(schema === undefined ? [] : [schema]), table].map(formatIdentifier).join(".");
}

function formatIdentifier(name: string): string {
  const isPlain = /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name);
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`;
}
