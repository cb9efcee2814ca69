import { type Code, type Language, lineAt } from "./code.ts";

/** Which language a command reads from its standard input, or a file of that name is in. */
const READERS: readonly (readonly [RegExp, Language])[] = [
  [/\bpy(thon|spark)[\d.]*\b|\bspark-submit\b|\.py\b/, "python"],
  [/\b(psql|spark-sql)\b|\.sql\b/, "sql"],
];

/** The scripts of other languages inside a shell script: here-documents. */
export function withHeredocs(code: Code): Code[] {
  if (code.language !== "shell") return [code];
  const heredoc = /^([^\n]*)<<-?[ \t]*(["']?)(\w+)\2([^\n]*)\n([\s\S]*?)\n[ \t]*\3[ \t]*$/gm;
  const inner = [...code.text.matchAll(heredoc)].flatMap((found): Code[] => {
    const [whole, before = "", , end = "", after = "", text = ""] = found;
    const language = READERS.find(([reader]) => reader.test(before + after))?.[1];
    if (language === undefined) return [];
    const start = found.index + whole.lastIndexOf(text, whole.length - end.length - 1);
    return [{ ...code, language, text, line: lineAt(code, start) }];
  });
  return [code, ...inner];
}
