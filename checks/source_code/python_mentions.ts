import type { Call, Python } from "./python.ts";
import { lineAround } from "./python_blocks.ts";
import { environNames, setsIn } from "./python_environ.ts";
import type { VariableRead } from "./shell_reads.ts";

/** Code that reads the environment, also by libraries. */
const READING = /\b(?:environ|getenv|envvar|BaseSettings|environs|decouple|dotenv)\b/;

/**
 * The place where Python code names a variable in a way that is not followed, such as
 * `envvar="A"`, a set of names or a template.
 *
 * @param name the variable, of which the code has no read that is followed
 */
export function mentionOf(python: Python, source: string, name: string): VariableRead | undefined {
  if (!READING.test(source)) return undefined;
  const owners = environNames(python);
  const isEnviron = (each: string) => owners.has(each.slice(each.lastIndexOf(".") + 1));
  if (setsIn(python, isEnviron).some((each) => each.name === name)) return undefined;
  const offset = python.strings.find((each) => isMention(each, python, source, name))?.start ??
    fieldOf(source, name);
  return offset === undefined
    ? undefined
    : { name, offset, optional: true, unknown: "how the code reads it is not followed" };
}

function isMention(
  { start, end, text, assignedTo }: Python["strings"][number],
  { code, calls }: Python,
  source: string,
  name: string,
): boolean {
  const written = text.trim();
  // As in `run(["python3", "-c", "import os; os.environ['A']"])`.
  if (READING.test(written) && new RegExp(`\\b${name}\\b`).test(written)) return true;
  if (new RegExp(`\\$\\{?${name}\\b`).test(written)) return /\bTemplate\s*\(/.test(source);
  const after = code.slice(end, end + 20);
  if (written !== name || /^\s*(?::|(?:not\s+)?in\b)/.test(after)) return false;
  const before = code.slice(Math.max(0, start - 40), start);
  if (
    /\benviron\s*\[\s*$|\b(?:setdefault|setenv|putenv|delenv|unsetenv|pop)\s*\(\s*$/.test(before)
  ) {
    return false;
  }
  const call = calls.findLast((each) =>
    each.start < start && end <= each.end && each.args.some((argument) => argument.start === start)
  );
  if (call === undefined) {
    // As in `@click.option("--date", envvar="A", default="x")`.
    return !/\bdefault\s*=\s*(?!None\b)/.test(lineAround(code, start).text);
  }
  if (/^(?:print|debug|info|warning|error|log|col|column|withColumn)$/.test(call.name)) {
    return false;
  }
  return !hasDefault(call, assignedTo);
}

/** Returns whether a call gives a default, as in `env("A", "x")` and `Option("x", envvar="A")`. */
function hasDefault({ args }: Call, assignedTo: string | undefined): boolean {
  const isValue = (code: string | undefined) =>
    code !== undefined && code !== "None" && code !== "...";
  const named = args.find(({ keyword }) => /^(?:default|default_factory)$/.test(keyword ?? ""));
  if (isValue(named?.code)) return true;
  const plain = args.filter(({ keyword }) => keyword === undefined);
  const [first, second] = plain;
  return assignedTo === undefined
    ? isValue(second?.code)
    : isValue(first?.code) && first?.string?.startsWith("-") !== true;
}

/** The field of settings of Pydantic that takes a variable, without a default. */
function fieldOf(source: string, name: string): number | undefined {
  if (!/\(\s*(?:\w+\s*\.\s*)?BaseSettings\b/.test(source)) return undefined;
  const fields = /^[ \t]+(\w+)[ \t]*:[ \t]*[^\n=]+?(?:=[ \t]*([^\n]+))?$/gm;
  for (const { 1: field, 2: value, index } of source.matchAll(fields)) {
    const isField = name === field!.toUpperCase() || name.endsWith(`_${field!.toUpperCase()}`);
    if (!isField) continue;
    if (value !== undefined && !/^(?:None|Field\(\s*(?:\.\.\.|None|\)))/.test(value)) continue;
    return index;
  }
  return undefined;
}
