import { type Call, callsOf, type Python } from "./python.ts";
import {
  blockOf,
  indentAt,
  isConditional,
  leavesIn,
  lineAround,
  stopsIn,
} from "./python_blocks.ts";
import {
  argumentFor,
  functionAround,
  functionsOf,
  type PythonFunction,
  textsOf,
} from "./python_keys.ts";
import type { VariableRead } from "./shell_reads.ts";

/**
 * The variables that Python code reads from its environment and does not set before.
 *
 * @param others the texts of the other files that may use the names of this one
 */
export function pythonReads(python: Python, others: readonly string[]): VariableRead[] {
  const owners = environNames(python);
  const isEnviron = (name: string) => owners.has(name.slice(name.lastIndexOf(".") + 1));
  const functions = functionsOf(python.code);
  const getters = new Set(["getenv"]);
  for (const { names } of python.imports) {
    for (const { name, alias } of names) if (name === "getenv") getters.add(alias);
  }
  const shortcuts = new Set(
    [...python.code.matchAll(/^[ \t]*(\w+)[ \t]*=[ \t]*(?:\w+\.)*(?:environ\.get|getenv)[ \t]*$/gm)]
      .map(([, name]) => name!),
  );
  const computedSets = [
    ...python.code.matchAll(
      /\b(\w+)[ \t]*(?:\[[ \t]*|\.[ \t]*setdefault[ \t]*\([ \t]*)(\w+)[ \t]*(?:\][ \t]*=(?!=)|,)/g,
    ),
  ].filter(({ 1: owner, 2: key }) => isEnviron(owner!) && !python.constants.has(key!))
    .map(({ 2: key, index }) => ({ index, names: textsOf(python, functions, key!, index) }));
  const looped = computedSets.flatMap(({ index, names }) =>
    names.map((name) => ({ name, offset: index }))
  );
  /** The places that set variables whose names are not known. */
  const opens = [
    ...computedSets.filter(({ names }) => names.length === 0).map(({ index }) => index),
    ...callsOf(python, ["update"]).filter(({ callee, args }) =>
      isEnviron(callee.slice(0, Math.max(0, callee.lastIndexOf(".")))) &&
      args.some(({ keyword, code }) =>
        keyword === undefined && /^[\w*]/.test(code) && !/^dict\(\s*\w+\s*=/.test(code)
      )
    ).map(({ start }) => start),
  ];
  const sets = [...setsIn(python, isEnviron), ...looped];
  const isOpen = callsOf(python, ["load_dotenv", "read_env", "dotenv_values"]).length > 0;
  const tests = testsIn(python.code);
  const members = python.memberships.filter(({ owner }) => isEnviron(owner));
  const loops = membersOf(python, functions, isEnviron);
  const getting = callsOf(python, ["get", "pop", ...getters, ...shortcuts]).filter((
    { name, callee },
  ) =>
    getters.has(name) || shortcuts.has(callee) ||
    isEnviron(callee.slice(0, Math.max(0, callee.lastIndexOf("."))))
  );
  const nameOf = ({ args: [first] }: Call) =>
    first === undefined ? undefined : first.string ?? python.constants.get(first.code);
  /** The names that a call reads: of a text, a constant, a loop or a parameter. */
  const namesOf = (call: Call): string[] => {
    const [first] = call.args;
    const name = nameOf(call);
    if (name !== undefined) return [name];
    return first === undefined || !/^\w+$/.test(first.code)
      ? []
      : textsOf(python, functions, first.code, call.start);
  };
  const conditions = getting.flatMap((call) => {
    const condition = conditionAt(python.code, call);
    return condition === undefined
      ? []
      : namesOf(call).map((key) => ({ key, start: call.start, negated: condition.isNegative }));
  });
  const isGuarded = (key: string, offset: number) =>
    [...members, ...conditions].some((each) =>
      each.key === key && continuesAfter(python.code, each.start, each.negated) &&
      protects(python.code, each, offset)
    ) || loops.some((each) =>
      each.key === key && !each.negated &&
      lineAround(python.code, each.start).start === lineAround(python.code, offset).start
    );
  const called = getting.flatMap((call): VariableRead[] => {
    const isPop = call.name === "pop";
    const goesOn = hasDefault(call, python, functions, tests) || isUnused(call, python, others) ||
      isCaughtIn(python, functions, call.start, isPop ? MISSING : NONE);
    return namesOf(call).map((name) => {
      const optional = goesOn || isGuarded(name, call.start);
      const perhaps = !optional && !isPop && isShown(call, python.code);
      return perhaps
        ? { name, offset: call.start, optional: true, perhaps }
        : { name, offset: call.start, optional };
    });
  });
  const computed = [...python.code.matchAll(/\b(\w+)[ \t]*\[[ \t]*(\w+)[ \t]*\](?![ \t]*=(?!=))/g)]
    .filter(({ 1: owner, 2: key }) => isEnviron(owner!) && !python.constants.has(key!))
    .flatMap(({ 2: name, index }) =>
      textsOf(python, functions, name!, index).map((key) => ({ key, start: index }))
    );
  const items = callsOf(python, ["__getitem__"]).flatMap((call) => {
    const key = nameOf(call);
    const isRead = key !== undefined && isEnviron(call.callee.slice(0, -".__getitem__".length));
    return isRead ? [{ key, start: call.start }] : [];
  });
  const indexed = [
    ...python.subscripts.filter(({ owner, assigned }) => isEnviron(owner) && !assigned),
    ...items,
    ...computed,
    ...formatted(python, isEnviron),
  ].map(({ key, start }): VariableRead => {
    const optional = isGuarded(key, start) || isCaughtIn(python, functions, start, MISSING);
    // As in `os.environ.get("A") or os.environ["B"]`.
    return optional || !/\bor\s+(?:\w+\.)?$/.test(lineBefore(python.code, start))
      ? { name: key, offset: start, optional }
      : { name: key, offset: start, optional: true, perhaps: true };
  });
  const required = [...members, ...loops].filter(({ start, negated }) =>
    stopsWithout(python.code, start, negated)
  )
    .map(({ key, start }): VariableRead => ({ name: key, offset: start, optional: false }));
  return [...called, ...indexed, ...required].sort((a, b) => a.offset - b.offset)
    .filter(({ name, offset }) => !sets.some((each) => each.name === name && each.offset < offset))
    .map((each): VariableRead => {
      if (each.optional) return each;
      if (isOpen) return { ...each, optional: true };
      const isUnsure = opens.some((offset) => offset < each.offset) ||
        isConditional(python.code, each.offset);
      return isUnsure ? { ...each, optional: true, perhaps: true } : each;
    });
}

/** The variables in texts that the environment fills in, as in `"{A}".format(**os.environ)`. */
function formatted({ calls, strings, code }: Python, isEnviron: (name: string) => boolean) {
  const filled = calls.filter(({ name, args }) =>
    name === "format" && args.some((each) =>
        /^\*\*[\w.]+$/.test(each.code) &&
        isEnviron(each.code.slice(2))
      ) ||
    name === "format_map" && args[0] !== undefined && isEnviron(args[0].code)
  );
  return strings.flatMap(({ start, end, text }) => {
    const isFormat = filled.some((call) => /^\s*\.\s*$/.test(code.slice(end, call.start)));
    const [, percent = ""] = /^\s*%\s*([\w.]+)/.exec(code.slice(end, end + 100)) ?? [];
    const isPercent = percent !== "" && isEnviron(percent);
    const fields = isFormat ? /\{\{|\{(\w+)/g : /%%|%\((\w+)\)/g;
    return isFormat || isPercent
      ? [...text.matchAll(fields)].flatMap(({ 1: key, index }) =>
        key === undefined ? [] : [{ key, start: start + index }]
      )
      : [];
  });
}

/** The names of the environment: `environ`, its aliases, and copies of it. */
function environNames({ imports, code }: Python): Set<string> {
  const names = new Set(["environ"]);
  for (const each of imports.flatMap((one) => one.names)) {
    if (each.name === "environ") names.add(each.alias);
  }
  const copies =
    /^[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:dict\()?(?:\w+\.)*environ(?:\.copy\(\))?\)?[ \t]*$/gm;
  for (const [, name] of code.matchAll(copies)) names.add(name!);
  for (const { name } of mergesIn(code)) names.add(name);
  return names;
}

/** The copies of the environment with other values, as in `env = {"A": "x", **os.environ}`. */
function mergesIn(
  code: string,
): { readonly name: string; readonly start: number; readonly end: number }[] {
  const statement = /^[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*([^\n]*\benviron\b[^\n]*)$/gm;
  return [...code.matchAll(statement)].filter(({ 2: value }) =>
    /\*\*\s*(?:\w+\.)*environ\b|\benviron(?:\.copy\(\)|\))?\s*\|(?!=)|\|\s*(?:dict\()?(?:\w+\.)*environ\b|^ChainMap\(/
      .test(value!) && !/\)\s*[.[]|\}\s*[.[]/.test(value!)
  ).map(({ 0: whole, 1: name, index }) => ({
    name: name!,
    start: index,
    end: index + whole.length,
  }));
}

/** The places where code sets a variable, as in `os.environ["A"] = x` and `setdefault`. */
function setsIn(python: Python, isEnviron: (name: string) => boolean) {
  const ownerOf = ({ callee }: Call) => callee.slice(0, Math.max(0, callee.lastIndexOf(".")));
  const merges = [
    ...mergesIn(python.code),
    ...[
      ...python.code.matchAll(
        /\benviron\s*\|=[^\n]*|\{[^\n{}]*\*\*\s*(?:\w+\.)*environ\s*\}\s*\[/g,
      ),
    ]
      .map(({ 0: whole, index }) => ({ start: index, end: index + whole.length })),
  ];
  const updates = callsOf(python, ["update"]).filter((call) => isEnviron(ownerOf(call)));
  return [
    ...python.subscripts.filter(({ owner, assigned }) => assigned && isEnviron(owner))
      .map(({ key, start }) => ({ name: key, offset: start })),
    ...merges.flatMap(({ start, end }) =>
      python.strings.filter((each) =>
        start <= each.start && each.end <= end && /^\s*:/.test(python.code.slice(each.end))
      ).map(({ text }) => ({ name: text.trim(), offset: start }))
    ),
    ...callsOf(python, ["setdefault", "setenv"])
      .filter((call) => call.name !== "setdefault" || isEnviron(ownerOf(call)))
      .map(({ args, end }) => ({ name: args[0]?.string ?? "", offset: end })),
    ...updates.flatMap(({ start, end, args }) => [
      ...args.flatMap(({ keyword = "", code }) => [
        { name: keyword, offset: end },
        ...[...code.matchAll(/^dict\(.*?\b(\w+)\s*=/gs)].map(([, name]) => ({
          name: name!,
          offset: end,
        })),
      ]),
      ...python.strings.filter((each) => start < each.start && each.end < end)
        .map(({ text }) => ({ name: text.trim(), offset: end })),
    ]),
  ];
}

/** Calls that accept None, such as `print(os.environ.get("A"))`. */
const TOLERANT = /^(print|bool|debug|info|warning|error|log)$/;

/**
 * Returns whether the code continues without the variable: with a default, in a condition, or after a
 * test of the variable that the value is assigned to.
 */
function hasDefault(
  call: Call,
  { code }: Python,
  functions: readonly PythonFunction[],
  tests: Tests,
): boolean {
  const { start, end, args, context } = call;
  const fallback = (args.find(({ keyword }) => keyword === "default") ?? args[1])?.code;
  const isEmpty = /^(""|'')$/.test(fallback ?? "");
  if (fallback !== undefined && fallback !== "None" && !isEmpty) return true;
  const [, alternative] = /^\s*\)*\s*or\s+([\w.(]+)/.exec(code.slice(end, end + 100)) ?? [];
  const stops = /^(?:(?:sys\.|os\._?)?(?:exit|quit|abort)\(|\(_$|_?(?:fail|die|fatal)\()/;
  if (context.alternative && alternative !== "None") return !stops.test(alternative ?? "");
  const outer = context.argumentOf;
  if (isEmpty && outer !== undefined && PARSERS.test(outer.name)) {
    return isCaught(code, start, /\b(ValueError|Exception|BaseException)\b/);
  }
  const own = functions.find(({ name }) => outer?.callee === name);
  const parameter = own?.parameters.find((each) => argumentFor(outer!, own, each)?.start === start);
  if (own !== undefined && parameter !== undefined) {
    const test = tests.get(parameter)?.find(({ offset }) => own.start < offset && offset < own.end);
    if (test !== undefined) return continuesAfter(code, test.offset, test.isNegative);
  }
  if (outer !== undefined) {
    if (TOLERANT.test(outer.name)) return true;
    const keyword = outer.args.find((each) =>
      each.start <= start && start < each.start + each.code.length
    )
      ?.keyword;
    if (keyword === "default" || keyword === "required") return true;
  }
  const tested = [context.assignedTo, targetOf(code, start)]
    .flatMap((target) => target === undefined ? [] : tests.get(target) ?? [])
    .find(({ offset }) => offset >= end);
  if (tested !== undefined) return continuesAfter(code, tested.offset, tested.isNegative);
  const condition = conditionAt(code, call);
  if (condition !== undefined) return continuesAfter(code, start, condition.isNegative);
  // Code that writes `or None` expects it.
  return isEmpty || alternative === "None";
}

/** Functions that refuse an empty text. */
const PARSERS = /^(fromisoformat|strptime|int|float|Decimal)$/;

/** Returns whether the code only writes the value into a text, which then has `None`. */
function isShown(call: Call, code: string): boolean {
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
function isUnused(call: Call, python: Python, others: readonly string[]): boolean {
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

/** Returns how code tests the result of a call, as in `if os.environ.get("A"):`, if it does. */
function conditionAt(code: string, { start, end }: Call): Pick<Test, "isNegative"> | undefined {
  const before = /\b(if|elif|while|not|and|or|match)\s*\(*\s*(?:\w+\s*:=\s*)?$/.exec(
    code.slice(Math.max(0, start - 40), start),
  );
  const after = code.slice(end, end + 40);
  const isCompared = /^[ \t]*\)*[ \t]*(is\b|==|!=|in\b|not\s+in\b|and\b|if\b)/.test(after);
  if ((before === null || before[1] === "or") && !isCompared) return undefined;
  const isNegative =
    /\bnot\s*\(*\s*(?:\w+\s*:=\s*)?$/.test(code.slice(Math.max(0, start - 40), start)) ||
    /^\s*\)*\s*(is\s+None|==\s*(None|["'])|in\s*[([{]\s*None)/.test(after);
  return { isNegative };
}

/** The variable that a longer expression is assigned to, as in `day = args.day or f()`. */
function targetOf(code: string, offset: number): string | undefined {
  const { text, start } = lineAround(code, offset);
  return /^\s*([\w.]+)\s*(?::[^=]+)?=(?!=)/.exec(text.slice(0, offset - start))?.[1];
}

/** The places where code tests a variable, by its name. */
type Tests = ReadonlyMap<string, readonly Test[]>;

interface Test {
  readonly offset: number;
  /** True if the test also passes for a variable without a value, or with an empty one. */
  readonly isNegative: boolean;
}

/** Finds tests such as `if day is None:`, `if not day:` and `day or today()`. */
function testsIn(code: string): Tests {
  const tests = new Map<string, Test[]>();
  const test =
    /(?<=\b(?:if|while|and|not|elif|else)\s+\(*)[\w.]+|(?<![\w.])[\w.]+(?=\s+(?:is|or|if|and)\b|\s*(?:==|!=)\s*(?:None|["']))/g;
  for (const { 0: name, index: offset } of code.matchAll(test)) {
    const isNegative = /\bnot\s+\(*$/.test(code.slice(Math.max(0, offset - 20), offset)) ||
      /^\s*(?:is\s+None|==\s*(?:None|["']))/.test(code.slice(offset + name.length, offset + 200));
    const all = tests.get(name) ?? [];
    all.push({ offset, isNegative });
    tests.set(name, all);
  }
  return tests;
}

/**
 * Returns whether the code goes on after a condition if a variable is not set.
 *
 * @param isNegative whether the condition is true if the variable is not set
 */
function continuesAfter(code: string, offset: number, isNegative: boolean): boolean {
  const { text } = lineAround(code, offset);
  if (/^\s*match\b/.test(text)) {
    const none = /^[ \t]*case[ \t]+None\b/m.exec(code.slice(offset));
    return none === null || !stopsIn(blockOf(code, offset + none.index + none[0].length - 1).body);
  }
  if (!/^\s*(if|elif|while)\b/.test(text)) return !/^\s*assert\b/.test(text);
  const { body, otherwise } = blockOf(code, offset);
  return !stopsIn(isNegative ? body : otherwise);
}

/**
 * Returns whether code reads a variable only if a test has found the variable. A test that only
 * prints a message protects nothing. A function between the test and the read can be called from
 * anywhere.
 */
function protects(
  code: string,
  { start, negated }: { readonly start: number; readonly negated: boolean },
  offset: number,
): boolean {
  const { text } = lineAround(code, start);
  if (/^\s*(print|log\w*(\.\w+)?)\s*\(/.test(text)) return start === offset;
  const isStatement = /^\s*(if|elif|while)\b/.test(text);
  const between = code.slice(Math.min(start, offset), Math.max(start, offset));
  if (!isStatement || start === offset || /^\s*(async\s+)?def\b/m.test(between)) return true;
  const { body, otherwise, bodyEnd, end } = blockOf(code, start);
  if (leavesIn(negated ? body : otherwise)) return true;
  return negated ? bodyEnd <= offset && offset < end : start <= offset && offset < bodyEnd;
}

/** The errors of a missing variable. */
const MISSING = /\b(KeyError|LookupError|Exception|BaseException)\b/;

/** The errors of Python for a value of None. */
const NONE = /\b(TypeError|AttributeError|Exception|BaseException)\b/;

/** Returns whether an error is caught: around the read, or around all calls of its function. */
function isCaughtIn(
  python: Python,
  functions: readonly PythonFunction[],
  offset: number,
  errors: RegExp,
  depth = 0,
): boolean {
  if (isCaught(python.code, offset, errors)) return true;
  const around = functionAround(functions, offset);
  if (around === undefined || depth > 3) return false;
  const calls = python.calls.filter(({ callee }) => callee === around.name);
  return calls.length > 0 &&
    calls.every(({ start }) => isCaughtIn(python, functions, start, errors, depth + 1));
}

function lineBefore(code: string, offset: number): string {
  const { text, start } = lineAround(code, offset);
  return text.slice(0, offset - start);
}

/** The tests of names that a loop gives, as in `if key not in os.environ`. */
function membersOf(
  python: Python,
  functions: readonly PythonFunction[],
  isEnviron: (name: string) => boolean,
) {
  const test = /\b(\w+)[ \t]+(not[ \t]+)?in[ \t]+(?:\w+\.)*(\w+)(?![\w(.])/g;
  return [...python.code.matchAll(test)]
    .filter(({ 1: key, 3: owner }) => isEnviron(owner!) && !python.constants.has(key!))
    .flatMap(({ 1: name, 2: not, index }) =>
      textsOf(python, functions, name!, index).map((key) => ({
        key,
        start: index,
        negated: not !== undefined,
      }))
    );
}

/** Returns whether a test stops the program without the variable. */
function stopsWithout(code: string, start: number, negated: boolean): boolean {
  const { text, start: lineStart } = lineAround(code, start);
  if (/^\s*assert\b/.test(text)) return !negated;
  const [, list] = /^\s*(\w+)\s*=\s*[[({]/.exec(text) ?? [];
  if (list !== undefined && negated) {
    // As in `missing = [key for key in KEYS if key not in os.environ]`.
    const test = new RegExp(`^[ \\t]*if[ \\t]+(?:len\\()?${list}\\b`, "m").exec(code.slice(start));
    return test !== null && stopsIn(blockOf(code, start + test.index + test[0].length - 1).body);
  }
  if (
    !negated && /^[^=\n]*\benviron\s+or\s+(?:sys\.)?exit\(/.test(code.slice(start, start + 200))
  ) {
    return true;
  }
  if (!/^\s*(if|elif)\b/.test(text)) return false;
  const before = code.slice(lineStart, start);
  const isNegative = negated !== /\bnot\s+(?:all\s*)?\(*\s*$/.test(before);
  const { body, otherwise } = blockOf(code, start);
  return stopsIn(isNegative ? body : otherwise);
}

/** The most lines between `try` and the code that it protects. */
const MAX_LINES = 500;

/** Returns whether an error is caught: by `except KeyError` or `suppress(KeyError)`. */
function isCaught(code: string, offset: number, errors: RegExp): boolean {
  let indent = indentAt(code, offset);
  let at = lineAround(code, offset).start;
  for (let lines = 0; indent > 0 && at > 0 && lines < MAX_LINES; lines++) {
    const { text: line, start } = lineAround(code, at - 1);
    at = start;
    const own = line.length - line.trimStart().length;
    if (line.trim() === "" || own >= indent) continue;
    indent = own;
    if (/^\s*(async\s+)?def\b|^\s*class\b/.test(line)) return false;
    if (/^\s*with\b.*\bsuppress\(/.test(line) && errors.test(line)) return true;
    if (!/^\s*try\s*:/.test(line)) continue;
    const { handlers } = blockOf(code, at + own);
    const handler = handlers.find(({ head }) => /^except\s*:/.test(head) || errors.test(head));
    if (handler !== undefined) return !stopsIn(handler.body);
  }
  return false;
}
