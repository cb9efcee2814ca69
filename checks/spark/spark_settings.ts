import type { Finding } from "../finding.ts";
import { type ManifestObject, placeOf } from "../kubernetes/objects.ts";
import { type Code, placeIn } from "../source_code/code.ts";
import { callsOf, pythonOf } from "../source_code/python.ts";
import type { Container, Workload } from "../kubernetes/workloads.ts";

/** A setting of Spark, wherever it is made. */
export interface SparkSetting {
  /** As in `spark.executor.memory`. */
  readonly key: string;
  /** What it is set to. */
  readonly value: string;
  /** Where. */
  readonly place: Pick<Finding, "object" | "field" | "file" | "line">;
}

/** The options of spark-submit that stand for settings. */
const OPTIONS: Readonly<Record<string, string>> = {
  "--packages": "spark.jars.packages",
  "--repositories": "spark.jars.repositories",
  "--exclude-packages": "spark.jars.excludes",
  "--jars": "spark.jars",
  "--master": "spark.master",
  "--deploy-mode": "spark.submit.deployMode",
  "--driver-memory": "spark.driver.memory",
  "--driver-cores": "spark.driver.cores",
  "--executor-memory": "spark.executor.memory",
  "--executor-cores": "spark.executor.cores",
  "--num-executors": "spark.executor.instances",
  "--name": "spark.app.name",
};

/** The settings on the command lines and in the environment of a workload's containers. */
export function settingsOf({ object, containers }: Workload): SparkSetting[] {
  return containers.flatMap((container) => ofContainer(object, container));
}

function ofContainer(object: ManifestObject, { words, env }: Container): SparkSetting[] {
  const tokens = words.flatMap(({ path, text }) =>
    // An argument can be a whole command line, for a shell.
    (/\s/.test(text) && !/^spark\.\S+=/.test(text) ? tokensOf(text) : [text])
      .map((token) => ({ place: placeOf(object, path), text: token }))
  );
  const variables = env.flatMap(({ path, value = "" }) => {
    const place = placeOf(object, `${path}.value`);
    return fromTokens(tokensOf(value).map((text) => ({ place, text })));
  });
  return [...fromTokens(tokens), ...variables];
}

/** The settings that a text makes: options of a command line, properties, or calls of PySpark. */
export function settingsIn(code: Code): SparkSetting[] {
  if (code.language === "conf") return properties(code);
  if (code.language === "python") return fromPython(code);
  if (code.language === "sql") return [];
  const text = code.text.replace(/(^|\s)#[^\n]*/g, (found) => found.replace(/[^\n]/g, " "));
  return fromTokens(
    [...text.matchAll(TOKEN)].map(({ 0: token, index }) => (
      { place: placeIn(code, index), text: unquoted(token) }
    )),
  );
}

const TOKEN = /(?:[^\s"'\\]|\\[^\n]|"[^"]*"|'[^']*')+/g;

function tokensOf(line: string): string[] {
  return [...line.matchAll(TOKEN)].map(([token]) => unquoted(token));
}

function unquoted(token: string): string {
  return token.replace(/["']/g, "");
}

type Token = { readonly place: SparkSetting["place"]; readonly text: string };

function fromTokens(tokens: readonly Token[]): SparkSetting[] {
  return tokens.flatMap(({ place, text }, i) => {
    const next = tokens[i + 1]?.text ?? "";
    const [, option, given] = /^(--?[a-z][a-z-]*)(?:=(.*))?$/s.exec(text) ?? [];
    if (option === "--conf" || option === "-c") return pair(given ?? next, place);
    // The container's entry point or a shell can pass -D on; sparkConf can be a bare pair.
    const defined = /^-D(spark\..*)$/s.exec(text)?.[1];
    if (defined !== undefined) return pair(defined, place);
    const key = option === undefined ? undefined : OPTIONS[option];
    return key === undefined ? [] : [{ key, value: given ?? next, place }];
  });
}

function pair(text: string, place: SparkSetting["place"]): SparkSetting[] {
  const at = text.indexOf("=");
  return at < 0 ? [] : [{ key: text.slice(0, at).trim(), value: text.slice(at + 1).trim(), place }];
}

function properties(code: Code): SparkSetting[] {
  return [...code.text.matchAll(/^[ \t]*(spark\.[\w.-]+)[ \t]*[\s=:][ \t]*([^\n]*)$/gm)]
    .map(({ 1: key, 2: value, index }) => (
      { key: key!, value: value!.trim(), place: placeIn(code, index) }
    ));
}

function fromPython(code: Code): SparkSetting[] {
  const python = pythonOf(code);
  const calls = callsOf(python, ["config", "set", "setIfMissing"]).flatMap(({ start, args }) => {
    const key = args.find(({ keyword }) => keyword === undefined || keyword === "key")?.string;
    const value = args[1];
    if (args.length !== 2 || !key?.startsWith("spark.")) return [];
    return [{ key, value: value!.string ?? value!.code.trim(), place: placeIn(code, start) }];
  });
  // As in {"spark.jars.packages": "…"} and ("spark.jars.packages", "…") of setAll.
  const pairs = python.strings.flatMap((each, i) => {
    const key = each.text.trim();
    const next = python.strings[i + 1];
    if (!/^spark\.[\w.-]+$/.test(key) || next === undefined) return [];
    const between = python.code.slice(each.end, next.start);
    const known = calls.some((call) => call.key === key);
    return known || !/^\s*[:,]\s*$/.test(between)
      ? []
      : [{ key, value: next.text.trim(), place: placeIn(code, each.start) }];
  });
  const submitted = python.strings.flatMap(({ start, text }) =>
    /--(packages|repositories|conf)\b/.test(text)
      ? fromTokens(tokensOf(text).map((token) => ({ place: placeIn(code, start), text: token })))
      : []
  );
  return [...calls, ...pairs, ...submitted];
}
