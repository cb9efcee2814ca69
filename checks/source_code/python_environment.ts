import { type Call, callsOf, type Python } from "./python.ts";
import { isConditional, lineAround, stopAfter } from "./python_blocks.ts";
import { endingOf, isShown, isUnused, withoutArgument } from "./python_endings.ts";
import { copiesIn, keysOfVariable } from "./python_defaults.ts";
import { environNames, formatted, membersOf, setsIn, type VariableSet } from "./python_environ.ts";
import { functionAround, functionsOf, type PythonFunction, textsOf } from "./python_keys.ts";
import {
  caughtAt,
  conditionAt,
  continuesAfter,
  protects,
  returnsNone,
  stopsWithout,
  testsIn,
} from "./python_tests.ts";
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
        keyword === undefined && /^[\w*]/.test(code) && !/^dict\(\s*\w+\s*=/.test(code) &&
        keysOfVariable(code, python).isOpen
      )
    ).map(({ start }) => start),
  ];
  const sets: readonly VariableSet[] = [...setsIn(python, isEnviron), ...looped];
  const copies = copiesIn(python);
  /** The mapping that a read at an offset names, as `env` of `env["A"]` and `env.get("A")`. */
  const ownerAt = (offset: number) =>
    /^(?:\w+\s*\.\s*)*?(\w+)(?:\s*\.\s*(?:get|pop|__getitem__))?\s*[[(]/
      .exec(python.code.slice(offset, offset + 200))?.[1];
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
      each.key === key && !REQUIRED.test(lineBefore(python.code, each.start)) &&
      continuesAfter(python.code, each.start, each.negated) &&
      protects(python.code, each, offset)
    ) || loops.some((each) =>
      each.key === key && !each.negated &&
      lineAround(python.code, each.start).start === lineAround(python.code, offset).start
    );
  const called = getting.flatMap((call): VariableRead[] => {
    const isPop = call.name === "pop";
    const offset = call.start;
    const goesOn = isUnused(call, python, others) ||
      isCaughtIn(python, functions, offset, isPop ? MISSING : NONE);
    return namesOf(call).map((name): VariableRead => {
      if (goesOn || isGuarded(name, offset)) return { name, offset, optional: true };
      if (isPop && call.args.length === 1) return { name, offset, optional: false };
      const ending = endingOf(call, name, { python, functions, tests });
      if (ending.kind === "goes on") return { name, offset, optional: true };
      const isOwn = ending.kind === "stops" && ending.stop !== undefined;
      if (!isOwn && isShown(call, python.code)) {
        return { name, offset, optional: true, perhaps: true };
      }
      if (ending.kind === "unknown") {
        return { name, offset, optional: true, unknown: ending.reason };
      }
      return { name, offset, optional: false, ...isOwn ? { stop: ending.stop! } : {} };
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
    if (returnsNone(python.code, start)) {
      return {
        name: key,
        offset: start,
        optional: true,
        unknown: "its function then returns None",
      };
    }
    const optional = isGuarded(key, start) || isCaughtIn(python, functions, start, MISSING);
    const stop = caughtAt(python.code, start, MISSING) === "stops"
      ? { stop: stopAfter(python.code, start) }
      : {};
    // As in `os.environ.get("A") or os.environ["B"]`.
    return optional || !/\bor\s+(?:\w+\.)?$/.test(lineBefore(python.code, start))
      ? { name: key, offset: start, optional, ...stop }
      : { name: key, offset: start, optional: true, perhaps: true };
  });
  const listed = conditions.filter(({ start }) => LIST.test(lineBefore(python.code, start)));
  const required = [...members, ...loops, ...listed]
    .flatMap(({ key: name, start: offset, negated }): VariableRead[] => {
      const { text } = lineAround(python.code, offset);
      const [argument, not] = REQUIRED.exec(lineBefore(python.code, offset)) ?? [];
      if (argument !== undefined) {
        const isNeeded = negated !== (not !== undefined);
        return isNeeded ? [{ name, offset, optional: true, unknown: withoutArgument("") }] : [];
      }
      if (stopsWithout(python.code, offset, negated)) {
        if (/\band\b/.test(text)) return [{ name, offset, optional: true, perhaps: true }];
        return [{ name, offset, optional: false, stop: stopAfter(python.code, offset) }];
      }
      // As in `has = "A" in os.environ`.
      const [, target = ""] = /^\s*(\w+)\s*=\s*$/.exec(lineBefore(python.code, offset)) ?? [];
      const test = tests.get(target)?.find((each) => each.offset > offset);
      if (test === undefined) return [];
      if (continuesAfter(python.code, test.offset, test.isNegative !== negated)) return [];
      return [{ name, offset, optional: false, stop: stopAfter(python.code, test.offset) }];
    });
  return [...called, ...indexed, ...required].sort((a, b) => a.offset - b.offset)
    .filter(({ name, offset }) =>
      !sets.some((each) =>
        each.name === name && each.offset < offset &&
        (each.owner === undefined || each.owner === (ownerAt(offset) ?? each.owner))
      )
    )
    .map((each): VariableRead => {
      if (each.optional) return each;
      const isDefault = copies.some(({ name, start, isOpen }) =>
        isOpen && start < each.offset && name === (ownerAt(each.offset) ?? name)
      );
      if (isDefault) return { ...each, optional: true, unknown: "its defaults are not followed" };
      if (isOpen) return { ...each, optional: true, unknown: "a file of variables can set it" };
      const own = functionAround(functions, each.offset);
      if (own !== undefined && !isCalled(own, python, others) || isInLambda(python.code, each)) {
        return {
          ...each,
          optional: true,
          unknown: "no code here calls the function that reads it",
        };
      }
      const isUnsure = opens.some((offset) => offset < each.offset) ||
        isConditional(python.code, each.offset);
      return isUnsure ? { ...each, optional: true, perhaps: true } : each;
    });
}

/** The begin of a condition under which an argument of the command line is required. */
const REQUIRED = /\brequired\s*=\s*\(*(not\b\s*\(*)?$/;

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
  const caught = caughtAt(python.code, offset, errors);
  if (caught !== "not caught") return caught === "caught";
  const around = functionAround(functions, offset);
  if (around === undefined || depth > 3) return false;
  const calls = python.calls.filter(({ callee }) => callee === around.name);
  return calls.length > 0 &&
    calls.every(({ start }) => isCaughtIn(python, functions, start, errors, depth + 1));
}

/** The begin of a list of names, as in `missing = [key for key in KEYS if not os.getenv(key)]`. */
const LIST = /^\s*\w+\s*=\s*(?:list|set|tuple|sorted)?\s*[[({]/;

function lineBefore(code: string, offset: number): string {
  const { text, start } = lineAround(code, offset);
  return text.slice(0, offset - start);
}

/** Returns whether code may call a function: it has the name, or a decorator, or is a method. */
function isCalled(
  { name, start }: PythonFunction,
  { code, strings }: Python,
  others: readonly string[],
): boolean {
  const word = new RegExp(`(?<!\\w)${name}(?!\\w)`, "g");
  // A file that calls nothing itself is a library.
  if (!/^(?!(?:def|class|import|from|async)\b)\w[\w. =]*\(|\b__name__\b/m.test(code)) return true;
  const { text } = lineAround(code, start);
  const above = start === 0 ? "" : lineAround(code, start - 1).text;
  return /^\s/.test(text) || /^\s*[@)]/.test(above) || (code.match(word)?.length ?? 0) > 1 ||
    strings.some((each) => each.text.trim() === name) ||
    others.some((each) => each.search(word) >= 0);
}

/** Returns whether a read is the body of a lambda, which runs only if code calls it. */
function isInLambda(code: string, { offset }: VariableRead): boolean {
  const before = lineBefore(code, offset);
  return /\blambda\b[^:]*:[^\n]*$/.test(before) && !/default_factory\s*=/.test(before);
}
