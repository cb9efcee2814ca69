import { readFields, readText, readTexts, type Report } from "./fields.ts";
import type { Labels } from "../network_policy/model.ts";
import { wrongName, wrongNamespace } from "./names.ts";
import { readLabels } from "./selector.ts";

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
