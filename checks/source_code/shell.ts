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

/** A part of a value that only a shell interprets. */
export interface ShellSyntax {
  /** The kind, as in `a shell command,`. */
  readonly what: string;
  /** The source, as in `$(date)`. */
  readonly written: string;
  /** A detail that begins with a comma, or an empty text. */
  readonly detail: string;
}

/** The variables that a value may refer to. */
export interface Known {
  /** The variables that are declared before. */
  readonly declared: ReadonlySet<string>;
  /** All variables that are declared. */
  readonly later: readonly string[];
  /** True if other variables may be declared in objects that are not known. */
  readonly open: boolean;
}

/**
 * Finds the first shell syntax in the value of a variable. For Kubernetes, `$(NAME)` of a variable that
 * is declared before is a reference, and `$$` stands for one `$`.
 *
 * @param known the variables that `$(NAME)` may name; without them every `$(…)` is shell syntax
 */
export function shellIn(value: string, known?: Known): ShellSyntax | undefined {
  const pieces = /\$\$|\$\(([^)]{0,500})\)|\$\{[^}]{0,500}\}|\$[A-Za-z_]\w*|`[^`]{0,500}`/g;
  for (const { 0: written, 1: name } of value.matchAll(pieces)) {
    if (written === "$$") continue;
    if (name === undefined) {
      const what = written.startsWith("`") ? "a shell command," : "a shell variable,";
      return { what, written, detail: "" };
    }
    if (known !== undefined && isVariable(name)) {
      if (known.declared.has(name) || known.open || isOfService(name)) continue;
      const detail = known.later.includes(name)
        ? ", but that variable is declared later"
        : ", but no such variable is declared";
      return { what: "the reference", written, detail };
    }
    return { what: "a shell command,", written, detail: "" };
  }
  return undefined;
}

function isVariable(name: string): boolean {
  return /^[A-Za-z_.-][\w.-]*$/.test(name) && name !== "date";
}

/**
 * Returns whether Kubernetes declares a variable for a Service, before the variables of the
 * container.
 */
function isOfService(name: string): boolean {
  return /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)$/.test(name);
}
