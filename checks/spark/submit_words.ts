/** The options of spark-submit that take no value. */
const SWITCHES = /^(-v|-h|--verbose|--supervise|--version|--help|--usage-error|--)$/;

/** A word that starts spark-submit. */
const SUBMIT = /^(.*\/)?spark-submit$|^org\.apache\.spark\.deploy\.SparkSubmit$/;

/** A script that passes all words after it to spark-submit. */
const PASSES = /\bspark-submit[ \t]+["']?\$@["']?\s*$/;

/**
 * The words of a command line without the arguments of the application: Spark reads no settings after
 * the application file. If a variable can stand for the file, all words remain.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { wordsForSpark } from "./submit_words.ts";
 *
 * const words = ["spark-submit", "--conf", "spark.a.b=1", "job.py", "--conf=spark.a.b=2"];
 * assertEquals(
 *   wordsForSpark(words.map((text) => ({ text }))).map(({ text }) => text),
 *   ["spark-submit", "--conf", "spark.a.b=1", "job.py"],
 * );
 * ```
 */
export function wordsForSpark<T extends { readonly text: string }>(words: readonly T[]): T[] {
  const at = applicationIn(words);
  return at === undefined ? [...words] : words.slice(0, at + 1);
}

/** The position of the application file in a command line; undefined if it is not known. */
export function applicationIn(words: readonly { readonly text: string }[]): number | undefined {
  const start = words.findIndex(({ text }, i) =>
    SUBMIT.test(text) || PASSES.test(text) ||
    // The entry point of the image of Spark.
    text === "driver" && (i === 0 || /\/entrypoint\.sh$/.test(words[i - 1]!.text))
  );
  return start < 0 ? undefined : applicationAfter(words, start + 1);
}

/** The position of the application file; undefined without one, or if a variable can name it. */
function applicationAfter(
  words: readonly { readonly text: string }[],
  start: number,
): number | undefined {
  for (let i = start; i < words.length; i++) {
    const { text } = words[i]!;
    if (!text.startsWith("-")) return /[$`\s]|\{\{/.test(text) ? undefined : i;
    if (!text.includes("=") && !SWITCHES.test(text)) i++;
  }
  return undefined;
}

/** A call of spark-submit in a script, up to the end of the command. */
const CALL = /(?<![\w.-])spark-submit(?=\s)(?:\\\n|"[^"]*"|'[^']*'|[^\n;&|"'])*/g;

/** A word of a command in a script. */
const WORD = /(?:[^\s"'\\]|\\[^\n]|"[^"]*"|'[^']*')+/g;

/** Blanks the arguments of applications in a shell script. The length stays the same. */
export function withoutArguments(script: string): string {
  return script.replace(CALL, (call) => {
    const words = [...call.matchAll(WORD)].map(({ 0: text, index }) => (
      { text: text.replace(/^["']|["']$/g, ""), end: index + text.length }
    ));
    const at = applicationAfter(words, 1);
    if (at === undefined) return call;
    const { end } = words[at]!;
    return call.slice(0, end) + call.slice(end).replace(/[^\n\\]/g, " ");
  });
}

/** The application files of the calls of spark-submit in a shell script, as far as they are known. */
export function applicationsInScript(script: string): string[] {
  return [...script.matchAll(CALL)].flatMap(([call]) => {
    const words = [...call.matchAll(WORD)].map(([text]) => ({ text: text.replace(/["']/g, "") }));
    const at = applicationAfter(words.filter(({ text }) => text !== "\\"), 1);
    return at === undefined ? [] : [words.filter(({ text }) => text !== "\\")[at]!.text];
  });
}
