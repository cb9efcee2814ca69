import { child, isFields } from "../kubernetes/fields.ts";
import { type Container, containersOf, podTemplatesOf } from "../kubernetes/workloads.ts";
import { lineOf, type ManifestObject, objectId } from "../kubernetes/objects.ts";
import { parsedOnce, type Python } from "../source_code/python.ts";

/** The language of a script; `text` is anything else, such as a configuration file. */
export type ScriptLanguage = "python" | "sql" | "shell" | "dockerfile" | "text";

/** Code that jobs run, or that builds their image. */
export interface Script {
  /** The file of the script or of the object around it; undefined for an object of a cluster. */
  readonly file: string | undefined;
  /** The line of that file on which the script begins, counted from 1; 0 without a file. */
  readonly line: number;
  /**
   * The object that contains the script, as in `Job analytics-jobs/x`; absent for a separate file.
   */
  readonly object?: string;
  /** The field of that object, as in `spec.template.spec.containers[0].args[1]`. */
  readonly path?: string;
  /** The language, by the name of the file or by the program that runs the script. */
  readonly language: ScriptLanguage;
  /** The code. */
  readonly text: string;
  /** Parses Python code once, when a check first asks for the parsed form. Only with Python. */
  readonly python?: () => Python;
}

/** A script in a separate file. */
export function scriptFile(file: string, language: ScriptLanguage, text: string): Script {
  return { file, line: 1, language, text, ...parsedForm(language, text) };
}

function parsedForm(language: ScriptLanguage, text: string): Pick<Script, "python"> {
  return language === "python" ? { python: parsedOnce(text) } : {};
}

/**
 * The language of a file, by its name.
 *
 * @returns undefined for a file that is not a script
 */
export function languageOf(name: string): Exclude<ScriptLanguage, "text"> | undefined {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const isIgnore = base.endsWith(".dockerignore");
  if (!isIgnore && /^(Dockerfile|Containerfile)([._-].+)?$|\.[Dd]ockerfile$/.test(base)) {
    return "dockerfile";
  }
  const ending = /\.(py|sql|sh)$/.exec(base)?.[1];
  return ending === undefined
    ? undefined
    : ({ py: "python", sql: "sql", sh: "shell" } as const)[ending as "py" | "sql" | "sh"];
}

/** The languages of jobs that the checks do not read, by the end of the file's name. */
const UNREAD = new Map([
  ["scala", "Scala"],
  ["java", "Java"],
  ["kt", "Kotlin"],
  ["R", "R"],
  ["ipynb", "a notebook"],
]);

/**
 * The language of a file that can have a job, and that the checks do not read.
 *
 * @returns undefined for any other file
 */
export function unreadLanguageOf(name: string): string | undefined {
  return UNREAD.get(name.slice(name.lastIndexOf(".") + 1));
}

/** The scripts in an object: in its containers' command and args, or in a ConfigMap's data. */
export function embeddedScripts(object: ManifestObject): Script[] {
  return object.kind === "ConfigMap" ? inConfigMap(object) : inPods(object);
}

function inConfigMap(object: ManifestObject): Script[] {
  const data = isFields(object.value.data) ? object.value.data : {};
  return Object.entries(data).flatMap(([name, text]): Script[] =>
    typeof text === "string"
      ? [script(object, child("data", name), text, languageOf(name) ?? byFirstLine(text))]
      : []
  );
}

function inPods(object: ManifestObject): Script[] {
  return podTemplatesOf(object.value).flatMap(containersOf)
    .flatMap((container) => inContainer(object, container));
}

/** The scripts in a container. An argument without white space is a path or a flag, not a script. */
function inContainer(object: ManifestObject, { words }: Container): Script[] {
  return words.flatMap(({ text, path }, i) => {
    const isArgument = /\]$|\.source$/.test(path);
    if (!isArgument || !/\s/.test(text)) return [];
    const before = words.slice(0, i).map((word) => word.text);
    return [script(object, path, text, byInterpreter(before) ?? byFirstLine(text))];
  });
}

function script(
  object: ManifestObject,
  path: string,
  text: string,
  language: ScriptLanguage,
): Script {
  const place = { file: object.file, line: lineOf(object, path) };
  return {
    ...place,
    object: objectId(object),
    path,
    language,
    text,
    ...parsedForm(language, text),
  };
}

function byInterpreter(words: readonly string[]): ScriptLanguage | undefined {
  const known = words.map((word) => word.slice(word.lastIndexOf("/") + 1)).findLast((word) =>
    /^((ba|da|a|z)?sh|python[\d.]*|psql)$/.test(word)
  );
  if (known === undefined) return undefined;
  return known === "psql" ? "sql" : known.startsWith("python") ? "python" : "shell";
}

function byFirstLine(text: string): ScriptLanguage {
  const [, interpreter] = /^#!.*?\b(python|bash|sh)[\d.]*\s*(?:\n|$)/.exec(text) ?? [];
  return interpreter === undefined ? "text" : interpreter === "python" ? "python" : "shell";
}
