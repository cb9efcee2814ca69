import { blank, type Code, type Language, lineAt } from "./code.ts";
import { parsedOnce } from "./python.ts";

/** The language of a here-document, by the command or the file that receives it. */
const READERS: readonly (readonly [RegExp, Language])[] = [
  [/\bpy(thon|spark)[\d.]*\b|\bspark-submit\b|\.py\b/, "python"],
  [/\b(psql|spark-sql)\b|\.sql\b/, "sql"],
];

/** The code and, for a shell script, the Python and SQL in its here-documents. */
export function withHeredocs(code: Code): Code[] {
  if (code.language !== "shell") return [code];
  const heredoc = /^([^\n]*)<<-?[ \t]*(["']?)(\w+)\2([^\n]*)\n([\s\S]*?)\n[ \t]*\3[ \t]*$/gm;
  const inner = [...code.text.matchAll(heredoc)].flatMap((found): Code[] => {
    const [whole, before = "", quote, end = "", after = "", text = ""] = found;
    const language = READERS.find(([reader]) => reader.test(before + after))?.[1];
    if (language === undefined) return [];
    const start = found.index + whole.lastIndexOf(text, whole.length - end.length - 1);
    const line = lineAt(code, start);
    if (language !== "python") return [{ ...code, language, text, line }];
    // Without quotes around the delimiter, the shell replaces its variables, which are not Python.
    const filled = quote === "" ? text.replace(/\$(\w+|\{[^}\n]*\})/g, underscores) : text;
    return [{ ...code, language, text, line, python: parsedOnce(filled) }];
  });
  return [code, ...inner];
}

function underscores(variable: string): string {
  return "_".repeat(variable.length);
}

/** A place where code reads a variable of its environment. */
export interface VariableRead {
  /** The variable. */
  readonly name: string;
  /**
   * The position where the code reads the variable, in characters from the beginning of the text.
   */
  readonly offset: number;
  /** True if the code goes on without the variable. */
  readonly optional: boolean;
}

/** The variables that a shell script reads and does not set. */
export function shellReads(text: string): VariableRead[] {
  const plain = text
    .replace(/(^|\s)#[^\n]*/g, blank)
    .replace(/\\\$/g, "  ");
  const expansion = /\$(?:(\w+)|\{(\w+)([^}]{0,500})\})/g;
  const own = new Map<string, boolean>();
  return [...plain.matchAll(expansion)].flatMap(({ 1: bare, 2: braced, 3: rest = "", index }) => {
    const name = bare ?? braced!;
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || isQuotedAt(plain, index)) {
      return [];
    }
    const isSet = own.get(name) ?? isSetIn(plain, name);
    own.set(name, isSet);
    return isSet ? [] : [{ name, offset: index, optional: /^:?[-=+]/.test(rest) }];
  });
}

/** Returns whether a place is between single quotes, where a shell does not expand variables. */
function isQuotedAt(text: string, offset: number): boolean {
  const before = text.slice(Math.max(0, offset - 1000), offset);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const outside = line.replace(/"(?:[^"\\]|\\.)*("|$)/g, "");
  return (outside.match(/'/g)?.length ?? 0) % 2 === 1;
}

function isSetIn(text: string, name: string): boolean {
  return new RegExp(`(?:^|[\\s;&|(])${name}=|\\b(?:for|read(?:\\s+-\\w+)*)\\s+${name}\\b`, "m")
    .test(text);
}
