import type { Place } from "../finding.ts";
import { type Fields, isFields } from "./fields.ts";
import { otherThanObject, shapeOf, sparkPodTemplate } from "./other_files.ts";
import type { DocumentProblem, ManifestDocument, Sources } from "./yaml.ts";

/** A Kubernetes object from a file or a cluster. */
export interface ManifestObject {
  /** The file, relative to the directory that was read; undefined for an object of a cluster. */
  readonly file: string | undefined;
  /** The position of the document in the file, counted from 1; 0 without a file. */
  readonly document: number;
  /** The line on which the object begins, counted from 1; 0 without a file. */
  readonly line: number;
  /** The API version, as in `networking.k8s.io/v1`. */
  readonly apiVersion: string;
  /** The kind, as in `NetworkPolicy`. */
  readonly kind: string;
  /** The name; empty if the object has none. */
  readonly name: string;
  /** The namespace; undefined if the object names none. */
  readonly namespace: string | undefined;
  /** The whole object, as plain data. */
  readonly value: Fields;
  /** The line of each field, by the path in the object, as in `spec.egress[0].to[1]`. */
  readonly lines: ReadonlyMap<string, number>;
  /** The texts of values and keys that the file writes in another way; undefined without a file. */
  readonly sources?: Sources;
}

/** The objects in a document: a single object, or the items of a list. */
export interface ObjectReading {
  /** The objects. A list is replaced by its items. */
  readonly objects: readonly ManifestObject[];
  /** The values that should be Kubernetes objects, but are not. */
  readonly problems: readonly DocumentProblem[];
  /** What the document is, if it has another purpose, as in `a list`; only without objects. */
  readonly other?: string;
}

/** The line of a field. For an absent field, the line of the closest field around it. */
export function lineOf({ lines, line }: ManifestObject, path: string): number {
  for (let rest = path; rest !== "";) {
    const found = lines.get(rest);
    if (found !== undefined) return found;
    rest = rest.slice(0, Math.max(rest.lastIndexOf("."), rest.lastIndexOf("["), 0));
  }
  return line;
}

/** The kind, namespace and name of an object, as in `Job analytics-jobs/x`. */
export function objectId({ kind, namespace, name, value }: ManifestObject): string {
  const named = name === "" ? generatedName(value) : name;
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${named}`;
}

/** The name of an object that the API server completes, as in `etl-*`; empty for another object. */
function generatedName({ metadata }: Fields): string {
  const { generateName } = isFields(metadata) ? metadata : {};
  return typeof generateName === "string" ? `${generateName}*` : "";
}

/** The place of a finding: the object, the field, the file and the line. */
export function placeOf(
  object: ManifestObject,
  field: string,
): Place {
  return {
    object: objectId(object),
    ...(field === "" ? {} : { field }),
    ...(object.file === undefined ? {} : { file: object.file, line: lineOf(object, field) }),
  };
}

/** The namespace of an object; `default` if the object names none. */
export function namespaceOf({ namespace }: ManifestObject): string {
  return namespace ?? "default";
}

/** The value of an object's label; undefined if the object does not have the label. */
export function labelOf({ value: { metadata } }: ManifestObject, key: string): unknown {
  const { labels } = isFields(metadata) ? metadata : {};
  return isFields(labels) ? labels[key] : undefined;
}

/** The objects of one kind in a namespace. */
export function ofKind(
  objects: readonly ManifestObject[],
  kind: string,
  namespace?: string,
): ManifestObject[] {
  return objects.filter((object) =>
    object.kind === kind && (namespace === undefined || namespaceOf(object) === namespace)
  );
}

/** Finds the objects of a document. */
export function objectsOf(
  file: string,
  { document, value, lines, sources }: ManifestDocument,
): ObjectReading {
  const other = otherThanObject(value) ?? sparkPodTemplate(file, value);
  return {
    ...read({ file, document, value, lines, sources }),
    ...(other === undefined ? {} : { other }),
  };
}

interface Item {
  readonly file: string;
  readonly document: number;
  readonly value: unknown;
  readonly lines: ReadonlyMap<string, number>;
  readonly sources: Sources;
  /** The apiVersion and kind of an item without them, from a list such as PodList. */
  readonly assumed?: { readonly apiVersion: unknown; readonly kind: string };
}

function read({ file, document, value: given, lines, sources, assumed }: Item): ObjectReading {
  const line = lines.get("") ?? 1;
  const trouble = (problem: string): ObjectReading => ({
    objects: [],
    problems: [{ line, column: 1, problem }],
  });
  if (!isFields(given)) return trouble(`not a Kubernetes object, but ${shapeOf(given)}`);
  const value = assumed === undefined || "kind" in given ? given : { ...assumed, ...given };
  const { apiVersion, kind, metadata } = value;
  if (typeof kind !== "string" || kind === "") return trouble("the object has no kind");
  if (typeof apiVersion !== "string" || apiVersion === "") {
    return trouble(`the ${kind} has no apiVersion`);
  }
  if (kind.endsWith("List") && Array.isArray(value.items)) {
    return itemsOf({ file, document, value, lines, sources }, kind, apiVersion, value.items);
  }
  if (kind === "List" && apiVersion === "v1") return { objects: [], problems: [] };
  const { name, namespace } = isFields(metadata) ? metadata : {};
  const object: ManifestObject = {
    file,
    document,
    line,
    apiVersion,
    kind,
    value,
    lines,
    sources,
    name: typeof name === "string" ? name : "",
    namespace: typeof namespace === "string" && namespace !== "" ? namespace : undefined,
  };
  return { objects: [object], problems: [] };
}

function itemsOf(
  { file, document, lines, sources }: Item,
  kind: string,
  apiVersion: string,
  items: readonly unknown[],
): ObjectReading {
  const assumed = kind === "List" ? undefined : { apiVersion, kind: kind.slice(0, -"List".length) };
  const [itemLines, values, names] = [
    ofItems(lines, items.length),
    ofItems(sources.values, items.length),
    ofItems(sources.names, items.length),
  ];
  const readings = items.map((value, i) => {
    const item = { lines: itemLines[i]!, sources: { values: values[i]!, names: names[i]! } };
    return read({ file, document, value, ...item, ...(assumed ? { assumed } : {}) });
  });
  return {
    objects: readings.flatMap(({ objects }) => objects),
    problems: readings.flatMap(({ problems }) => problems),
  };
}

/** Divides a map by path among the items of a list. */
function ofItems<T>(byPath: ReadonlyMap<string, T>, count: number): Map<string, T>[] {
  const maps = Array.from({ length: count }, () => new Map<string, T>());
  for (const [path, each] of byPath) {
    const [, index, rest] = /^items\[(\d+)\]\.?(.*)$/s.exec(path) ?? [];
    if (index !== undefined) maps[Number(index)]?.set(rest!, each);
  }
  return maps;
}
