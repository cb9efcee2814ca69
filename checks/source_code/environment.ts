import type { Code } from "./code.ts";
import { type Call, callsOf, type Python, pythonOf } from "./python.ts";
import { shellReads, type VariableRead } from "./shell.ts";

/** The variables that Python or shell code reads. Computed names are not found. */
export function variablesReadBy(code: Code): VariableRead[] {
  if (code.language === "python") return mayReadVariables(code) ? pythonReads(pythonOf(code)) : [];
  return code.language === "shell" ? shellReads(code.text) : [];
}

/** Returns whether Python code may read variables, found without parsing the code. */
export function mayReadVariables({ text }: Pick<Code, "text">): boolean {
  return /\b(?:environ|getenv)\b/.test(text);
}

function pythonReads(python: Python): VariableRead[] {
  const calls = callsOf(python, ["get", "getenv", "pop"]).filter(({ name, callee }) =>
    name === "getenv" || /\benviron\.\w+$/.test(callee)
  );
  let known: Tests | undefined;
  const tests = () => known ??= testsIn(python.code);
  const called = calls.flatMap((call): VariableRead[] => {
    const name = call.args[0]?.string;
    if (name === undefined) return [];
    return [{ name, offset: call.start, optional: hasDefault(call, tests) }];
  });
  const guarded = new Set(
    python.memberships.filter(({ owner }) => isEnviron(owner)).map(({ key }) => key),
  );
  const indexed = python.subscripts.filter(({ owner, assigned }) => isEnviron(owner) && !assigned)
    .map(({ key, start }) => ({ name: key, offset: start, optional: guarded.has(key) }));
  return [...called, ...indexed].sort((a, b) => a.offset - b.offset);
}

function isEnviron(name: string): boolean {
  return /(^|\.)environ$/.test(name);
}

/**
 * Returns whether the code continues without the variable: with a default, after `or`, or after a
 * test.
 */
function hasDefault({ end, args, context }: Call, tests: () => Tests): boolean {
  const fallback = args[1]?.code;
  if (fallback !== undefined && fallback !== "None") return true;
  if (context.alternative) return true;
  if (context.assignedTo === undefined) return false;
  return tests().get(context.assignedTo)?.find(({ offset }) => offset >= end)?.continues ?? false;
}

/** The places where code tests a variable, by its name. */
type Tests = ReadonlyMap<string, readonly Test[]>;

interface Test {
  readonly offset: number;
  /** True if neither `raise` nor `exit` follows within three lines. */
  readonly continues: boolean;
}

/** Finds tests such as `if day is None:`, `if not day:` and `day or today()`. */
function testsIn(code: string): Tests {
  const tests = new Map<string, Test[]>();
  const test = /(?<=\b(?:if|while|and|not|elif|else)\s+)\w+|\b\w+(?=\s+(?:is|or|if)\b)/g;
  for (const { 0: name, index: offset } of code.matchAll(test)) {
    const after = code.slice(offset, offset + 1000).split("\n", 3).join("\n");
    const all = tests.get(name) ?? [];
    all.push({ offset, continues: !/\braise\b|\bexit\s*\(/.test(after) });
    tests.set(name, all);
  }
  return tests;
}
