import { parseDay } from "../../../pipeline/contract/window.ts";

/** Texts that stand for a day in any program. */
const DAYS = [
  /^[Yy]{2,4}[-/._]?[Mm]{2}[-/._]?[Dd]{2}$/,
  /^%Y[-/._]?%m[-/._]?%d$/,
  /(?<![?\w<])<[\w. -]*\b(?:date|day|yyyy[\w-]*)\b[\w. -]*>/i,
  /\{\{[^{}]*(?:\b(?:ds|ds_nodash|ts|ts_nodash)\b|date|\bday\b|data_interval|macros\.)[^{}]*\}\}/i,
  /^(?:@|__|%|\{|\[\[|#\{)\s*(?:\w+_)?(?:date|day|ds)(?:_\w+)?\s*(?:@|__|%|\}|\]\])$/i,
];

/** Texts that stand for any value. */
const VALUES = [
  /^<[^<>]+>$/,
  /^\{\{.*\}\}$/s,
  /^(?:todo|tbd|fixme|change[-_ ]?me|replace[-_ ]?(?:me|this)|fill[-_ ]?(?:me[-_ ]?)?in|x{3,}|(?:the_|run_|job_)?date|placeholder|\.{3}|…)$/i,
];

/** Names of options and variables whose values describe a day, such as its format. */
const DESCRIPTION =
  /format|fmt|pattern|regex|mask|style|template|column|col$|field|type|partition|key|name/i;

/** Returns whether the value of an option or a variable is a day. */
export function namesDay(name: string): boolean {
  return /(?:^|[-_.])(?:date|day|ds)$/i.test(name) && !DESCRIPTION.test(name);
}

/**
 * Finds a placeholder that was not replaced by a day, as in `--date=YYYY-MM-DD`.
 *
 * @param name the option or the variable with the value; empty for a value of its own
 */
export function dayPlaceholderIn(name: string, value: string): string | undefined {
  const text = value.trim();
  if (DESCRIPTION.test(name)) return undefined;
  for (const pattern of DAYS) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) return found;
  }
  if (!namesDay(name)) return undefined;
  if (VALUES.some((pattern) => pattern.test(text))) return text;
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseDay(text) === undefined ? text : undefined;
}

/** The option and the value of an argument, as of `--date=today`, or of `--date` and `today`. */
export function optionAt(
  words: readonly { readonly text: string }[],
  i: number,
): { readonly name: string; readonly value: string } {
  const { text } = words[i]!;
  const [, own, value] = /^--?([\w.-]+)=(.*)$/s.exec(text) ?? [];
  if (own !== undefined) return { name: own, value: value! };
  const before = /^--?([\w.-]+)$/.exec(words[i - 1]?.text ?? "")?.[1] ?? "";
  return { name: before, value: text };
}
