import { expandedText } from "./shell_text.ts";

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
  /** True if the code goes on with an empty text instead of the variable. */
  readonly empty?: true;
}

/** How a shell starts. */
export interface ShellStart {
  /** True if the shell stops at an unset variable from the beginning, as with `bash -u`. */
  readonly nounset: boolean;
  /** True if a command line names the shell, so that the first line of the script has no effect. */
  readonly named: boolean;
}

/**
 * The variables that a shell script reads and does not set before. Without `set -u`, an unset
 * variable is an empty text.
 */
export function shellReads(
  text: string,
  start: ShellStart = { nounset: false, named: false },
): VariableRead[] {
  const plain = expandedText(text);
  const firstLine = start.named ? null : /^#![^\n]*[ \t](?:-[A-Za-z]*u|-o[ \t]+nounset)/.exec(text);
  const switches = nounsetSwitches(plain);
  const guards = guardsIn(plain);
  const script: Script = {
    sets: Map.groupBy(setsIn(plain), ({ name }) => name),
    guards: Map.groupBy(guards, ({ name }) => name),
    functions: functionsIn(plain),
    opens: offsetsOf(plain, OPENING),
    isStrictAt: (offset) =>
      lastBefore(switches, (each) => each.offset, offset)?.on ??
        (start.nounset || firstLine !== null),
  };
  const named = guards.filter(({ stops, isByName }) => stops && isByName)
    .flatMap(({ name, start }) => readAt(script, name, "", start + 1));
  const expanded = [...plain.matchAll(EXPANSION)].flatMap(
    ({ 1: bare, 2: braced, 3: operator = "", index }) => {
      const name = bare ?? braced!;
      return /^[A-Z][A-Z\d_]*$/.test(name) ? readAt(script, name, operator, index) : [];
    },
  );
  return [...named, ...expanded].sort((a, b) => a.offset - b.offset);
}

/** The variables that a script may pass on to programs, and whether a file may set any variable. */
export function exportsOf(text: string): { readonly names: string[]; readonly open: boolean } {
  const plain = expandedText(text);
  return {
    names: setsIn(plain).filter(({ set }) => set).map(({ name }) => name),
    open: offsetsOf(plain, OPENING).length > 0,
  };
}

/** The head of an expansion: the rest can contain other expansions. */
const EXPANSION = /\$(?:(\w+)|\{[#!]?(\w+)(?:\[[^\]]{0,100}\])?(:?[-=+?])?)/g;

/** The facts about a script that decide whether an unset variable stops it. */
interface Script {
  readonly sets: ReadonlyMap<string, readonly Change[]>;
  readonly guards: ReadonlyMap<string, readonly Guard[]>;
  readonly functions: readonly { readonly start: number; readonly end: number }[];
  /** The places after which other files or commands may have set any variable. */
  readonly opens: readonly number[];
  readonly isStrictAt: (offset: number) => boolean;
}

function readAt(
  { sets, guards, functions, opens, isStrictAt }: Script,
  name: string,
  operator: string,
  offset: number,
): VariableRead[] {
  const isInFunction = (lastBefore(functions, ({ start }) => start, offset)?.end ?? 0) > offset;
  const changes = sets.get(name) ?? [];
  const last = lastBefore(changes, (each) => each.offset, offset + 1);
  // A function runs when it is called, which can be after an assignment below it.
  if (last === undefined ? isInFunction && changes.some(({ set }) => set) : last.set) return [];
  const required = { name, offset, optional: false };
  const optional = { name, offset, optional: true };
  const tests = guards.get(name) ?? [];
  const own = lastBefore(tests, ({ start }) => start, offset);
  if (own?.stops && offset < own.end) return [required];
  const isGuarded = tests[0] !== undefined && tests[0].end <= offset;
  if (isGuarded || (opens[0] ?? Infinity) < offset) return [optional];
  if (operator.endsWith("?")) return [required];
  if (operator !== "") return [optional];
  return [isStrictAt(offset) ? required : { ...optional, empty: true }];
}

/** The last item before an offset. The items are in the order of their offsets. */
function lastBefore<T>(
  items: readonly T[],
  offsetOf: (item: T) => number,
  offset: number,
): T | undefined {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsetOf(items[middle]!) < offset) low = middle + 1;
    else high = middle;
  }
  return items[low - 1];
}

/** A place that sets or unsets a variable. */
interface Change {
  readonly name: string;
  /** The place from which on the change holds: the end of its command. */
  readonly offset: number;
  readonly set: boolean;
}

function setsIn(plain: string): Change[] {
  const endOf = (offset: number) => {
    const found = plain.slice(offset, offset + 2000).search(/[;&|\n]/);
    return found < 0 ? plain.length : offset + found;
  };
  const changes: Change[] = [];
  const note = (names: string, offset: number, set = true) => {
    for (const [name] of names.matchAll(/(?<![\w-])[A-Za-z_]\w*/g)) {
      changes.push({ name, offset, set });
    }
  };
  for (
    const { 1: name, index } of plain.matchAll(
      /(?<![\w$.{/-])([A-Za-z_]\w*)(?:\[[^\]\n]*\])?\+?=(?!=)/g,
    )
  ) {
    note(name!, endOf(index));
  }
  for (const { 1: name, index } of plain.matchAll(/\$\{(\w+):?=/g)) note(name!, index);
  for (const { 1: names, index } of plain.matchAll(/\b(?:read|mapfile|readarray)\b([^\n;|&<]*)/g)) {
    note(names!, endOf(index));
  }
  for (
    const { 1: name, index } of plain.matchAll(
      /\b(?:for|select|getopts\s+\S+|printf\s+-v)\s+([A-Za-z_]\w*)/g,
    )
  ) note(name!, endOf(index));
  for (const { 1: names, index } of plain.matchAll(/\bunset\b((?:[ \t]+[\w-]+)+)/g)) {
    note(names!, endOf(index), false);
  }
  return changes.sort((a, b) => a.offset - b.offset);
}

/** Commands that may set any variable. */
const OPENING =
  /(?:^|[\s;&|({])(?:(?:source|\.)[ \t]+\S|eval[ \t]|(?:export|declare|typeset)[ \t]+(?:-\w+[ \t]+)?["']?[$`])/g;

function offsetsOf(plain: string, pattern: RegExp): number[] {
  return [...plain.matchAll(pattern)].map(({ index }) => index);
}

/** The places that switch `set -u` on or off. */
function nounsetSwitches(plain: string): { readonly offset: number; readonly on: boolean }[] {
  return [...plain.matchAll(/(?:^|[\s;&|({])(?:set|shopt)((?:[ \t]+[-+\w]+)+)/g)].flatMap(
    ({ 1: list, index }) => {
      const words = list!.trim().split(/\s+/);
      const found = words.findLast((word, i) =>
        /^[-+][a-zA-Z]*u[a-zA-Z]*$/.test(word) ||
        word === "nounset" && /^[-+]\w*o$/.test(words[i - 1] ?? "")
      );
      if (found === undefined) return [];
      const option = found === "nounset" ? words[words.indexOf(found) - 1]! : found;
      // `shopt -u` unsets an option.
      const isShopt = /shopt/.test(plain.slice(index, index + 10));
      if (isShopt && found !== "nounset") return [];
      return [{ offset: index, on: isShopt ? !words.includes("-u") : option.startsWith("-") }];
    },
  );
}

/** A test of whether a variable is set, as in `[ -z "${A:-}" ]`. */
interface Guard {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** True if the script stops with an error if the variable is unset or empty. */
  readonly stops: boolean;
  /** True if the test names the variable without an expansion, as in `[[ -v A ]]`. */
  readonly isByName: boolean;
}

const TEST =
  /(!\s{0,20})?(?:\[\[((?:[^\]\n]|\](?!\])){0,500})\]\]|\[(?=\s)((?:[^\]\n]|\](?=["'}\w])){0,500})\]|\btest[ \t]+([^\n;&|)]{0,500})|\bcase[ \t]+([^\n]{0,200}?)[ \t]in\b)/g;

function guardsIn(plain: string): Guard[] {
  return [...plain.matchAll(TEST)].flatMap(
    ({ 0: whole, 1: not, 2: a, 3: b, 4: c, 5: d, index }) => {
      const test = a ?? b ?? c ?? d ?? "";
      const end = index + whole.length;
      const names = new Set(
        [...test.matchAll(/\$\{?([A-Z][A-Z\d_]*)|-v[ \t]+([A-Z][A-Z\d_]*)/g)]
          .map(([, expanded, tested]) => expanded ?? tested!),
      );
      const isNegative =
        /-z\b|[^!]={1,2}[ \t]*(""|''|"[ \t]*"|$)/.test(test) !== (not !== undefined) !==
          /^\s*!/.test(test);
      const stops = d === undefined && stopsAfter(plain.slice(end, end + 1000), isNegative);
      return [...names].map((name) => (
        { name, start: index, end, stops, isByName: !test.includes("$") }
      ));
    },
  );
}

/** Returns whether the commands after a test stop the script if the variable is not set. */
function stopsAfter(after: string, isNegative: boolean): boolean {
  const STOP =
    /\b(?:exit|return)[ \t]+(?!0\b)["$\w]|\b(?:die|fail|fatal|usage|abort|error_exit|bail)\b/;
  const [, operator, list = ""] = /^\s*(&&|\|\|)\s*(\{[^}]*\}|\([^)]*\)|[^\n]*)/.exec(after) ?? [];
  if (operator !== undefined) return (operator === "&&") === isNegative && STOP.test(list);
  const [, block = ""] = /^\s*;?\s*then\b([^]*?)(?:\bfi\b|$)/.exec(after) ?? [];
  const [set = "", unset = ""] = block.split(/\b(?:else|elif)\b/, 2);
  return STOP.test(isNegative ? set : unset);
}

/** A longer function is cut. In characters. */
const MAX_FUNCTION = 5_000;

function functionsIn(plain: string) {
  return [
    ...plain.matchAll(
      /(?:^|[\s;])(?:function[ \t]+[\w:-]+[ \t]*(?:\(\))?|[\w:-]+[ \t]*\(\))\s*\{/g,
    ),
  ].map(
    ({ 0: head, index: start }) => {
      const indent = /^[ \t]*/.exec(plain.slice(plain.lastIndexOf("\n", start + 1) + 1))![0];
      const from = start + head.length;
      const close = plain.slice(from, from + MAX_FUNCTION).search(
        new RegExp(`\\n${indent}\\}|^[^\\n]*\\}`),
      );
      return { start, end: from + (close < 0 ? MAX_FUNCTION : close) };
    },
  );
}
