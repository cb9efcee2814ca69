import { type Code, type Language, lineAt } from "./code.ts";
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
    if (language !== "python") {
      const dialect = /\bpsql\b/.test(before + after) ? { dialect: "postgres" as const } : {};
      return [{ ...code, language, text, line, ...dialect }];
    }
    // Without quotes around the delimiter, the shell replaces its variables, which are not Python.
    const filled = quote === "" ? text.replace(/\$(\w+|\{[^}\n]*\})/g, underscores) : text;
    return [{ ...code, language, text, line, python: parsedOnce(filled) }];
  });
  return [code, ...inner];
}

function underscores(variable: string): string {
  return "_".repeat(variable.length);
}
