import { shellPath, shellQuote } from "../../pipeline/shell.ts";
import { typeOf } from "./api_types.ts";
import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import { sparkTypeOf } from "./spark_application_types.ts";
import { callsSpark, isSidecar } from "./job_containers.ts";
import { type Container, containersOf, groupOf, podTemplatesOf } from "./workloads.ts";

// Placeholders: texts that a tool such as envsubst or sed replaces before kubectl gets the file.

/** A placeholder in a field that the API server or a check would read. */
export interface Placeholder {
  /** The placeholder, as in `${NS}` and `__NS__`. */
  readonly text: string;
  /** The field, as in `metadata.namespace`. */
  readonly path: string;
}

/** A placeholder for a variable of envsubst. */
const VARIABLE = /^\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))$/;

/** The forms of placeholders. Kubernetes itself replaces `$(NAME)`, and Spark or its operator `{{APP_ID}}`. */
const FORMS = [
  /\$\{[A-Za-z_][^{}]*\}/,
  /\$[A-Za-z_]\w*/,
  /\{\{(?!APP_|EXECUTOR_|SPARK_VERSION).*?\}\}/,
  /\{%.*?%\}/,
  /(?<![A-Za-z0-9])__[A-Za-z](?:\w*[A-Za-z0-9])?__(?![A-Za-z0-9])/,
  /<[A-Za-z][\w .:/-]*>/,
  /%[A-Za-z_]\w*%/,
  /@[A-Za-z_]\w*@/,
  /\[\[.*?\]\]/,
  /\(\([A-Za-z].*?\)\)/,
  /#\{.*?\}#?/,
];
const FORM = new RegExp(FORMS.map(({ source }) => source).join("|"), "g");

/** An expression that Airflow fills in, as in `{{ ds }}` and `{{ params.day }}`. */
const AIRFLOW =
  /\{\{-?\s*(?:(?:ds|ts)(?:_nodash\w*)?|(?:next_|prev_|yesterday_|tomorrow_)ds(?:_nodash)?|(?:next_|prev_)?execution_date|logical_date|data_interval_(?:start|end)|run_id|(?:macros|params|dag|dag_run|task|task_instance|ti|var|conn|conf)\s*[.[])[^{}]*\}\}/;

/** Names of placeholders in a field that has no upper case, as in `YOUR_NAMESPACE`. */
const UPPER =
  /(?<!\w)(?:[A-Z][A-Z\d]*(?:_[A-Z\d]+)+|NAMESPACE|CHANGE-?ME|REPLACE-?ME|PLACEHOLDER)(?!\w)/g;

/** Fields with texts of any kind, which are right as they are. */
const FREE = new Set([
  ...["data", "stringData", "binaryData", "annotations", "managedFields", "status"],
  ...[
    "envVars",
    "metricsProperties",
    "configuration",
    "parameters",
    "volumeAttributes",
    "description",
    "message",
    "javaOptions",
    "hadoopConf",
  ],
  ...["path", "mountPath", "subPath", "subPathExpr", "workingDir"],
  ...["mainClass", "mainApplicationFile", "pyFiles", "jars", "files", "deps"],
]);

/** Fields among them that can have variables. */
const VARIABLES = new Set(["data", "envVars"]);

/** Fields with the words of a command line. */
const WORDS = new Set(["command", "args", "arguments", "driverArgs"]);

/** Settings of Spark that the checks read, and that Spark takes as they are. */
export const PLAIN_SETTING =
  /^spark\.(master$|driver\.host$|kubernetes\.(?!file\.)|hadoop\.fs\.s3a(\.bucket\.[^.]+)?\.endpoint$)/;

/** Variables with the name of a server. */
const HOST = /(^|_)(HOST|ENDPOINT)$|^PGHOST$|^AWS_ENDPOINT_URL/;

/**
 * Finds the placeholders because of which an object cannot be judged. A resource of another API can
 * have expressions that its controller fills in, so only its names and images count.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { placeholdersIn } from "./placeholders.ts";
 *
 * const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "${NS}" } };
 * assertEquals(placeholdersIn(pod), [{ text: "${NS}", path: "metadata.namespace" }]);
 * ```
 */
export function placeholdersIn(object: Fields): Placeholder[] {
  const { apiVersion, kind } = object;
  const { name, namespace, generateName } = fieldsIn(object.metadata);
  const group = groupOf(apiVersion);
  const names = { "metadata.name": name, "metadata.namespace": namespace };
  // The names of roles may have upper case.
  const upper = inText(namespace, "metadata.namespace", UPPER);
  if (!group.startsWith("rbac.")) upper.push(...inText(name, "metadata.name", UPPER));
  const isKnown = typeOf(String(apiVersion), String(kind)) !== undefined ||
    sparkTypeOf(group, String(kind)) !== undefined;
  if (isKnown) {
    const others = otherContainers(object).map(({ path }) => `${path}.env[`);
    const found = inFields(object, "", "").filter(({ path }) =>
      !(path.endsWith(".value") && others.some((each) => path.startsWith(each)))
    );
    return [...found, ...upper];
  }
  const named = { apiVersion, kind, ...names, "metadata.generateName": generateName };
  // Argo fills in the images of its workflows itself.
  const images = group === "argoproj.io" ? [] : imagesOf(object);
  return [
    ...Object.entries(named).flatMap(([path, text]) => inText(text, path)),
    ...images.flatMap((image) => inText(image, "spec")),
    ...upper,
  ];
}

/**
 * Returns whether a text has a placeholder.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hasPlaceholder } from "./placeholders.ts";
 *
 * assertEquals(["${NS}", "__NS__", "<ns>", "$(NS)", "robson"].map(hasPlaceholder), [
 *   true,
 *   true,
 *   true,
 *   false,
 *   false,
 * ]);
 * ```
 */
export function hasPlaceholder(text: string): boolean {
  return text.match(FORM) !== null;
}

/**
 * Replaces each placeholder in a text.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { replacePlaceholders } from "./placeholders.ts";
 *
 * assertEquals(replacePlaceholders("a-__NS__", (text) => `(${text})`), "a-(__NS__)");
 * ```
 */
export function replacePlaceholders(
  text: string,
  replacement: (placeholder: string) => string,
): string {
  return text.replace(FORM, replacement);
}

/**
 * Returns the command that fills in the placeholders of a file or of the standard input, with `VALUE`
 * for each value.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fillCommand } from "./placeholders.ts";
 *
 * assertEquals(fillCommand(["${NS}"], "a.yaml"), "NS=VALUE envsubst '$NS' < a.yaml");
 * assertEquals(fillCommand(["__NS__"], "a.yaml"), "sed s/__NS__/VALUE/g a.yaml");
 * ```
 */
export function fillCommand(placeholders: readonly string[], file?: string): string {
  const variables = placeholders.map((text) => VARIABLE.exec(text)).map((match) =>
    match?.[1] ?? match?.[2]
  );
  if (variables.every((name) => name !== undefined)) {
    const names = [...new Set(variables)];
    const list = names.map((name) => `$${name}`).join(" ");
    return `${names.map((name) => `${name}=VALUE `).join("")}envsubst ${shellQuote(list)}` +
      (file === undefined ? "" : ` < ${shellPath(file)}`);
  }
  const scripts = placeholders.map((text) =>
    shellQuote(`s/${text.replace(/[\\.*[\]^$/]/g, "\\$&")}/VALUE/g`)
  );
  const all = scripts.length === 1 ? scripts : scripts.map((each) => `-e ${each}`);
  return ["sed", ...all, ...(file === undefined ? [] : [shellPath(file)])].join(" ");
}

/** The containers of a workload beside those that do its work. Their hosts decide about no check. */
function otherContainers(object: Fields): Container[] {
  return podTemplatesOf(object).flatMap((template) => {
    const all = containersOf(template);
    const isMain = all.some(callsSpark) ? callsSpark : (each: Container) => !isSidecar(each);
    return all.filter((each) => !isMain(each));
  });
}

function inText(text: unknown, path: string, form: RegExp = FORM): Placeholder[] {
  if (typeof text !== "string") return [];
  return [...text.matchAll(form)].map(([found]) => ({ text: found, path }));
}

/** Finds the placeholders in a value, by the key of its field. */
function inFields(value: unknown, key: string, path: string): Placeholder[] {
  if (FREE.has(key)) return VARIABLES.has(key) ? inSettings(value, path, HOST) : [];
  if (WORDS.has(key)) return [];
  if (key === "sparkConf") return inSettings(value, path, PLAIN_SETTING);
  if (Array.isArray(value)) {
    return value.flatMap((each, i) => inFields(each, "", `${path}[${i}]`));
  }
  if (!isFields(value)) return inText(value, path);
  const { name, value: text, valueFrom } = value;
  // A variable of a container.
  if (typeof name === "string" && ("value" in value || valueFrom !== undefined)) {
    const ofHost = HOST.test(name) ? inText(text, `${path}.value`) : [];
    return [...inText(name, `${path}.name`), ...ofHost, ...inFields(valueFrom, "", path)];
  }
  return [
    ...Object.entries(value).flatMap(([name, each]) => [
      ...inText(name, path),
      ...inFields(each, name, path === "" ? name : `${path}.${name}`),
    ]),
    ...inWords(value, path),
  ];
}

/**
 * Returns whether a placeholder is an expression of Airflow.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isOfAirflow } from "./placeholders.ts";
 *
 * assertEquals(["{{ ds }}", "{{ .Values.day }}"].map(isOfAirflow), [true, false]);
 * ```
 */
export function isOfAirflow(text: string): boolean {
  return AIRFLOW.test(text);
}

/** Finds the placeholders in settings with certain names. */
function inSettings(settings: unknown, path: string, names: RegExp): Placeholder[] {
  return Object.entries(fieldsIn(settings))
    .flatMap(([name, text]) => names.test(name) ? inText(text, `${path}.${name}`) : []);
}

/** Finds the placeholders in the settings of Spark on the command line of a container. */
function inWords(container: Fields, path: string): Placeholder[] {
  const declared = listOf(container.env).map(({ name }) => name);
  return [...WORDS].flatMap((key) => {
    const words = Array.isArray(container[key]) ? container[key] : [];
    return words.flatMap((word, i) => {
      const [, setting = "", text = ""] =
        /^(?:--conf=)?(spark\.[^\s=]+)=(.*)$/.exec(textOf(word) ?? "") ?? [];
      if (!PLAIN_SETTING.test(setting)) return [];
      // A job that declares the variable means a shell, which does not read the word.
      return inText(text, `${path}.${key}[${i}]`).filter((each) => {
        const [, braced, plain] = VARIABLE.exec(each.text) ?? [];
        return !declared.includes(braced ?? plain);
      });
    });
  });
}

function imagesOf(value: Fields): unknown[] {
  const containers = podTemplatesOf(value).flatMap(({ spec }) =>
    isFields(spec) ? [...listOf(spec.containers), ...listOf(spec.initContainers)] : []
  );
  return [fieldsIn(value.spec), ...containers].map(({ image }) => image);
}
