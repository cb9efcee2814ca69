import { type Call, callsOf, type Python } from "../../source_code/python.ts";
import { elementsOf, endOfBrackets, type Piece } from "../../source_code/python_brackets.ts";

/** A function for columns whose result has no type, as of `@udf("void")`. */
export interface VoidFunction {
  /** The name. */
  readonly name: string;
  /** The place that gives it the type. */
  readonly offset: number;
  /** The calls in the source. */
  readonly calls: readonly Call[];
  /** True if other code can use the function, or the source uses it without a call. */
  readonly isOpen: boolean;
}

/** Functions that make a function for columns, and give it a type. */
export const MAKERS: readonly string[] = ["udf", "pandas_udf", "arrow_udf", "udtf"];

/** The functions of a source whose result has no type. */
export function voidFunctions(python: Python): VoidFunction[] {
  const { code, calls, imports } = python;
  const aliases = imports.flatMap(({ names }) => names)
    .filter(({ name }) => MAKERS.includes(name)).map(({ alias }) => alias);
  const makers = [...MAKERS, ...aliases];
  const decorators = /^[ \t]*@[ \t]*(?:\w+\s*\.\s*)*(\w+)\s*(?=\()/gm;
  const decorated = [...code.matchAll(decorators)].flatMap(({ 0: head, 1: maker, index }) => {
    const open = index + head.length;
    const end = endOfBrackets(code, open);
    if (!makers.includes(maker!) || end === undefined) return [];
    const parts = elementsOf(code.slice(open, end), open) ?? [];
    const name = /\b(?:def|class)\s+(\w+)/.exec(code.slice(end, end + 2_000))?.[1];
    return name !== undefined && parts.some((part) => isVoid(part, python))
      ? [{ name, offset: index + head.indexOf("@") }]
      : [];
  });
  const assigned = callsOf(python, makers).flatMap(({ start, args, context: { assignedTo } }) =>
    assignedTo !== undefined && args.some((argument) => isVoid(argument, python))
      ? [{ name: assignedTo, offset: start }]
      : []
  );
  return [...decorated, ...assigned].map(({ name, offset }) => {
    const own = calls.filter(({ callee }) => callee === name || callee === `self.${name}`);
    const uses = code.match(new RegExp(`(?<![\\w.])${name}(?!\\w)`, "g"))?.length ?? 0;
    const isOpen = own.length === 0 || uses > own.length + 1;
    return { name, offset, calls: own, isOpen };
  });
}

/** Returns whether an argument is a type without values, or a type with such a part. */
function isVoid({ code, start }: Piece, { code: source, strings, constants }: Python): boolean {
  const [keyword = ""] = /^\w+\s*=(?!=)\s*/.exec(code) ?? [];
  const value = code.slice(keyword.length);
  if (/^lambda\b/.test(value)) return false;
  const from = start + keyword.length;
  const text = strings.find((each) => each.start === from && each.end === from + value.length)
    ?.text ?? constants.get(value);
  if (/\bNullType\b/.test(value) || VOID.test(text?.trim() ?? "")) return true;
  return /^\w+$/.test(value) &&
    new RegExp(`^[ \\t]*${value}[ \\t]*=[^\\n]*\\bNullType\\b`, "m").test(source);
}

const VOID = /(?:^|[\s:<,])void\b/i;
