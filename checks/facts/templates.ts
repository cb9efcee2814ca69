import { shellPath } from "../../pipeline/shell.ts";
import { lineOf, type ManifestObject, namespaceOf, objectId } from "../kubernetes/objects.ts";
import {
  fillCommand,
  isOfAirflow,
  placeholdersIn,
  replacePlaceholders,
} from "../kubernetes/placeholders.ts";
import { type DocumentProblem, type Documents, parseDocuments } from "../kubernetes/yaml.ts";
import { naming } from "../list_names.ts";
import { parentOf } from "./manifest_files.ts";

// Templates that are complete only after a tool has filled them in: Helm charts, Jinja, and others.

/** How to check what a tool renders. */
export const PIPE = "deno task preflight --manifests -";

/** An expression of Helm, such as `{{ .Values.image }}`. */
const HELM = /\{\{-?[^{}]{0,500}\.(Values|Release|Chart|Capabilities)\b/;

/** A problem of a file that is correct, but must be rendered first. */
export interface Unrendered {
  /** The problem, in words. */
  readonly problem: string;
  /** How to render the file. */
  readonly render: string;
  /** The line of the first placeholder; absent for a whole file. */
  readonly line?: number;
  /** The kinds of the objects that cannot be judged; absent for a whole file. */
  readonly kinds?: readonly string[];
  /** The objects that cannot be judged; absent for a whole file. */
  readonly objects?: readonly UnreadObject[];
}

/** An object that was not read. Its namespace and its name can have placeholders. */
export interface UnreadObject {
  /** The kind, as in `Job`. */
  readonly kind: string;
  /** The namespace, as in `analytics-jobs` and `${NS}`. */
  readonly namespace: string;
  /** The name, as in `etl` and `etl-${DAY}`. */
  readonly name: string;
}

/** A part of a template that is more than a value, as in `{% if x %}` and `{{#x}}`. */
const CONTROL = /\{%|\{\{-?\s*(?:[#/^]|(?:if|else|end|range|with|for)\b)/;

/** The most lines of a file in which placeholders get another form. */
const MAX_LINES = 50;

/** The most characters of a file with such placeholders. */
const MAX_TEXT = 200_000;

/** The documents of a text that can have placeholders. */
export interface TemplateDocuments extends Documents {
  /** The placeholders that the documents have in another form, by this form. */
  readonly originals: ReadonlyMap<string, string>;
}

/**
 * Reads the documents of a text. Placeholders that are not YAML, as in `namespace: @NS@`, get another
 * form first.
 */
export function readDocuments(text: string): TemplateDocuments {
  let documents = parseDocuments(text);
  const originals = new Map<string, string>();
  const isControlled = HELM.test(text) || CONTROL.test(text);
  if (documents.problems.length === 0 || text.length > MAX_TEXT || isControlled) {
    return { ...documents, originals };
  }
  const lines = text.split("\n");
  for (let i = 0; i < MAX_LINES && documents.problems.length > 0; i++) {
    const before = originals.size;
    for (const { line } of documents.problems) {
      lines[line - 1] = replacePlaceholders(lines[line - 1] ?? "", (placeholder) => {
        if (originals.has(placeholder)) return placeholder;
        const form = `<P${originals.size}>`;
        originals.set(form, placeholder);
        return form;
      });
    }
    if (originals.size === before) break;
    documents = parseDocuments(lines.join("\n"));
  }
  return { ...documents, originals };
}

/**
 * A problem of YAML at a line that is a placeholder for a whole block. It is no mistake, but the
 * document must be rendered first.
 */
export function unrenderedPlace(
  path: string,
  text: string,
  problem: DocumentProblem,
): DocumentProblem & Partial<Unrendered> {
  const { line } = problem;
  const around = text.split("\n").slice(Math.max(0, line - 2), line).map((each) => each.trim());
  const first = around.find((each) => placeholdersInLine(each)[0] === each);
  return first === undefined ? problem : {
    ...problem,
    problem:
      `the file is a template: the placeholder ${first} was not filled in, so the document ` +
      "was not judged",
    render: `Fill in the placeholder, and check the result: ${fillFor(path, [first])} | ${PIPE}`,
  };
}

function placeholdersInLine(line: string): string[] {
  const found: string[] = [];
  replacePlaceholders(line, (placeholder) => {
    found.push(placeholder);
    return placeholder;
  });
  return found;
}

function fillFor(path: string, placeholders: readonly string[]): string {
  return path === "-"
    ? `<command> | ${fillCommand(placeholders)}`
    : fillCommand(placeholders, path);
}

/**
 * Recognizes a whole file that is a template outside of a Helm chart: text of Helm, or text with
 * `{{` that is not YAML.
 */
export function templateOf(
  text: string,
  problems: readonly DocumentProblem[],
): Unrendered | undefined {
  const isHelm = HELM.test(text);
  if (!isHelm && !(problems.length > 0 && /\{\{|\{%/.test(text))) return undefined;
  return {
    problem: `the file is a template${isHelm ? " of Helm" : ""}, and was not rendered`,
    render: isHelm
      ? `Render the chart, and check the result: helm template <chart> | ${PIPE}`
      : `Render the file with its tool, and check the result: <command> | ${PIPE}`,
  };
}

/** Objects without placeholders, and the problem of the others. */
export interface Filled {
  /** The objects that can be judged. */
  readonly objects: readonly ManifestObject[];
  /** The problem of the objects with placeholders; undefined without such objects. */
  readonly unrendered?: Unrendered;
}

/**
 * Divides the objects of a file into those without placeholders and the others.
 *
 * @param path the file for the shell, relative to the working directory; `-` for a stream
 * @param originals the placeholders that the objects have in another form
 */
export function withoutPlaceholders(
  path: string,
  objects: readonly ManifestObject[],
  originals: TemplateDocuments["originals"],
): Filled {
  const restore = (text: string) =>
    text.replaceAll(/<P\d+>/g, (form) => originals.get(form) ?? form);
  const found = objects.map((object) => ({ object, placeholders: placeholdersIn(object.value) }));
  const unfilled = found.filter(({ placeholders }) => placeholders.length > 0);
  const [first] = unfilled;
  if (first === undefined) return { objects };
  const texts = [
    ...new Set(
      unfilled.flatMap(({ placeholders }) => placeholders.map(({ text }) => restore(text))),
    ),
  ];
  const [word, verb] = texts.length === 1 ? ["placeholder", "was"] : ["placeholders", "were"];
  const command = fillFor(path, texts);
  return {
    objects: found.filter(({ placeholders }) => placeholders.length === 0)
      .map(({ object }) => object),
    unrendered: {
      problem:
        `the file is a template: the ${word} ${naming(texts)} ${verb} not filled in, so not ` +
        `judged: ${naming(unfilled.map(({ object }) => restore(objectId(object))))}` +
        (texts.some(isOfAirflow)
          ? "; a task of Airflow fills it in, and kubectl applies it as it is"
          : ""),
      render: `Fill in the ${word}, and check the result: ${command} | ${PIPE}`,
      line: lineOf(first.object, first.placeholders[0]!.path),
      kinds: [...new Set(unfilled.map(({ object }) => object.kind))],
      objects: unfilled.map(({ object }) => ({
        kind: object.kind,
        namespace: restore(namespaceOf(object)),
        name: restore(object.name),
      })),
    },
  };
}

/** The kinds of objects that decide about no connection of another object. */
const NO_CONNECTIONS =
  /^(Cron)?Job$|^(Scheduled)?SparkApplication$|^(Secret|ServiceAccount|(Cluster)?Role(Binding)?|ResourceQuota|LimitRange|PersistentVolume(Claim)?|StorageClass|PriorityClass|Ingress|PodDisruptionBudget|HorizontalPodAutoscaler)$/;

/**
 * Returns whether objects of these kinds may decide about connections of other objects.
 *
 * @param ofServers whether the connections are those to servers whose hosts a ConfigMap can contain
 */
export function mayDecideConnections(
  kinds: readonly string[] | undefined,
  ofServers = false,
): boolean {
  return kinds === undefined ||
    kinds.some((kind) => kind === "ConfigMap" ? ofServers : !NO_CONNECTIONS.test(kind));
}

/** The folders of Helm charts that are not part of another chart. */
export function chartsIn(files: readonly string[]): string[] {
  const folders = files.filter((file) => /(^|\/)Chart\.ya?ml$/.test(file)).map(parentOf);
  return folders.filter((folder) =>
    !folders.some((other) => other !== folder && isBelow(folder, other))
  );
}

/** Returns whether a text of a chart's folder `templates` has expressions of Helm. */
export function isChartTemplate(file: string, text: string, chart: string): boolean {
  return isBelow(file, chart) && /(^|\/)templates\//.test(file) && text.includes("{{");
}

/** The problem of a chart that was not rendered, once for all of its templates. */
export function unrenderedChart(directory: string, chart: string): Unrendered {
  const path = [directory, chart].filter((each) => each !== "").join("/");
  return {
    problem: "the Helm chart was not rendered, so its templates were not checked",
    render: `Render it, and check the result: helm template ${shellPath(path)} | ${PIPE}`,
  };
}

/** Returns whether a path is below a folder; everything is below the folder "". */
export function isBelow(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}
