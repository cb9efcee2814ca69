import { readFields, readText, readTexts, type Report } from "./fields.ts";

/** Labels of a pod or a namespace. A map, because `constructor` is a valid label key. */
export type Labels = ReadonlyMap<string, string>;

/** The metadata that network policies depend on. */
export interface Metadata {
  /**
   * The name; empty if the object has none, which is reported. With `generateName`, the server chooses
   * the name later, so the name is `prefix-…` here.
   */
  readonly name: string;
  /** The namespace; `default` if the object names none, as with kubectl. */
  readonly namespace: string;
  /** The object's own labels. */
  readonly labels: Labels;
}

/** The fields of `metadata`. */
const METADATA = [
  "name",
  "generateName",
  "namespace",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "managedFields",
  "selfLink",
  "clusterName",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
];

/** Reads the `metadata` of an object. */
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

/** Reads labels. Keys and values that are not valid in labels are reported. */
export function readLabels(value: unknown, path: string, report: Report): Map<string, string> {
  const labels = readTexts(value, path, report);
  for (const [key, text] of labels) {
    for (const wrong of [wrongLabelKey(key), wrongLabelValue(text)]) {
      if (wrong !== undefined) report(path, wrong);
    }
  }
  return labels;
}

// The syntax of names, labels and ports in Kubernetes. Each function returns the problem of a text,
// or undefined for a valid text.

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Returns whether a text is a lowercase DNS subdomain of at most 253 characters. */
export function isObjectName(text: string): boolean {
  return text.length <= 253 && SUBDOMAIN.test(text);
}

/** Returns whether a text is a lowercase DNS label of at most 63 characters. */
export function isNamespaceName(text: string): boolean {
  return text.length <= 63 && SUBDOMAIN.test(text) && !text.includes(".");
}

/** Checks an object's name. */
function wrongName(text: string): string | undefined {
  if (isObjectName(text)) return undefined;
  return `${
    JSON.stringify(text)
  } is not a valid name: use lowercase letters, digits, - and ., with ` +
    "a letter or digit at both ends, and at most 253 characters";
}

/** Checks a namespace's name. */
function wrongNamespace(text: string): string | undefined {
  if (isNamespaceName(text)) return undefined;
  return `${
    JSON.stringify(text)
  } is not a valid namespace: use lowercase letters, digits and -, with ` +
    "a letter or digit at both ends, and at most 63 characters";
}

/** Checks a label's key: a name, after an optional prefix of a DNS subdomain and a slash. */
export function wrongLabelKey(text: string): string | undefined {
  const parts = text.split("/");
  const name = parts.at(-1)!;
  const prefix = parts.length > 1 ? parts[0] : undefined;
  const good = parts.length <= 2 && isLabelPart(name) && name !== "" &&
    (prefix === undefined || wrongName(prefix) === undefined);
  if (good) return undefined;
  return `${
    JSON.stringify(text)
  } is not a valid label key: use letters, digits, -, _ and ., with a ` +
    "letter or digit at both ends, and at most 63 characters; a domain and a slash may precede them";
}

/** Checks a label's value: empty, or with the syntax of the name in a label's key. */
export function wrongLabelValue(text: string): string | undefined {
  if (text === "" || isLabelPart(text)) return undefined;
  return `${
    JSON.stringify(text)
  } is not a valid label value: use letters, digits, -, _ and ., with ` +
    "a letter or digit at both ends, and at most 63 characters";
}

/** Checks the name of a container's port. */
export function wrongPortName(text: string): string | undefined {
  const good = text.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text) && /[a-z]/.test(text);
  if (good) return undefined;
  const number = /^\d+$/.test(text) ? "; for a port number, remove the quotes" : "";
  return `${
    JSON.stringify(text)
  } is not a valid port name: use lowercase letters, digits and single hyphens, ` +
    `at least one letter, and at most 15 characters${number}`;
}

/** Checks the number of a port. */
export function wrongPort(port: number): string | undefined {
  return port >= 1 && port <= 65535
    ? undefined
    : `${port} is not a valid port: use a number from 1 to 65535`;
}

function isLabelPart(text: string): boolean {
  return text.length <= 63 && LABEL_PART.test(text);
}
