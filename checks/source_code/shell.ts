import { type Code, type Language, lineAt } from "./code.ts";
import { parsedOnce } from "./python.ts";

/** The language of a here-document, by the command or the file that receives it. */
const READERS: readonly (readonly [RegExp, Language])[] = [
  [/\bpy(thon|spark)[\d.]*\b|\bspark-submit\b|\.py\b/, "python"],
  [/\b(psql|spark-sql)\b|\.sql\b/, "sql"],
];

/**
 * The code and the code in its here-documents: of a shell script the Python and SQL, and of a Dockerfile
 * the scripts that it writes.
 */
export function withHeredocs(code: Code): Code[] {
  if (code.language === "dockerfile") return [code, ...writtenScripts(code)];
  if (code.language !== "shell") return [code];
  const heredoc = /^([^\n]*)<<-?[ \t]*(["']?)(\w+)\2([^\n]*)\n([\s\S]*?)\n[ \t]*\3[ \t]*'?$/gm;
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

/** The scripts that a Dockerfile writes, as in `COPY <<EOF /opt/run.sh`. */
function writtenScripts(code: Code): Code[] {
  const heredoc =
    /^[ \t]*(COPY|ADD|RUN)\b([^\n]*)<<-?[ \t]*(["']?)(\w+)\3([^\n]*)\n([^]*?)\n[ \t]*\4[ \t]*$/gim;
  return [...code.text.matchAll(heredoc)].flatMap((found): Code[] => {
    const { 0: whole, 1: name, 2: before, 3: quote, 5: after, 6: written = "", index } = found;
    const path = name!.toUpperCase() === "RUN" ? REDIRECTION : LAST_PATH;
    const target = path.exec(`${before} ${after}`)?.[1];
    // Without quotes around the delimiter, the build replaces variables.
    const text = quote === "" ? written.replace(BUILD_VARIABLE, replaced) : written;
    const language = languageOfScript(target ?? "", text);
    if (target === undefined || language === undefined) return [];
    const line = lineAt(code, index + whole.lastIndexOf(`\n${written}\n`) + 1);
    const parsed = language === "python" ? { python: parsedOnce(text) } : {};
    return [{ ...code, language, text, line, target, ...parsed }];
  });
}

const LAST_PATH = /\s["']?(\/[^\s"']+)["']?\s*$/;
const REDIRECTION = /(?:>|\btee)[ \t]*["']?(\/[^\s"']+)/;
const BUILD_VARIABLE = /\\\$|\$(?:\w+|\{[^}\n]*\})/g;

function replaced(found: string): string {
  return found === "\\$" ? " $" : underscores(found);
}

/** The language of a script that a Dockerfile writes, by its name or its first line. */
function languageOfScript(path: string, text: string): "python" | "shell" | undefined {
  const [, interpreter] = /^#!.*?\b(python|(?:ba|da|a|z|k)?sh)[\d.]*(?:\s|$)/.exec(text) ?? [];
  if (path.endsWith(".py") || interpreter === "python") return "python";
  return path.endsWith(".sh") || interpreter !== undefined ? "shell" : undefined;
}

function underscores(variable: string): string {
  return "_".repeat(variable.length);
}
