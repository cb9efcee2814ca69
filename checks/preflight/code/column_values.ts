import type { Argument, Python } from "../../source_code/python.ts";
import { selectLists } from "../../source_code/sql.ts";
import { type Columns, merge, nameOf, TYPED } from "./frame_columns.ts";
import { isNullValue } from "./null_value.ts";
import { selectedBy } from "./sql_views.ts";

// What the arguments of methods of frames say about columns.

/** Returns a function that gives the code of a source with the names in its strings. */
export function namedCode({ code, strings }: Python): (argument: Argument) => string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, text } of strings) {
    if (start < at || !/^\s*[\w.*`]+\s*$/.test(text)) continue;
    const source = code.slice(start, end);
    const filled = [...source].map((char, i) => char === " " ? text[i] ?? char : char).join("");
    parts.push(code.slice(at, start), filled);
    at = end;
  }
  const named = parts.join("") + code.slice(at);
  return ({ start, code: { length } }) => named.slice(start, start + length);
}

/**
 * The columns without a type that a value makes from columns of its frame.
 *
 * @param written the value, with the names in its strings
 * @param variables the variables whose value is a null without a type
 */
export function madeFrom(
  written: string,
  columns: Columns,
  variables: ReadonlyMap<string, Columns>,
): Columns {
  if (columns.size === 0 && variables.size === 0) return TYPED;
  const used: Columns[] = [];
  const use = (name: string | undefined, whole: string): string => {
    const column = columns.get(nameOf(name));
    if (name === undefined || column === undefined) return whole;
    used.push(new Map([[nameOf(name), column]]));
    return "None";
  };
  const alias = /\.\s*(?:alias|name)\s*\(\s*["']([^"']*)["']/.exec(written)?.[1];
  const code = written
    .replace(
      /(?:\w+\s*\.\s*)*\b(?:alias|name|lit|cast|astype)\s*\(\s*["'][^"']*["']/g,
      (whole) => whole.replace(/["'][^"']*["']/, "x"),
    )
    .replace(/(?:\w+\s*\.\s*)*\b(?:col|column)\s*\(\s*["'](?:[\w`]+\.)?([\w`]+)["']\s*\)/g, (
      whole,
      name,
    ) => use(name, whole))
    .replace(/\b\w+\s*\[\s*["']([\w`]+)["']\s*\]/g, (whole, name) => use(name, whole))
    .replace(/["'](?:[\w`]+\.)?([\w`]+)["']/g, (whole, name) => use(name, whole))
    .replace(
      /\b\w+\s*\.\s*(\w+)\b(?!\s*[.(])|\b\w+\s*\.\s*(\w+)(?=\s*\.\s*(?:alias|name|over)\b)/g,
      (
        whole,
        name,
        named,
      ) => use(name ?? named, whole),
    );
  const nulls = [...variables].filter(([, { size }]) => size > 0);
  for (const [name, held] of nulls) {
    if (new RegExp(`(?<![\\w.])${name}(?!\\w)`).test(code)) used.push(held);
  }
  if (used.length === 0 || !isNullValue(code, new Set(nulls.map(([name]) => name)))) return TYPED;
  const all = merge(...used);
  const [first] = all;
  const name = alias ?? first![0];
  const column = merge(...[...all.values()].map((each): Columns => new Map([["", each]]))).get("")!;
  return new Map([[nameOf(name), column]]);
}

/** The columns without a type that an item of `selectExpr` or the text of `expr` makes. */
export function ofExpression(sql: string, columns: Columns): Columns {
  return merge(
    ...selectLists(`SELECT ${sql}`).slice(0, 1).map(({ items }) => selectedBy(items, columns)),
  );
}

/**
 * The names that an argument lists, as in `"a"`, `["a", "b"]` and `*NAMES`; undefined for an
 * argument that lists other things.
 */
export function listedNames(
  { code, string, start }: Argument,
  python: Python,
): readonly string[] | undefined {
  if (string !== undefined) return isPlain(string) ? [string] : undefined;
  if (python.constants.has(code)) return [python.constants.get(code)!];
  const variable = /^\*?\s*([A-Za-z_]\w*)$/.exec(code)?.[1];
  if (variable === undefined) return listAt(code.startsWith("*") ? start + 1 : start, python);
  const word = new RegExp(`^[ \\t]*${variable}[ \\t]*(?::[^=\\n]+)?=[ \\t]*(?!=)`, "gm");
  const [definition, ...others] = [...python.code.matchAll(word)];
  return definition === undefined || others.length > 0
    ? undefined
    : listAt(definition.index + definition[0].length, python);
}

/** The names in a list, tuple or set of texts. */
function listAt(start: number, { code, strings }: Python): string[] | undefined {
  const list = /^[[({](?:\s*["'][^"'\n]*["']\s*,?)*\s*[\])}]/.exec(
    code.slice(start, start + 5_000),
  );
  if (list === null) return undefined;
  const end = start + list[0].length;
  const names = strings.filter((each) => start <= each.start && each.end <= end)
    .map(({ text }) => text.trim());
  return names.every(isPlain) ? names : undefined;
}

/** Returns whether a name in a string is the name of one column, or all columns. */
function isPlain(name: string): boolean {
  return /^(?:[\w`]+\.)?(?:[\w`]+|\*)$/.test(name);
}
