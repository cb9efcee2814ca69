import { child, isFields } from "../kubernetes/fields.ts";
import { isJson, jsonObjectsOf } from "../kubernetes/json_text.ts";
import { lineOf, type ManifestObject, objectsOf } from "../kubernetes/objects.ts";
import {
  embeddedScripts,
  languageOf,
  type Script,
  scriptFile,
  unreadLanguageOf,
} from "./scripts.ts";
import {
  readDocuments,
  templateOf,
  type UnreadObject,
  unrenderedPlace,
  withoutPlaceholders,
} from "./templates.ts";

/** A file, or a place in a file, that cannot be read. */
export interface ManifestProblem {
  /** The file or folder, relative to the directory that was read. */
  readonly file: string;
  /** The line, counted from 1; absent for a problem of the whole file. */
  readonly line?: number;
  /** The column, counted from 1. */
  readonly column?: number;
  /** The problem, as in `duplicate field "a"`. */
  readonly problem: string;
  /**
   * What to do about a file that is correct, but that a tool must render before kubectl can apply
   * the result. Absent for a file with a mistake.
   */
  readonly render?: string;
  /** The kinds of the objects that were not read because of the problem; absent if unknown. */
  readonly kinds?: readonly string[];
  /** The objects that were not read because of the problem; absent if unknown. */
  readonly objects?: readonly UnreadObject[];
}

/** A file, or a document of a file, that is not meant to be a Kubernetes object. */
export interface IgnoredFile {
  /** The file, relative to the directory that was read. */
  readonly file: string;
  /** The line of the document; absent for a whole file. */
  readonly line?: number;
  /** What the file contains, as in `a list`. */
  readonly content: string;
}

/** The objects, scripts and problems of one file. */
export interface FileReading {
  /** The Kubernetes objects, in the order of documents. A list is replaced by its items. */
  readonly objects: readonly ManifestObject[];
  /** The scripts: the file itself, or the scripts inside its objects. */
  readonly scripts: readonly Script[];
  /** The documents that could not be read. */
  readonly problems: readonly ManifestProblem[];
  /** The file, or its documents, if they are not meant to be Kubernetes objects. */
  readonly ignored: readonly IgnoredFile[];
}

/** A reading of nothing. */
export const EMPTY: FileReading = { objects: [], scripts: [], problems: [], ignored: [] };

/** A key that each Kubernetes object has, in YAML or JSON. */
const OBJECT_KEY = /^[\s\-?{,"']*(apiVersion|kind)["']?\s*:/m;

/**
 * Reads the objects and scripts in the text of a file. Never throws.
 *
 * @param path the file for printed commands, relative to the working directory; `-` for a stream
 */
export function readFile(file: string, text: string, path = file): FileReading {
  const language = languageOf(file);
  if (language !== undefined) return { ...EMPTY, scripts: [scriptFile(file, language, text)] };
  const unread = unreadLanguageOf(file);
  if (unread !== undefined) {
    return IN_JOBS.test(text) ? ignoring(file, `code of Spark in ${unread}, not judged`) : EMPTY;
  }
  const { documents, originals, ...read } = readDocuments(text);
  const template = templateOf(text, read.problems);
  if (template !== undefined) return { ...EMPTY, problems: [{ file, ...template }] };
  const problems = read.problems.map((each) => unrenderedPlace(path, text, each));
  // JSON with comments is common. Broken YAML can be a manifest, so it stays a problem.
  const isJson = file.endsWith(".json");
  if (isJson && problems.length > 0 && documents.length === 0 && !OBJECT_KEY.test(text)) {
    return ignoring(file, "no JSON, and no apiVersion and kind");
  }
  const readings = documents.map((document) => ({ ...objectsOf(file, document), document }));
  const [first] = readings;
  if (first?.other !== undefined && readings.every(({ other }) => other !== undefined)) {
    return problems.length === 0 ? ignoring(file, first.other) : { ...EMPTY, problems: at(file) };
  }
  // In a file with objects, kubectl refuses each document that is not an object.
  const tools = readings.filter(({ other, objects }) => other !== undefined && objects.length > 0);
  const others = readings.filter((each) => !tools.includes(each));
  const { objects, unrendered } = withoutPlaceholders(
    path,
    others.flatMap((reading) => reading.objects),
    originals,
  );
  return {
    objects,
    scripts: objects.flatMap(embeddedScripts),
    problems: [
      ...at(file, others.flatMap((reading) => reading.problems)),
      ...(unrendered === undefined ? [] : [{ file, ...unrendered }]),
      ...(objects.length === 0 || problems.length > 0 ? [] : brokenJson(file, text)),
    ],
    ignored: [
      ...tools.map(({ other, document }) => (
        { file, line: document.lines.get("") ?? 1, content: other! }
      )),
      ...(path === "-" ? [] : objects.flatMap(unreadScripts)).map((each) => ({ file, ...each })),
    ],
  };

  function at(file: string, more: readonly Omit<ManifestProblem, "file">[] = []) {
    return [...problems, ...more].map((each) => ({ file, ...each }));
  }
}

/** The problem of a file that begins as JSON, and is only YAML, as with a comma before a bracket. */
function brokenJson(file: string, text: string): ManifestProblem[] {
  const json = text.trimStart();
  if (!json.startsWith("{") || jsonObjectsOf(json).every(isJson)) return [];
  return [{
    file,
    line: text.slice(0, text.length - json.length).split("\n").length,
    problem: "kubectl reads a file that begins with { as JSON, and this is not valid JSON",
  }];
}

/** Code of Spark, or code that reads its environment. */
const IN_JOBS = /spark|\bsys\.env\b|\bgetenv\b/i;

/** The code in a ConfigMap that the checks do not read, by the name of its key. */
function unreadScripts(object: ManifestObject): Omit<IgnoredFile, "file">[] {
  if (object.kind !== "ConfigMap" || !isFields(object.value.data)) return [];
  return Object.entries(object.value.data).flatMap(([key, text]) => {
    const language = unreadLanguageOf(key);
    if (language === undefined || typeof text !== "string" || !IN_JOBS.test(text)) return [];
    const line = lineOf(object, child("data", key));
    return [{ line, content: `${key}: code of Spark in ${language}, not judged` }];
  });
}

function ignoring(file: string, content: string): FileReading {
  return { ...EMPTY, ignored: [{ file, content }] };
}
