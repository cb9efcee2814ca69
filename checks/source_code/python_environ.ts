import { type Call, callsOf, type Python } from "./python.ts";
import { copiesIn, keysOfVariable } from "./python_defaults.ts";
import { type PythonFunction, textsOf } from "./python_keys.ts";

// The environment of a Python program: its names, and what the program sets in it.

/** The names of the environment: `environ`, its aliases, and copies of it. */
export function environNames(python: Python): Set<string> {
  const { imports, code } = python;
  const names = new Set(["environ"]);
  for (const each of imports.flatMap((one) => one.names)) {
    if (each.name === "environ") names.add(each.alias);
  }
  const copies =
    /^[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:dict\()?(?:\w+\.)*environ(?:\.copy\(\))?\)?[ \t]*$/gm;
  for (const [, name] of code.matchAll(copies)) names.add(name!);
  for (const { name } of copiesIn(python)) names.add(name);
  return names;
}

/** A place where code sets a variable. */
export interface VariableSet {
  /** The variable. */
  readonly name: string;
  /** The place. */
  readonly offset: number;
  /** The copy of the environment in which alone it is set. */
  readonly owner?: string;
}

/** The places where code sets a variable, as in `os.environ["A"] = x` and `setdefault`. */
export function setsIn(python: Python, isEnviron: (name: string) => boolean): VariableSet[] {
  const ownerOf = ({ callee }: Call) => callee.slice(0, Math.max(0, callee.lastIndexOf(".")));
  const merges = [
    ...python.code.matchAll(/\benviron\s*\|=[^\n]*|\{[^\n{}]*\*\*\s*(?:\w+\.)*environ\s*\}\s*\[/g),
  ].map(({ 0: whole, index }) => ({ start: index, end: index + whole.length }));
  const updates = callsOf(python, ["update"]).filter((call) => isEnviron(ownerOf(call)));
  return [
    ...python.subscripts.filter(({ owner, assigned }) => assigned && isEnviron(owner))
      .map(({ key, start }) => ({ name: key, offset: start })),
    ...copiesIn(python).flatMap(({ name: owner, start, keys }) =>
      keys.map((name) => ({ name, offset: start, owner }))
    ),
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
        ...keysOfVariable(code, python).keys.map((name) => ({ name, offset: end })),
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

/** The variables in texts that the environment fills in, as in `"{A}".format(**os.environ)`. */
export function formatted(
  { calls, strings, code }: Python,
  isEnviron: (name: string) => boolean,
): { readonly key: string; readonly start: number }[] {
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

/** The tests of names that a loop gives, as in `if key not in os.environ`. */
export function membersOf(
  python: Python,
  functions: readonly PythonFunction[],
  isEnviron: (name: string) => boolean,
): { readonly key: string; readonly start: number; readonly negated: boolean }[] {
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
