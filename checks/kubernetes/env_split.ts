import type { Word } from "./pod_template.ts";

const SPLIT = /^(?:-[A-Za-z]*S|--split-string(?:=|$))/;

/**
 * Splits the text that `env -S` splits, as in `[env, -S, "bash -euc"]`. Outside of single quotes, env
 * replaces `${A}` by the variable, as Kubernetes replaces `$(A)`.
 */
export function withSplitText(words: readonly Word[]): Word[] {
  const program = words.findIndex(({ text }) => /(?:^|\/)env$/.test(text));
  if (program < 0) return [...words];
  let at = program + 1;
  while (at < words.length && /^-/.test(words[at]!.text) && !SPLIT.test(words[at]!.text)) {
    at += /^-[uC]$/.test(words[at]!.text) ? 2 : 1;
  }
  const [option] = SPLIT.exec(words[at]?.text ?? "") ?? [];
  if (option === undefined) return [...words];
  const attached = words[at]!.text.slice(option.length);
  const line = attached === "" ? words[at + 1] : { path: words[at]!.path, text: attached };
  const texts = line === undefined ? undefined : textsIn(line.text);
  if (line === undefined || texts === undefined) return [...words];
  return [
    ...words.slice(0, at),
    ...texts.map((text) => ({ path: line.path, text })),
    ...words.slice(attached === "" ? at + 2 : at + 1),
  ];
}

/** The words of a text; undefined if a quote is not closed. */
function textsIn(line: string): string[] | undefined {
  const parts =
    /\s+|'((?:[^'\\]|\\[^])*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|\$\{(\w+)\}|([^\s'"\\$]+|\$)|(["'\\])/g;
  const texts: string[] = [];
  let text: string | undefined;
  for (const [part, single, double, escaped, variable, plain, open] of line.matchAll(parts)) {
    if (open !== undefined) return undefined;
    const next = single?.replaceAll(/\\([\\'])/g, "$1") ??
      double?.replaceAll(/\$\{(\w+)\}|\\(["\\$])/g, (_, name, char) => char ?? `$(${name})`) ??
      escaped ?? (variable === undefined ? plain : `$(${variable})`);
    if (next !== undefined) text = (text ?? "") + next;
    else if (/^\s/.test(part) && text !== undefined) {
      texts.push(text);
      text = undefined;
    }
  }
  return text === undefined ? texts : [...texts, text];
}
