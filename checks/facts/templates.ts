import { shellPath } from "../../pipeline/shell.ts";
import type { DocumentProblem, ManifestDocument } from "../kubernetes/yaml.ts";
import { typeOf } from "../kubernetes/api_types.ts";
import { type Fields, fieldsIn, isFields, listOf } from "../kubernetes/fields.ts";
import { groupOf, podTemplatesOf } from "../kubernetes/workloads.ts";
import { parentOf } from "./manifest_files.ts";

// Templates that contain YAML only after a tool has filled them in: Helm charts, Jinja, and others.

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
}

/** The beginning of an expression: of Helm and Jinja, or of envsubst and Flux. */
const EXPRESSION = /\{\{|\{%|\$\{/;

/**
 * Recognizes a template outside of a Helm chart: text of Helm, text with `{{` that is not YAML, or
 * an object whose name, image, label, port or address is an expression. Other expressions, such as
 * those of Argo, are texts.
 */
export function templateOf(
  text: string,
  documents: readonly ManifestDocument[],
  problems: readonly DocumentProblem[],
): Unrendered | undefined {
  if (!EXPRESSION.test(text)) return undefined;
  const isHelm = HELM.test(text);
  const isBroken = problems.length > 0 && /\{\{|\{%/.test(text);
  if (!isHelm && !isBroken && !documents.some(isTemplate)) return undefined;
  return {
    problem: `the file is a template${isHelm ? " of Helm" : ""}, and was not rendered`,
    render: isHelm
      ? `Render the chart, and check the result: helm template <chart> | ${PIPE}`
      : `Render the file with its tool, and check the result: <command> | ${PIPE}`,
  };
}

function isTemplate({ value }: ManifestDocument): boolean {
  if (!isFields(value) || !isFields(value.metadata)) return false;
  const { name, namespace, generateName } = value.metadata;
  const names = [value.kind, value.apiVersion, name, namespace, generateName];
  // Argo fills in the images of its workflows itself.
  const images = groupOf(String(value.apiVersion)) === "argoproj.io" ? [] : imagesOf(value);
  // A resource of another API can have expressions that its controller fills in.
  const fields = typeOf(String(value.apiVersion), String(value.kind)) === undefined
    ? []
    : refusedTexts(value);
  return [...names, ...images, ...fields].some((each) =>
    typeof each === "string" && EXPRESSION.test(each)
  );
}

/** Fields whose keys and values the API server checks. */
const MAPPINGS = new Set(["labels", "matchLabels", "nodeSelector", "selector", "hard"]);
/** Fields with a list of names or addresses. */
const LISTS = new Set(["values", "except", "resourceNames"]);
/** Fields with one port, name or address. */
const SINGLE = new Set([
  "cidr",
  "port",
  "endPort",
  "targetPort",
  "containerPort",
  "serviceAccountName",
]);

/** Fields with texts of any kind. */
const FREE = new Set(["data", "stringData", "binaryData", "annotations"]);

/** The texts of an object in fields in which the API server refuses an expression. */
function refusedTexts(value: unknown, key = ""): unknown[] {
  if (Array.isArray(value)) {
    return value.flatMap((each) => LISTS.has(key) ? [each] : refusedTexts(each));
  }
  if (!isFields(value)) return SINGLE.has(key) ? [value] : [];
  const own = MAPPINGS.has(key) ? [...Object.keys(value), ...Object.values(value)] : [];
  const entries = Object.entries(value).filter(([name]) => !FREE.has(name));
  return [...own, ...entries.flatMap(([name, each]) => refusedTexts(each, name))];
}

function imagesOf(value: Fields): unknown[] {
  const containers = podTemplatesOf(value).flatMap(({ spec }) =>
    isFields(spec) ? [...listOf(spec.containers), ...listOf(spec.initContainers)] : []
  );
  return [fieldsIn(value.spec), ...containers].map(({ image }) => image);
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
