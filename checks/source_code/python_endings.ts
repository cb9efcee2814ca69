import type { Call, Python } from "./python.ts";
import { lineAround, stopAfter } from "./python_blocks.ts";
import { argumentFor, functionAround, type PythonFunction } from "./python_keys.ts";
import { caughtAt, conditionAt, continuesAfter, targetOf, type Tests } from "./python_tests.ts";

/** How a program goes on after it has asked for a variable that is not set. */
export type Ending =
  /** With another value, or without one. */
  | { readonly kind: "goes on" }
  /** It stops; by its own decision if `stop` is the place of it. */
  | { readonly kind: "stops"; readonly stop?: number }
  /** That is not known. */
  | { readonly kind: "unknown"; readonly reason: string };

/** What is known of the source around a call. */
export interface Source {
  /** The source. */
  readonly python: Python;
  /** Its functions. */
  readonly functions: readonly PythonFunction[];
  /** The places where it tests variables. */
  readonly tests: Tests;
}

const GOES_ON: Ending = { kind: "goes on" };
const STOPS: Ending = { kind: "stops" };

function unknown(reason: string): Ending {
  return { kind: "unknown", reason };
}

/** Calls that accept None, such as `print(os.environ.get("A"))`. */
const TOLERANT = /^(print|bool|debug|info|warning|error|log)$/;

/** Functions that refuse None and an empty text. */
const PARSERS = /^(fromisoformat|strptime|int|float|Decimal)$/;

/** Returns whether a function refuses None. */
function isParser({ name }: Call): boolean {
  return PARSERS.test(name) || name === "len";
}

/** The call of such a function. */
const PARSING = /\b(?:fromisoformat|strptime|int|float|Decimal)\(\s*$/;

/** An expression that stops the program. */
const STOPPING =
  /^(?:(?:sys\.|os\._?)?(?:exit|quit|abort)\(|\(_$|_?(?:fail|die|fatal)\(|\w+\.error\()/;

/** The most functions that return a value to each other. */
const MAX_DEPTH = 3;

/**
 * How the program goes on after a call that returns None without the variable: with a default, after a
 * test, or with the value that it has.
 *
 * @param name the variable
 */
export function endingOf(call: Call, name: string, source: Source, depth = 0): Ending {
  const { python: { code }, functions, tests } = source;
  const { start, end, args, context } = call;
  const fallback = (args.find(({ keyword }) => keyword === "default") ?? args[1])?.code;
  const isEmpty = /^(""|'')$/.test(fallback ?? "");
  if (fallback !== undefined && fallback !== "None" && !isEmpty) {
    if (/\.\s*get\s*\([^,]*\)$/.test(fallback)) {
      return unknown("its default is looked up");
    }
    if (hasValue(fallback, call, name, source)) return GOES_ON;
  }
  const [, alternative] = /^\s*\)*\s*or\s+([\w.(]+)/.exec(code.slice(end, end + 100)) ?? [];
  if (context.alternative && alternative !== "None") {
    if (STOPPING.test(alternative ?? "")) return { kind: "stops", stop: end };
    if (hasValue(alternative ?? "", call, name, source)) return GOES_ON;
  }
  const outer = context.argumentOf;
  if (isEmpty && outer !== undefined && PARSERS.test(outer.name)) {
    const isCaught = caughtAt(code, start, /\b(ValueError|Exception|BaseException)\b/) === "caught";
    return isCaught ? GOES_ON : STOPS;
  }
  const own = functions.find((each) => each.name === outer?.callee);
  const parameter = own?.parameters.find((each) => argumentFor(outer!, own, each)?.start === start);
  if (own !== undefined && parameter !== undefined) {
    const test = tests.get(parameter)?.find(({ offset }) => own.start < offset && offset < own.end);
    if (test !== undefined) return afterTest(code, test.offset, test.isNegative);
    if (usesText(code.slice(own.start, own.end), parameter)) return STOPS;
  }
  if (outer !== undefined) {
    if (TOLERANT.test(outer.name)) return GOES_ON;
    const keyword = outer.args.find((each) =>
      each.start <= start && start < each.start + each.code.length
    )?.keyword;
    if (keyword === "required") {
      const isNegative = conditionAt(code, call)?.isNegative === true;
      return isNegative ? unknown(withoutArgument(nameOfArgument(outer))) : GOES_ON;
    }
    if (keyword === "default") {
      return outer.name === "add_argument"
        ? afterArgument(outer, isEmpty, source)
        : unknown(`it is a default of ${outer.callee}()`);
    }
  }
  if (outer !== undefined && isParser(outer) && isWhole(call, outer, code)) return STOPS;
  if (outer !== undefined && !isParser(outer)) {
    const last = functionAround(functions, start)?.end;
    if (hasAlternative(outer, code, last)) return GOES_ON;
  }
  const targets = [context.assignedTo, targetOf(code, start)].flatMap((each) => each ?? []);
  if (context.assignedTo === undefined && /^\s*\)*\s*,/.test(code.slice(end, end + 20))) {
    if (targets.length > 0) return unknown("it is one of several values");
  }
  const tested = targets.flatMap((target) => tests.get(target) ?? [])
    .find(({ offset }) => offset >= end);
  if (tested !== undefined) return afterTest(code, tested.offset, tested.isNegative);
  const condition = conditionAt(code, call);
  if (condition !== undefined) return afterTest(code, start, condition.isNegative);
  // Code that writes `or None` expects it.
  if (alternative === "None") return GOES_ON;
  if (isEmpty) return isUnpacked(call, code) ? STOPS : GOES_ON;
  if (call.chain.length > 0 || /^\s*[[+]/.test(code.slice(end, end + 5))) return STOPS;
  return afterUse(call, name, targets[0], source, depth);
}

/** Returns whether a call is the whole first argument of another one. */
function isWhole({ start, end }: Call, { args: [first] }: Call, code: string): boolean {
  return first?.start === start && /^\s*[,)]/.test(code.slice(end, end + 20));
}

/** How the program goes on with the value itself, which is returned, assigned or passed on. */
function afterUse(
  call: Call,
  name: string,
  target: string | undefined,
  source: Source,
  depth: number,
): Ending {
  const { python: { code }, functions } = source;
  const { start, end, context: { argumentOf: outer } } = call;
  const line = lineAround(code, start);
  const before = line.text.slice(0, start - line.start);
  const around = functionAround(functions, start);
  if (/^\s*return\s*$/.test(before) && /^[ \t]*\)*[ \t]*(?:\n|$)/.test(code.slice(end))) {
    return around === undefined ? STOPS : afterReturn(around, name, source, depth);
  }
  if (outer !== undefined) {
    return isParser(outer) ? STOPS : unknown(`it is given to ${outer.callee}()`);
  }
  if (target === undefined) return unknown("its value is passed on");
  const rest = code.slice(end, around?.end);
  return usesText(rest, target) ? STOPS : unknown(`it becomes ${target}, which has no default`);
}

/**
 * Returns whether code has an alternative to the result of a call wherever it uses the result, as in
 * `port = checked(os.environ.get("PORT"))` and `int(port or "5432")`. The call then accepts None.
 */
function hasAlternative({ start, end, context }: Call, code: string, last?: number): boolean {
  if (context.alternative) return true;
  const target = context.assignedTo ?? targetOf(code, start);
  if (target === undefined || !/^\w+$/.test(target)) return false;
  // The name of an argument, as in `f(port=1)`, is no use.
  const uses = [...code.slice(end, last).matchAll(new RegExp(`\\b${target}\\b(?!\\s*=[^=])`, "g"))];
  return uses.length > 0 &&
    uses.every(({ 0: name, index }) => /^\s*or\b/.test(code.slice(end + index + name.length)));
}

/** How the program goes on where functions return the value. */
function afterReturn(
  own: PythonFunction,
  name: string,
  source: Source,
  depth: number,
): Ending {
  const calls = callsWith(own, name, source);
  const above = lineAround(source.python.code, Math.max(0, own.start - 1)).text;
  if (own.start > 0 && /^\s*@/.test(above)) return unknown(`a decorator changes ${own.name}()`);
  if (calls.length === 0 || depth >= MAX_DEPTH) {
    return unknown(`${own.name}() returns it, which this file does not call`);
  }
  const plain = calls.map((call) => {
    // The arguments of the function are no default.
    const bare: Call = Object.create(call, { args: { value: [] } });
    return endingOf(bare, name, source, depth + 1);
  });
  return plain.find(({ kind }) => kind === "stops") ??
    plain.find(({ kind }) => kind === "unknown") ?? GOES_ON;
}

/** The calls of a function, with the name of the variable if the function takes names. */
function callsWith(
  { name: own, start, end }: PythonFunction,
  name: string,
  { python }: Source,
): Call[] {
  const calls = python.calls.filter((call) =>
    call.name === own && !(start <= call.start && call.start < end)
  );
  const named = calls.filter(({ args }) => args.some(({ string }) => string === name));
  return named.length > 0 ? named : calls;
}

/** Returns whether a default has a value; that of a parameter is in the calls of its function. */
function hasValue(written: string, call: Call, name: string, source: Source): boolean {
  const own = functionAround(source.functions, call.start);
  if (own === undefined || !own.parameters.includes(written)) return true;
  const { code } = source.python;
  const head = code.slice(own.start, code.indexOf(":\n", own.start));
  const usual = new RegExp(`\\b${written}\\b[^,=)]*=\\s*([^,)]+)`).exec(head)?.[1] ?? "None";
  const calls = callsWith(own, name, source);
  return calls.length > 0 &&
    calls.every((each) => (argumentFor(each, own, written)?.code ?? usual).trim() !== "None");
}

/** How a program goes on after a test of the value. */
function afterTest(code: string, offset: number, isNegative: boolean): Ending {
  return continuesAfter(code, offset, isNegative)
    ? GOES_ON
    : { kind: "stops", stop: stopAfter(code, offset) };
}

/** How a program goes on if an argument of its command line has the variable as its default. */
function afterArgument(
  call: Call,
  isEmpty: boolean,
  { python: { code, strings }, tests }: Source,
): Ending {
  // Whether the argument is required is judged where the code asks for that.
  const required = call.args.find(({ keyword }) => keyword === "required")?.code;
  if (/^True$|\bnot\b|\bis\s+None\b/.test(required ?? "")) return GOES_ON;
  const argument = nameOfArgument(call);
  const field = call.args.find(({ keyword }) => keyword === "dest")?.string ??
    argument?.replace(/^-+/, "").replaceAll("-", "_") ?? "";
  if (!/^\w+$/.test(field)) return unknown("it is a default of an argument");
  const tested = [...tests].filter(([each]) => each.endsWith(`.${field}`))
    .flatMap(([, places]) => places);
  const fields = [...code.matchAll(new RegExp(`(?<![\\w.])(?:\\w+\\.)+${field}(?!\\w)`, "g"))];
  const texts = fields.filter(({ 0: name, index }) =>
    isEmpty
      ? PARSING.test(code.slice(Math.max(0, index - 40), index))
      : usesText(code.slice(Math.max(0, index - 40), index + name.length + 10), name)
  );
  const isFirst = ({ index }: { readonly index: number }) =>
    tested.every(({ offset }) => index < offset);
  const stops = tested.some(({ offset, isNegative }) => !continuesAfter(code, offset, isNegative));
  if (stops || texts.some(isFirst)) return unknown(withoutArgument(argument));
  if (tested.length > 0 || isEmpty) return GOES_ON;
  const others = [
    ...fields.filter(({ index }) =>
      !/\bprint\([^()]*$/.test(code.slice(Math.max(0, index - 100), index))
    ),
    ...strings.filter(({ end, text }) => text.trim() === field && /^\s*\]/.test(code.slice(end))),
    ...strings.filter(({ text }) => new RegExp(`\\{[^{}]*\\.${field}\\b`).test(text)),
    ...code.match(/\*\*\s*vars\(/g) ?? [],
  ];
  return others.length === 0 ? GOES_ON : unknown(`it is the default of the argument ${argument}`);
}

/** The name of an argument of a command line: its first long option, or its only name. */
function nameOfArgument({ args }: Call): string | undefined {
  const names = args.flatMap(({ keyword, string }) =>
    keyword === undefined && string !== undefined ? [string] : []
  );
  return names.find((each) => each.startsWith("--")) ?? names[0];
}

/** Why it is not known how a job ends that needs a variable or an argument. */
export function withoutArgument(argument: string | undefined): string {
  return `the job stops without it, and without the argument ${argument ?? ""}`.trimEnd();
}

/** Returns whether code uses a value as a text, which None is not. */
function usesText(code: string, name: string): boolean {
  const word = `(?<![\\w.])${name.replaceAll(".", "\\.")}(?!\\w)`;
  return new RegExp(
    `${word}\\s*(?:\\.\\s*\\w|\\[|\\+)|\\+\\s*${word}|` +
      `\\b(?:fromisoformat|strptime|int|float|Decimal|len)\\(\\s*${word}`,
  ).test(code);
}

/** Returns whether a text is split into a number of names, as in `a, b = x.split("-")`. */
function isUnpacked({ start, chain }: Call, code: string): boolean {
  const { text, start: line } = lineAround(code, start);
  return chain.at(-1)?.name === "split" && /^[^=]*,[^=]*=\s*$/.test(text.slice(0, start - line));
}

/** Returns whether the code only writes the value into a text, which then has `None`. */
export function isShown(call: Call, code: string): boolean {
  const { start, end, context: { argumentOf: outer } } = call;
  if (call.chain.length > 0 || /^\s*[[+]/.test(code.slice(end, end + 5))) return false;
  if (outer !== undefined && /^(str|repr|format|dumps)$/.test(outer.name)) return true;
  // In `code`, the content of strings is blank, also an expression in a format string.
  if (code.slice(start, end).trim() === "") return true;
  const { text, start: line } = lineAround(code, start);
  const before = text.slice(0, start - line);
  return /%\s*$/.test(before) ||
    /[\w"'\])]\s*:\s*$/.test(before) &&
      !/^\s*(if|elif|else|for|while|def|case|try|with)\b|\blambda\b/.test(before);
}

/** Code that can use a name without writing it. */
const DYNAMIC = /\b(?:globals|locals|vars|eval|exec|__dict__)\b/;

/**
 * Returns whether a statement only assigns the result to a name, as in `a = os.environ.get("A")`, and
 * neither the rest of the file nor another file uses the name.
 */
export function isUnused(call: Call, python: Python, others: readonly string[]): boolean {
  const { code, strings } = python;
  const { text, start } = lineAround(code, call.start);
  const before = text.slice(0, call.start - start);
  const target = /^[ \t]*([A-Za-z_]\w*)[ \t]*(?::[^=]+)?=[ \t]*$/.exec(before)?.[1];
  const isWhole = target !== undefined && /^[ \t]*(?:\n|$)/.test(code.slice(call.end));
  if (!isWhole || call.name === "pop" || DYNAMIC.test(code)) return false;
  const word = new RegExp(`\\b${target}\\b`, "g");
  const uses = code.match(word)?.length ?? 0;
  return uses === 1 && !others.some((each) => each.search(word) >= 0) &&
    !strings.some((each) =>
      (each.end <= call.start || call.end <= each.start) &&
      (each.text.trim() === target || inBraces(each.text).search(word) >= 0)
    );
}

/** The expressions in braces of a format string. */
function inBraces(text: string): string {
  return text.match(/\{[^{}]*\}/g)?.join(" ") ?? "";
}
