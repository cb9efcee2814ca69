import { type Call, callsOf, opening } from "./calls.ts";
import { blank, type Code } from "./code.ts";
import { type Python, pythonOf } from "./python.ts";

/** A place where code reads a variable of its environment. */
export interface VariableRead {
  /** The variable. */
  readonly name: string;
  /** Where in the text. */
  readonly offset: number;
  /** Whether the code goes on without it. */
  readonly optional: boolean;
}

/** Finds the variables that a text reads. Names that are made while it runs cannot be told. */
export function variablesReadBy(code: Code): VariableRead[] {
  const { language, text } = code;
  if (language === "python") return inPython(pythonOf(code));
  return language === "shell" ? inShell(text) : [];
}

function inPython(python: Python): VariableRead[] {
  const { code, strings } = python;
  const calls = callsOf(python, ["get", "getenv", "pop"]).filter((call) =>
    call.name === "getenv" || /\benviron\s*\.\s*\w+$/.test(code.slice(call.start, open(code, call)))
  );
  const asked = calls.flatMap((call): VariableRead[] => {
    const name = call.args[0]?.string;
    if (name === undefined) return [];
    return [{ name, offset: call.start, optional: hasDefault(python, call) }];
  });
  const subscripts = strings.flatMap(({ start, end, text }): VariableRead[] => {
    const before = /\benviron\s*\[\s*$/.exec(code.slice(Math.max(0, start - 80), start));
    const after = code.slice(end, end + 80);
    if (before === null || /^\s*\]\s*=(?!=)/.test(after)) return [];
    const offset = start - before[0].length;
    return [{ name: text.trim(), offset, optional: isGuarded(python, text.trim()) }];
  });
  return [...asked, ...subscripts].sort((a, b) => a.offset - b.offset);
}

function open(code: string, { start, end }: Call): number {
  const bracket = code.indexOf("(", start);
  return bracket < 0 ? end : bracket;
}

function hasDefault(python: Python, { start, end, args }: Call): boolean {
  const { code } = python;
  const fallback = args[1]?.code;
  if (fallback !== undefined && fallback !== "None") return true;
  if (/^\s*(\)\s*)*or\b/.test(code.slice(end, end + 80))) return true;
  return isTestedLater(python, start, end);
}

/** `day = os.environ.get("JOB_DATE")`, and then a look at whether there is one. */
function isTestedLater(python: Python, start: number, end: number): boolean {
  const { code } = python;
  const line = code.slice(code.lastIndexOf("\n", start) + 1, start);
  const name = /(?:^|\bif\s*\(?)\s*(\w+)\s*(?::[^=]+)?:?=\s*$/.exec(line)?.[1];
  if (name === undefined || opening(python, start) > code.lastIndexOf("\n", start)) return false;
  const test = new RegExp(
    `\\b(?:if|while|and|not|elif)\\s+(?:not\\s+)?${name}\\b|\\b${name}\\s+(?:is\\b|or\\b|if\\b)|` +
      `\\belse\\s+${name}\\b`,
  ).exec(code.slice(end));
  if (test === null) return false;
  const after = code.slice(end + test.index).split("\n").slice(0, 3).join("\n");
  return !/\braise\b|\bexit\s*\(/.test(after);
}

function isGuarded({ code, strings }: Python, name: string): boolean {
  return strings.some(({ end, text }) =>
    text.trim() === name && /^\s+in\s+(\w+\.)?environ\b/.test(code.slice(end, end + 40))
  );
}

function inShell(text: string): VariableRead[] {
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

/** Whether a place is between single quotes, where a shell expands nothing. */
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
