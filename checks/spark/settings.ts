import { entryOf } from "../kubernetes/fields.ts";
import { hasPlaceholder, PLAIN_SETTING } from "../kubernetes/placeholders.ts";
import { maskSecrets } from "../kubernetes/secret_text.ts";
import type { Place } from "../finding.ts";
import { placeOf } from "../kubernetes/objects.ts";
import type { Container, Environment, Workload } from "../kubernetes/workloads.ts";
import { type Code, placeIn } from "../source_code/code.ts";
import { withoutBuildCommands } from "../source_code/dockerfile.ts";
import { withoutArguments, wordsForSpark } from "./submit_words.ts";
import { type Argument, callsOf, type Python, pythonOf } from "../source_code/python.ts";

/**
 * The sources of settings in the order of precedence of Spark 3.5, the strongest last:
 *
 * - `hadoop`: a file of Hadoop, such as `core-site.xml`
 * - `fallback`: `setIfMissing` in code, or a variable that the image can pass to Spark
 * - `java`: a system property of the JVM, as in `-Dspark.executor.cores=2`
 * - `variable`: a variable that spark-submit falls back on, such as `MASTER`
 * - `defaults`: `spark-defaults.conf`, or the file of `--properties-file`
 * - `conf`: `--conf` of spark-submit
 * - `flag`: a flag of spark-submit that means a setting, such as `--master`
 * - `code`: the SparkConf or the session's builder in the job's code
 */
export const SOURCES = [
  "hadoop",
  "fallback",
  "java",
  "variable",
  "defaults",
  "conf",
  "flag",
  "code",
] as const;

/** The source of a setting. */
export type Source = typeof SOURCES[number];

/** A setting of Spark. */
export interface SparkSetting {
  /** The name, as in `spark.executor.memory`. */
  readonly key: string;
  /** The value. Known variables are replaced. */
  readonly value: string;
  /** The reason why the value is not known, as in `no container declares the variable MASTER`. */
  readonly unknown?: string;
  /** True if part of the value comes from a Secret. Never print such a value. */
  readonly isSecret?: true;
  /** True if the code sets the value only under a condition, as in `if LOCAL:`. */
  readonly isConditional?: true;
  /** The object or file with the setting, its field and line. */
  readonly place: Place;
  /** The source of the setting, which decides between settings with the same key. */
  readonly source: Source;
}

/** The effective settings of Spark, by key. */
export type SparkSettings = ReadonlyMap<string, SparkSetting>;

/** The effective settings: the strongest source wins, and within a source the last setting. */
export function winning(settings: readonly SparkSetting[]): SparkSettings {
  const sorted = settings.toSorted((a, b) => SOURCES.indexOf(a.source) - SOURCES.indexOf(b.source));
  const byKey = Map.groupBy(sorted, ({ key }) => key);
  return new Map([...byKey].map(([key, all]) => [key, filled(winnerOf(all))]));
}

/** A parameter of Argo, as in `{{workflow.parameters.n}}`. Spark itself fills in `{{APP_ID}}`. */
const PARAMETER = /\{\{\s*[a-z=]/;

/** The setting, with an unknown value if a tool fills in the value later. */
function filled(setting: SparkSetting): SparkSetting {
  const { key, value, unknown, source, isSecret } = setting;
  if (unknown === undefined && !isSecret && PARAMETER.test(value)) {
    return { ...setting, unknown: `a controller fills in the parameter of ${value}` };
  }
  // The objects with placeholders in arguments are not judged at all.
  const isText = ["defaults", "code", "hadoop"].includes(source) && unknown === undefined;
  return isText && !isSecret && PLAIN_SETTING.test(key) && hasPlaceholder(value)
    ? { ...setting, unknown: `a tool fills in the placeholder ${value}` }
    : setting;
}

/**
 * The setting of one key that takes effect; the strongest is last. A setting that code makes
 * under a condition may take effect or not. A master of Kubernetes then takes effect, because
 * its executors must work; any other value is unknown.
 */
function winnerOf(settings: readonly SparkSetting[]): SparkSetting {
  const certain = settings.findLast(({ isConditional }) => isConditional !== true);
  const possible = settings.filter((each) =>
    each === certain ||
    each.isConditional === true &&
      (certain === undefined ||
        SOURCES.indexOf(each.source) >= SOURCES.indexOf(certain.source))
  );
  const last = possible.at(-1)!;
  if (possible.every(({ value }) => value === last.value)) return last;
  const isMaster = last.key === "spark.master";
  const onKubernetes = possible.findLast(({ value }) => value.startsWith("k8s://"));
  if (isMaster && onKubernetes !== undefined) return onKubernetes;
  const values = [...new Set(possible.map(printedValue))].join(" or ");
  return { ...last, unknown: `the code sets ${last.key} under a condition, to ${values}` };
}

/** The value of a setting for messages. Values from Secrets are masked. */
export function printedValue({ value, isSecret }: SparkSetting): string {
  return isSecret === true ? "a value from a Secret" : maskSecrets(value);
}

/** The settings of flags of spark-submit. */
const FLAGS: Readonly<Record<string, string>> = {
  "--packages": "spark.jars.packages",
  "--repositories": "spark.jars.repositories",
  "--exclude-packages": "spark.jars.excludes",
  "--jars": "spark.jars",
  "--master": "spark.master",
  "--deploy-mode": "spark.submit.deployMode",
  "--driver-memory": "spark.driver.memory",
  "--driver-cores": "spark.driver.cores",
  "--driver-java-options": "spark.driver.extraJavaOptions",
  "--executor-memory": "spark.executor.memory",
  "--executor-cores": "spark.executor.cores",
  "--num-executors": "spark.executor.instances",
  "--name": "spark.app.name",
};

/** The variables that spark-submit uses if there is no setting. */
const VARIABLES: Readonly<Record<string, string>> = {
  MASTER: "spark.master",
  DEPLOY_MODE: "spark.submit.deployMode",
  SPARK_DRIVER_MEMORY: "spark.driver.memory",
  SPARK_EXECUTOR_MEMORY: "spark.executor.memory",
  SPARK_EXECUTOR_CORES: "spark.executor.cores",
};

/** The variables with options of the JVM. */
const JAVA_VARIABLES = ["SPARK_SUBMIT_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"];

/** A word of a command line. */
interface Token {
  readonly text: string;
  readonly place: Place;
  readonly unknown?: string;
  readonly isSecret?: true;
}

/** How a job starts. This decides whether `PYSPARK_SUBMIT_ARGS` has an effect. */
export interface Start {
  /** The variables for command lines and code. */
  readonly environment: Environment | undefined;
  /** True if spark-submit starts the job: it never reads `PYSPARK_SUBMIT_ARGS`. */
  readonly bySubmit: boolean;
}

/** Returns whether a workload calls spark-submit in its command or in a shell script. */
export function startsBySubmit({ containers }: Workload, code: readonly Code[]): boolean {
  const texts = containers.flatMap(({ words }) => words.map(({ text }) => text));
  const scripts = code.filter(({ language }) => language === "shell").map(({ text }) => text);
  return [...texts, ...scripts].some((text) =>
    /(^|[\s/;&|"'])(spark-submit|start-(connect-server|thriftserver)\.sh)(["'\s;]|$)/m.test(text)
  );
}

/** The settings on the command line and in the environment of one container. */
export function settingsOfContainer(
  { object }: Workload,
  container: Container,
  { environment, bySubmit }: Start & { readonly environment: Environment },
): SparkSetting[] {
  const tokens = wordsForSpark(container.words).flatMap(({ path, text }): Token[] => {
    const place = placeOf(object, path);
    // An argument with white space is a whole command line for a shell.
    if (!/\s/.test(text) || /^(?:--conf=)?spark\.\S+=/.test(text)) {
      return [{ place, ...resolveSettings(text, environment) }];
    }
    return splitScript(text, environment).map((token) => ({ place, ...token }));
  });
  const variables = [...environment.names].flatMap((name) => {
    const { value, isSecret } = environment.variable(name) ?? {};
    const declared = container.env.find((each) => each.name === name);
    if (value === undefined) return [];
    const place = placeOf(
      object,
      declared === undefined ? `${container.path}.envFrom` : `${declared.path}.value`,
    );
    const secret = isSecret === true ? { isSecret: true as const } : {};
    return ofVariable(name, { text: value, place, ...secret }, bySubmit);
  });
  return [...ofTokens(tokens, bySubmit), ...variables];
}

/** The settings from an environment variable. */
function ofVariable(name: string, { text, ...rest }: Token, bySubmit: boolean): SparkSetting[] {
  const { place } = rest;
  const tokens = split(text).map((each) => ({ ...rest, text: each }));
  if (name === "PYSPARK_SUBMIT_ARGS") return bySubmit ? [] : ofTokens(tokens, bySubmit);
  if (JAVA_VARIABLES.includes(name)) return ofTokens(tokens, bySubmit, "java");
  const key = entryOf(VARIABLES, name);
  if (key !== undefined) return [{ ...rest, key, value: text, place, source: "variable" }];
  // The image can pass any other variable to Spark.
  return ofTokens(tokens, bySubmit).map((each) => ({ ...each, source: "fallback" }));
}

/**
 * The settings in a text: options of a command line, properties, or calls of PySpark.
 *
 * @param start how the job starts that runs the text; absent, the text is read for itself
 */
export function settingsIn(
  code: Code,
  start: Start = { environment: undefined, bySubmit: false },
): SparkSetting[] {
  if (code.language === "conf") return properties(code);
  if (code.language === "python") return ofPython(code, start);
  if (code.language === "sql") return [];
  // A command of a build runs before any job.
  const whole = code.language === "dockerfile" ? withoutBuildCommands(code) : code.text;
  const text = withoutArguments(
    whole.replace(/(^|\s)#[^\n]*/g, (found) => found.replace(/[^\n]/g, " ")),
  );
  const tokens = [...text.matchAll(TOKEN)].map(({ 0: token, index }): Token => (
    {
      place: placeIn(code, index),
      ...resolveSettings(removeQuotes(token), start.environment, true),
    }
  ));
  return ofTokens(tokens, start.bySubmit);
}

const TOKEN = /(?:[^\s"'\\]|\\[^\n]|"[^"]*"|'[^']*')+/g;

function split(line: string): string[] {
  return [...line.matchAll(TOKEN)].map(([token]) => removeQuotes(token));
}

/** The words of a shell script. A known variable can expand to several words. */
function splitScript(text: string, environment: Environment): Omit<Token, "place">[] {
  return [...withoutArguments(text).matchAll(TOKEN)].flatMap(([token]) => {
    const [, only] = /^\$(?:\{(\w+)\}|\((\w+)\)|(\w+))$/.exec(token) === null
      ? []
      : [token, token.replace(/[${}()]/g, "")];
    const variable = only === undefined ? undefined : environment.variable(only);
    if (variable?.value !== undefined && !variable.isSecret) {
      return split(variable.value).map((each) => ({ text: each }));
    }
    return [resolveSettings(removeQuotes(token), environment, true)];
  });
}

function removeQuotes(token: string): string {
  return token.replace(/["']/g, "");
}

/**
 * Replaces the variables of a word. Kubernetes replaces `$(NAME)`; in a script, the shell also
 * replaces `$NAME` and `${NAME}`.
 */
function resolveSettings(
  text: string,
  environment: Environment | undefined,
  isScript = false,
): Omit<Token, "place"> {
  if (environment === undefined) return { text };
  const pattern = isScript ? /\$\((\w+)\)|\$\{(\w+)\}|\$(\w+)/g : /\$\((\w+)\)/g;
  let unknown: string | undefined;
  let isSecret = false;
  const value = text.replace(pattern, (all, ...names: (string | undefined)[]) => {
    const name = names.slice(0, isScript ? 3 : 1).find((each) => each !== undefined)!;
    const variable = environment.variable(name);
    if (variable?.value === undefined) {
      unknown ??= variable === undefined
        ? `no container declares the variable ${name}`
        : `the variable ${name} has no known value: ${variable.unknown}`;
      return all;
    }
    isSecret ||= variable.isSecret;
    return variable.value;
  });
  // As in `${MEMORY:-2g}` and `$(cat memory)`.
  if (isScript && /[$`]/.test(text.replaceAll(pattern, ""))) unknown ??= "the shell computes it";
  return {
    text: value,
    ...(unknown === undefined ? {} : { unknown }),
    ...(isSecret ? { isSecret: true } : {}),
  };
}

function ofTokens(
  tokens: readonly Token[],
  bySubmit: boolean,
  only?: Source,
): SparkSetting[] {
  return tokens.flatMap((token, i): SparkSetting[] => {
    const { text } = token;
    // The entry point of the image or a shell can pass -D to the JVM.
    const defined = /^-D(spark\..*)$/s.exec(text)?.[1];
    if (defined !== undefined) {
      // spark-submit sets the master itself: local[*] if there is no other setting.
      return pair({ ...token, text: defined }, "java")
        .filter(({ key }) => !bySubmit || key !== "spark.master");
    }
    if (only === "java") return [];
    const [, name, assigned] = /^([A-Z_]+)=(.*)$/s.exec(text) ?? [];
    if (
      name !== undefined && (name in VARIABLES || /^(PYSPARK_SUBMIT_ARGS|.*_OPT.*)$/.test(name))
    ) {
      return ofVariable(name, { ...token, text: assigned! }, bySubmit);
    }
    const [, option, given] = /^(--?[a-z][a-z-]*)(?:=(.*))?$/s.exec(text) ?? [];
    if (option === undefined) return [];
    const next = tokens[i + 1] ?? { ...token, text: "" };
    const value: Token = given === undefined
      ? { ...next, place: token.place }
      : { ...token, text: given };
    if (option === "--conf" || option === "-c") return withJavaOptions(pair(value, "conf"));
    const key = FLAGS[option];
    if (key === undefined) return [];
    const { text: assignedValue, ...rest } = value;
    return withJavaOptions([{ ...rest, key, value: assignedValue, source: "flag" }]);
  });
}

/** Adds the system properties in the driver's Java options, which are settings too. */
function withJavaOptions(settings: readonly SparkSetting[]): SparkSetting[] {
  return settings.flatMap((each) => {
    if (!/^spark\.driver\.(extra|default)JavaOptions$/.test(each.key)) return [each];
    const tokens = split(each.value).map((text): Token => ({ text, place: each.place }));
    return [each, ...ofTokens(tokens, true, "java")];
  });
}

function pair({ text, ...rest }: Token, source: Source): SparkSetting[] {
  const at = text.indexOf("=");
  if (at < 0) return [];
  return [{ ...rest, key: text.slice(0, at).trim(), value: text.slice(at + 1).trim(), source }];
}

function properties(code: Code): SparkSetting[] {
  const lines = code.text.matchAll(/^[ \t]*(spark\.[\w./-]+)[ \t]*[\s=:][ \t]*([^\n]*)$/gm);
  return withJavaOptions([...lines].map(({ 1: key, 2: value, index }) => (
    { key: key!, value: value!.trim(), place: placeIn(code, index), source: "defaults" }
  )));
}

/**
 * Returns whether Python code can contain settings of Spark. A fast search, without parsing the
 * code.
 */
export function mayMakeSettings({ text }: Pick<Code, "text">): boolean {
  return /["'](?:\s|\\[nrt])*spark\.|\b(?:m|setM)aster\b|--(?:packages|repositories|conf|deploy-mode|num-executors)\b/
    .test(text);
}

function ofPython(code: Code, { environment, bySubmit }: Start): SparkSetting[] {
  if (!mayMakeSettings(code)) return [];
  const python = pythonOf(code);
  const made = (at: number, source: Source) => ({
    place: placeIn(code, at),
    source,
    ...(isConditionalAt(python, at) ? { isConditional: true as const } : {}),
  });
  const calls = callsOf(python, ["config", "set", "setIfMissing"]).flatMap(
    ({ name, start, args }): SparkSetting[] => {
      const [first, second] = args.some(({ keyword }) => keyword === "key" || keyword === "value")
        ? ["key", "value"].map((each, i) =>
          args.find(({ keyword }) => keyword === each) ??
            args.filter(({ keyword }) => keyword === undefined)[i]
        )
        : args;
      const key = first?.string;
      if (args.length !== 2 || second === undefined || !key?.startsWith("spark.")) return [];
      const source = name === "setIfMissing" ? "fallback" : "code";
      return [{ key, ...valueOf(second, python, environment), ...made(start, source) }];
    },
  );
  const masters = callsOf(python, ["master", "setMaster"]).flatMap(
    ({ start, args }): SparkSetting[] => {
      const [value] = args;
      if (args.length !== 1 || value === undefined) return [];
      const key = "spark.master";
      return [{ key, ...valueOf(value, python, environment), ...made(start, "code") }];
    },
  );
  const reads = callsOf(python, ["get", "getOption"]);
  // As in {"spark.jars.packages": "…"} and ("spark.jars.packages", "…") of setAll.
  const pairs = python.strings.flatMap((each, i): SparkSetting[] => {
    const key = each.text.trim();
    if (!/^spark\.[\w./-]+$/.test(key) || calls.some((call) => call.key === key)) return [];
    if (reads.some(({ start, end }) => start < each.start && each.end < end)) return [];
    const next = python.strings[i + 1];
    const between = next === undefined ? undefined : python.code.slice(each.end, next.start);
    if (next !== undefined && /^\s*[:,]\s*$/.test(between!)) {
      return [{ key, value: next.text.trim(), ...made(each.start, "code") }];
    }
    const value = /^(\s*[:,]\s*)(\w+)\s*[,)}\]]/.exec(
      python.code.slice(each.end, each.end + 200),
    );
    if (value === null) return [];
    const [, gap, text] = value;
    const argument = { start: each.end + gap!.length, code: text! };
    return [{ key, ...valueOf(argument, python, environment), ...made(each.start, "code") }];
  });
  const submitted = bySubmit ? [] : python.strings.flatMap(({ start, text }) => {
    if (!/--(packages|repositories|conf|master|deploy-mode|num-executors)\b/.test(text)) return [];
    return ofTokens(
      split(text).map((each) => ({ place: placeIn(code, start), text: each })),
      false,
    );
  });
  return [...calls, ...masters, ...pairs, ...submitted];
}

/**
 * Returns whether the code at a place runs only under a condition: in a block of `if`, `else` or
 * `except`.
 */
function isConditionalAt({ code }: Python, offset: number): boolean {
  const lines = code.slice(0, offset).split("\n");
  const indentOf = (line: string) => line.length - line.trimStart().length;
  let indent = indentOf(lines.at(-1)!);
  for (const line of lines.slice(0, -1).toReversed()) {
    if (line.trim() === "" || indentOf(line) >= indent) continue;
    indent = indentOf(line);
    if (/^\s*(if|elif|else|except|case)\b/.test(line) && !/^if\s+__name__\b/.test(line)) {
      return true;
    }
  }
  return false;
}

/** The value of a Python argument: a string, an environment variable, or a constant. */
function valueOf(
  { start, code, string }: Argument,
  python: Python,
  environment: Environment | undefined,
): Pick<SparkSetting, "value" | "unknown" | "isSecret"> {
  if (string !== undefined) return { value: string };
  const text = code.trim();
  const inside = python.strings.filter((each) =>
    each.start >= start && each.end <= start + code.length
  );
  if (READS_VARIABLE.test(text)) {
    const [name, fallback] = inside.map((each) => each.text.trim());
    const variable = name === undefined ? undefined : environment?.variable(name);
    if (variable?.value !== undefined) {
      return { value: variable.value, ...(variable.isSecret ? { isSecret: true } : {}) };
    }
    if (variable === undefined && fallback !== undefined) return { value: fallback };
    return {
      value: text,
      unknown: `the code reads the variable ${name}, whose value is not known`,
    };
  }
  if (/^\w+$/.test(text)) {
    const constants = python.strings.filter((each) =>
      new RegExp(`(^|\\n)[ \\t]*${text}\\s*=\\s*$`).test(
        python.code.slice(Math.max(0, each.start - 200), each.start),
      )
    ).map((each) => each.text.trim());
    const values = [...new Set(constants)];
    if (values.length === 1) return { value: values[0]! };
    if (values.length > 1) {
      return { value: text, unknown: `the code sets ${text} to ${values.join(" or ")}` };
    }
    const read = assignedRead(text, python);
    if (read !== undefined) return valueOf(read, python, environment);
    if (/^\d+$|^True$|^False$/.test(text)) return { value: text.toLowerCase() };
  }
  return { value: text, unknown: `the code computes it (${text})` };
}

/** Code that begins with the read of an environment variable. */
const READS_VARIABLE = /^(\w+\.)?(environ\s*\[|environ\s*\.\s*get\s*\(|getenv\s*\()/;

/**
 * Finds the value of a name that the code assigns once, on one line, to one environment variable,
 * as in `ENDPOINT = os.getenv("S3_ENDPOINT", "s3.example.com")`.
 */
function assignedRead(name: string, { code }: Python): Argument | undefined {
  const assignments = [...code.matchAll(
    new RegExp(`^[ \\t]*${name}[ \\t]*(?::[^=\\n]+)?=(?!=)[ \\t]*([^\\n]*)`, "gm"),
  )];
  const [only] = assignments;
  if (only === undefined || assignments.length > 1) return undefined;
  const value = only[1]!.trimEnd();
  if (!READS_VARIABLE.test(value) || value.match(/environ|getenv/g)!.length > 1) return undefined;
  return { start: only.index + only[0].length - only[1]!.length, code: value };
}
