import type { Argument, Call, Python } from "./python.ts";
import { blockOf, lineAround } from "./python_blocks.ts";

/** A function of a source. */
export interface PythonFunction {
  /** The name. */
  readonly name: string;
  /** The names of the parameters. */
  readonly parameters: readonly string[];
  /** The start of the definition. */
  readonly start: number;
  /** The end of the body. */
  readonly end: number;
}

/** The functions of a source. */
export function functionsOf(code: string): PythonFunction[] {
  const heads = /^([ \t]*)(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(([^()]*(?:\([^()]*\)[^()]*)*)\)/gm;
  return [...code.matchAll(heads)].map(({ 1: indent, 2: name, 3: list, index }) => ({
    name: name!,
    parameters: list!.split(",").map((each) => /^\s*\**(\w+)/.exec(each)?.[1] ?? "")
      .filter((each) => each !== "" && each !== "self"),
    start: index,
    end: blockOf(code, index + indent!.length).bodyEnd,
  }));
}

/** The innermost function around an offset. */
export function functionAround(
  functions: readonly PythonFunction[],
  offset: number,
): PythonFunction | undefined {
  return functions.findLast(({ start, end }) => start < offset && offset < end);
}

/** The argument of a call for a parameter of a function. */
export function argumentFor(
  call: Call,
  { parameters }: PythonFunction,
  parameter: string,
): Argument | undefined {
  return call.args.find(({ keyword }) => keyword === parameter) ??
    call.args.filter(({ keyword }) => keyword === undefined)[parameters.indexOf(parameter)];
}

/**
 * The texts that a name stands for: the items of a loop, as in `for key in ("A", "B")`, or the
 * arguments that calls give to a parameter.
 */
export function textsOf(
  python: Python,
  functions: readonly PythonFunction[],
  name: string,
  offset: number,
): string[] {
  const { code } = python;
  const { text, start } = lineAround(code, offset);
  const loop = new RegExp(`\\bfor\\s+${name}(?:\\s*,\\s*\\w+)?\\s+in\\s+`, "g");
  const own = [...text.matchAll(loop)].at(-1);
  const above = [...code.slice(0, start).matchAll(loop)].at(-1);
  const found = own === undefined ? above : { ...own, index: own.index + start };
  if (found !== undefined) return itemsAt(python, found.index + found[0]!.length);
  const around = functionAround(functions, offset);
  if (around === undefined || !around.parameters.includes(name)) return [];
  return python.calls.filter((call) => call.name === around.name)
    .flatMap((call) => argumentFor(call, around, name)?.string ?? []);
}

/** The texts of a list at an offset, or of the list that a name there stands for. */
function itemsAt(python: Python, offset: number): string[] {
  const { code, strings } = python;
  const [, name] = /^(\w+)/.exec(code.slice(offset, offset + 100)) ?? [];
  const definition = name === undefined
    ? undefined
    : new RegExp(`^[ \\t]*${name}[ \\t]*(?::[^=\\n]+)?=[ \\t]*`, "m").exec(code);
  const start = definition === undefined || definition === null
    ? offset
    : definition.index + definition[0].length;
  const [list] = /^(?:frozenset|set|list|tuple)?\(?[[({][^\])}]*[\])}]/.exec(
    code.slice(start, start + 2_000),
  ) ?? [""];
  return strings.filter((each) => start <= each.start && each.end <= start + list.length)
    .map(({ text }) => text.trim());
}
