import { type Call, callsOf, type Python } from "../../source_code/python.ts";
import { elementsOf, endOfBrackets, type Piece } from "../../source_code/python_brackets.ts";

/** A function for columns that the source makes, as with `@udf("string")`. */
export interface ColumnFunction {
  /** The name. */
  readonly name: string;
  /** The place that gives it the type. */
  readonly offset: number;
  /** True if its result has no type, as with `@udf("void")`. */
  readonly isVoid: boolean;
  /** The calls in the source. */
  readonly calls: readonly Call[];
  /** True if other code can use the function, or the source uses it without a call. */
  readonly isOpen: boolean;
}

/** Functions that make a function for columns, and give it a type. */
export const MAKERS: readonly string[] = ["udf", "pandas_udf", "arrow_udf", "udtf"];

/** The functions for columns that a source makes. */
export function columnFunctions(python: Python): ColumnFunction[] {
  const { code, calls, imports } = python;
  const aliases = imports.flatMap(({ names }) => names)
    .filter(({ name }) => MAKERS.includes(name)).map(({ alias }) => alias);
  const makers = [...MAKERS, ...aliases];
  const decorators = /^[ \t]*@[ \t]*(?:\w+\s*\.\s*)*(\w+)[ \t]*/gm;
  const decorated = [...code.matchAll(decorators)].flatMap(({ 0: head, 1: maker, index }) => {
    if (!makers.includes(maker!)) return [];
    const open = index + head.length;
    const end = code[open] === "(" ? endOfBrackets(code, open) ?? open : open;
    const parts = elementsOf(code.slice(open, end), open) ?? [];
    const name = /\b(?:def|class)\s+(\w+)/.exec(code.slice(end, end + 2_000))?.[1];
    return name === undefined ? [] : [{
      name,
      offset: index + head.indexOf("@"),
      isVoid: parts.some((part) => isVoid(part, python)),
      isShared: false,
    }];
  });
  const registered = callsOf(python, ["register"]).filter(({ callee }) => /\budf\./.test(callee));
  const assigned = [...callsOf(python, makers), ...registered].flatMap((call) => {
    const { start: offset, args, context: { assignedTo: name } } = call;
    const isNothing = args.some((argument) => isVoid(argument, python));
    // SQL can call a function that is registered.
    const isShared = registered.includes(call);
    return name === undefined ? [] : [{ name, offset, isVoid: isNothing, isShared }];
  });
  return [...decorated, ...assigned].map(({ isShared, ...each }) => {
    const { name } = each;
    const own = calls.filter(({ callee }) => callee === name || callee === `self.${name}`);
    const uses = code.match(new RegExp(`(?<![\\w.])${name}(?!\\w)`, "g"))?.length ?? 0;
    return { ...each, calls: own, isOpen: isShared || own.length === 0 || uses > own.length + 1 };
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
