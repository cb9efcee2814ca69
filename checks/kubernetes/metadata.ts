import { readFields, readText, readTexts, type Report } from "./fields.ts";

/** Labels of a pod or a namespace. A map, since `constructor` is a valid label key. */
export type Labels = ReadonlyMap<string, string>;

/** The part of an object's metadata that means something to policies. */
export interface Metadata {
  /**
   * Empty where it is missing, which is reported. The server makes one of `generateName`, and nobody
   * knows which: it is told as `prefix-…`, which no label is equal to.
   */
  readonly name: string;
  /** `default` where it is absent, as kubectl would have it unless told otherwise. */
  readonly namespace: string;
  /** The object's own labels. */
  readonly labels: Labels;
}

const METADATA = [
  ...["name", "generateName", "namespace", "labels", "annotations", "ownerReferences"],
  ...["finalizers", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"],
  ...["selfLink", "clusterName", "deletionTimestamp", "deletionGracePeriodSeconds"],
];

/** Reads an object's `metadata`. */
export function readMetadata(value: unknown, report: Report): Metadata {
  const fields = readFields(value, "metadata", report, METADATA) ?? {};
  const given = readText(fields.name, "metadata.name", report);
  const prefix = readText(fields.generateName, "metadata.generateName", report);
  if (!given && !prefix) report("metadata.name", "is missing");
  const name = given || (prefix ? `${prefix}…` : "");
  const wrong = given ? wrongName(given) : undefined;
  if (wrong !== undefined) report("metadata.name", wrong);
  const namespace = readText(fields.namespace, "metadata.namespace", report) || "default";
  const wrongOne = wrongNamespace(namespace);
  if (wrongOne !== undefined) report("metadata.namespace", wrongOne);
  readTexts(fields.annotations, "metadata.annotations", report);
  return { name, namespace, labels: readLabels(fields.labels, "metadata.labels", report) };
}

/** Reads labels; keys and values that no label can have are reported. */
export function readLabels(value: unknown, path: string, report: Report): Map<string, string> {
  const labels = readTexts(value, path, report);
  for (const [key, text] of labels) {
    for (const wrong of [wrongLabelKey(key), wrongLabelValue(text)]) {
      if (wrong !== undefined) report(path, wrong);
    }
  }
  return labels;
}

// What names, labels and ports look like in Kubernetes. Each function returns what is wrong with a
// text, or undefined where nothing is.

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** The name of most objects: a lower case DNS subdomain of at most 253 characters. */
function wrongName(text: string): string | undefined {
  if (text.length <= 253 && SUBDOMAIN.test(text)) return undefined;
  return `${JSON.stringify(text)} is no name: lower case letters, digits, - and . only, with a ` +
    "letter or digit at both ends, and at most 253 characters";
}

/** The name of a namespace: a lower case DNS label of at most 63 characters. */
function wrongNamespace(text: string): string | undefined {
  if (text.length <= 63 && SUBDOMAIN.test(text) && !text.includes(".")) return undefined;
  return `${JSON.stringify(text)} is no namespace: lower case letters, digits and - only, with a ` +
    "letter or digit at both ends, and at most 63 characters";
}

/** A label's key: a name, perhaps with a DNS subdomain and a slash before it. */
export function wrongLabelKey(text: string): string | undefined {
  const parts = text.split("/");
  const name = parts.at(-1)!;
  const prefix = parts.length > 1 ? parts[0] : undefined;
  const good = parts.length <= 2 && isLabelPart(name) && name !== "" &&
    (prefix === undefined || wrongName(prefix) === undefined);
  if (good) return undefined;
  return `${JSON.stringify(text)} is no label key: letters, digits, -, _ and . with a letter or ` +
    "digit at both ends and at most 63 characters, perhaps after a domain and a slash";
}

/** A label's value: like the name in a key, or empty. */
export function wrongLabelValue(text: string): string | undefined {
  if (text === "" || isLabelPart(text)) return undefined;
  return `${JSON.stringify(text)} is no label value: letters, digits, -, _ and . only, with a ` +
    "letter or digit at both ends, and at most 63 characters";
}

/** The name of a container's port. */
export function wrongPortName(text: string): string | undefined {
  const good = text.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text) && /[a-z]/.test(text);
  if (good) return undefined;
  const number = /^\d+$/.test(text) ? ", and a number is written without quotes" : "";
  return `${
    JSON.stringify(text)
  } is no port name: lower case letters, digits and single hyphens, ` +
    `at least one letter, at most 15 characters${number}`;
}

/** The number of a port. */
export function wrongPort(port: number): string | undefined {
  return port >= 1 && port <= 65535 ? undefined : `${port} is no port: they go from 1 to 65535`;
}

function isLabelPart(text: string): boolean {
  return text.length <= 63 && LABEL_PART.test(text);
}
