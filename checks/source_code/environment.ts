import type { Code } from "./code.ts";
import { pythonReads } from "./python_environment.ts";
import { pythonOf } from "./python.ts";
import { mentionOf } from "./python_mentions.ts";
import { shellReads, type ShellStart, type VariableRead } from "./shell_reads.ts";

/**
 * The variables that Python or shell code reads. Computed names are not found.
 *
 * @param start how a shell starts that runs the code
 * @param all the code of the job, which may use the names of this code
 */
export function variablesReadBy(
  code: Code,
  start?: ShellStart,
  all: readonly Code[] = [],
): VariableRead[] {
  if (code.language === "python") {
    const others = all.filter((each) => each !== code).map(({ text }) => text);
    return mayReadVariables(code) ? pythonReads(pythonOf(code), others) : [];
  }
  return code.language === "shell" ? shellReads(code.text, start) : [];
}

/**
 * The read of a variable that is not followed: Python code that names it without a read that
 * {@linkcode variablesReadBy} finds, or Python in a command of a shell script.
 */
export function unfollowedRead(code: Code, name: string): VariableRead | undefined {
  if (code.language === "shell") return inlineRead(code, name);
  return code.language === "python" && new RegExp(`\\b${name}\\b|BaseSettings`).test(code.text)
    ? mentionOf(pythonOf(code), code.text, name)
    : undefined;
}

/** The read of a variable in `python3 -c "…"`, unless it has a default. */
function inlineRead({ text }: Code, name: string): VariableRead | undefined {
  const read = new RegExp(
    `\\bpython[\\d.]*[ \\t]+(?:-\\w+[ \\t]+)*-\\w*c[ \\t][^]*?` +
      `\\b(environ|getenv)\\b[^\\w\\n]{0,6}(?:get\\W{0,6})?\\b${name}\\b(?!\\\\?["']\\s*,)`,
  ).exec(text);
  return read === null ? undefined : {
    name,
    offset: read.index,
    optional: true,
    unknown: "the script decides what it does if its program fails",
  };
}

/** Returns whether Python code may read variables, found without parsing the code. */
export function mayReadVariables({ text }: Pick<Code, "text">): boolean {
  return /\b(?:environ|getenv)\b/.test(text);
}
