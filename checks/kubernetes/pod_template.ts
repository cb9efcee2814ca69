import { type Fields, isFields } from "./fields.ts";

/** What an object says about the pods that it makes. */
export interface PodTemplate {
  /** The pods' metadata, unread. */
  readonly metadata: unknown;
  /** The pods' spec, unread. */
  readonly spec: unknown;
  /** Where that metadata stands in the object. */
  readonly metadataPath: string;
  /** Where that spec stands in the object. */
  readonly specPath: string;
}

/** The way from a workload to the template of its pods, by kind and API group. */
const TEMPLATES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "": {
    Pod: [],
    ReplicationController: ["spec", "template"],
    PodTemplate: ["template"],
  },
  apps: {
    Deployment: ["spec", "template"],
    StatefulSet: ["spec", "template"],
    DaemonSet: ["spec", "template"],
    ReplicaSet: ["spec", "template"],
  },
  batch: {
    Job: ["spec", "template"],
    CronJob: ["spec", "jobTemplate", "spec", "template"],
  },
};

/** The group of an `apiVersion`; that of `v1` is empty. */
export function groupOf(apiVersion: unknown): string {
  const text = typeof apiVersion === "string" ? apiVersion : "";
  return text.includes("/") ? text.slice(0, text.indexOf("/")) : "";
}

/**
 * Finds the template of the pods that an object makes.
 *
 * @returns undefined for an object of a kind that makes none
 */
export function podTemplateOf(object: Fields): PodTemplate | undefined {
  const kinds = Object.entries(TEMPLATES).find(([group]) => group === groupOf(object.apiVersion));
  const way = Object.entries(kinds?.[1] ?? {}).find(([kind]) => kind === object.kind)?.[1];
  if (way === undefined) return undefined;
  let template: unknown = object;
  for (const name of way) template = isFields(template) ? template[name] : undefined;
  const { metadata, spec } = isFields(template) ? template : {};
  const path = (name: string) => [...way, name].join(".");
  return { metadata, spec, metadataPath: path("metadata"), specPath: path("spec") };
}
