import { JOBS_NAMESPACE } from "../../pipeline/contract/platform.ts";
import { decodeBase64, type Fields, isFields, listOf, textOf } from "./fields.ts";
import { type ManifestObject, namespaceOf } from "./objects.ts";

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

/** A variable of a container's environment, as it is declared. */
export interface Variable {
  /** Its name. */
  readonly name: string;
  /** Where it stands in the object. */
  readonly path: string;
  /** Its value, where it is written there. */
  readonly value: string | undefined;
  /** Where else its value comes from, unread. */
  readonly valueFrom: Fields | undefined;
}

/** A container of a workload's pods. */
export interface Container {
  /** Its name. */
  readonly name: string;
  /** Where it stands in the object. */
  readonly path: string;
  /** Whether it comes to its end before the others start. */
  readonly passing: boolean;
  /** Its image; empty where there is none. */
  readonly image: string;
  /** The words of `command`, then of `args`, each with its place. */
  readonly words: readonly { readonly path: string; readonly text: string }[];
  /** Its environment, in order. */
  readonly env: readonly Variable[];
  /** The container, unread. */
  readonly fields: Fields;
}

/** A workload with the pods that it makes. */
export interface Workload {
  /** The workload's object. */
  readonly object: ManifestObject;
  /** The pods' spec, unread. */
  readonly spec: Fields;
  /** Where that spec stands in the object. */
  readonly specPath: string;
  /** The containers, init containers first. */
  readonly containers: readonly Container[];
}

/** The objects that make pods, those whose pod spec is missing left out. */
export function workloadsOf(objects: readonly ManifestObject[]): Workload[] {
  return objects.flatMap((object) => {
    const template = object.kind === "PodTemplate" ? undefined : podTemplateOf(object.value);
    if (template === undefined || !isFields(template.spec)) return [];
    const { spec, specPath } = template;
    const containers = ["initContainers", "containers"].flatMap((list) =>
      listOf(spec[list]).map((fields, i) =>
        readContainer(fields, `${specPath}.${list}[${i}]`, list === "initContainers")
      )
    );
    return [{ object, spec, specPath, containers }];
  });
}

/**
 * The jobs of the pipeline: Jobs and CronJobs, and the Pods that the manifests declare in the jobs'
 * namespace. A Pod that only the cluster has was made by something else, or runs only once.
 */
export function jobsOf(objects: readonly ManifestObject[]): Workload[] {
  return workloadsOf(objects).filter(({ object: { kind, file, namespace } }) =>
    kind === "Job" || kind === "CronJob" ||
    kind === "Pod" && file !== undefined && namespace === JOBS_NAMESPACE
  );
}

function readContainer(fields: Fields, path: string, init: boolean): Container {
  return {
    name: textOf(fields.name) ?? "",
    path,
    passing: init && fields.restartPolicy !== "Always",
    image: textOf(fields.image) ?? "",
    words: ["command", "args"].flatMap((list) => words(fields[list], `${path}.${list}`)),
    env: listOf(fields.env).map((each, i) => ({
      name: textOf(each.name) ?? "",
      path: `${path}.env[${i}]`,
      value: textOf(each.value),
      valueFrom: isFields(each.valueFrom) ? each.valueFrom : undefined,
    })),
    fields,
  };
}

function words(value: unknown, path: string) {
  const all = Array.isArray(value) ? value : [];
  return all.map((each, i) => ({ path: `${path}[${i}]`, text: textOf(each) ?? "" }));
}

/** A service account. */
export interface Account {
  /** Its name. */
  readonly name: string;
  /** Its namespace. */
  readonly namespace: string;
}

/** The service account of a job's pods, by the old name of the field too; undefined where none is set. */
export function accountOf({ spec }: Workload): string | undefined {
  return textOf(spec.serviceAccountName) || textOf(spec.serviceAccount) || undefined;
}

/** The service accounts that the jobs among objects run as, each one once. */
export function accountsOf(objects: readonly ManifestObject[]): Account[] {
  const accounts = jobsOf(objects).map((job): Account => (
    { name: accountOf(job) ?? "default", namespace: namespaceOf(job.object) }
  ));
  return [...new Map(accounts.map((each) => [accountId(each), each])).values()];
}

/** How a service account is told: `analytics-jobs/spark-jobs`. */
export function accountId({ namespace, name }: Account): string {
  return `${namespace}/${name}`;
}

/** Looks for an object by kind, namespace and name. */
export type Lookup = (kind: string, namespace: string, name: string) => Fields | undefined;

/** A variable of a pod, and its value as far as the manifests have it. */
export interface VariableValue {
  /** The value; undefined where the manifests do not have it. */
  readonly value: string | undefined;
  /** Why the value is not known, as in `it comes from Secret jobs/s3, which is not there`. */
  readonly unknown?: string;
  /** Whether a Secret holds the value, so that nothing may print it. */
  readonly isSecret: boolean;
}

/** The variables that a pod's containers declare, and their values where the manifests have them. */
export interface Environment {
  /** The variables' names. */
  readonly names: ReadonlySet<string>;
  /**
   * The value of a variable, where the manifests have it. A Secret may hold it: use it to find out
   * where something is, and never print it.
   */
  readonly value: (name: string) => string | undefined;
  /** A variable and where its value comes from; undefined where no container declares it. */
  readonly variable: (name: string) => VariableValue | undefined;
}

/** Reads the environment of a pod's containers; of several values of one name the last wins. */
export function environmentOf(
  containers: readonly Fields[],
  namespace: string,
  lookup: Lookup,
): Environment {
  const variables = new Map<string, VariableValue>();
  for (const { env, envFrom } of containers) {
    for (const each of listOf(envFrom)) {
      const prefix = typeof each.prefix === "string" ? each.prefix : "";
      for (const [ref, kind] of SOURCES) {
        const source = each[`${ref}Ref`];
        if (!isFields(source)) continue;
        for (const [key, value] of dataOf(lookup(kind, namespace, String(source.name)))) {
          variables.set(prefix + key, { value, isSecret: kind === "Secret" });
        }
      }
    }
    for (const each of listOf(env)) {
      if (typeof each.name !== "string") continue;
      variables.set(each.name, valueOf(each, namespace, lookup, variables));
    }
  }
  return {
    names: new Set(variables.keys()),
    value: (name) => variables.get(name)?.value,
    variable: (name) => variables.get(name),
  };
}

/** What a ConfigMap or a Secret holds, decoded. */
export function dataOf(object: Fields | undefined): Map<string, string> {
  const texts = new Map<string, string>();
  const put = (fields: unknown, decode: (text: string) => string) => {
    for (const [key, value] of Object.entries(isFields(fields) ? fields : {})) {
      if (typeof value === "string") texts.set(key, decode(value));
    }
  };
  // What is no base64 is told by secret-escaping.
  const decoded = (text: string) => decodeBase64(text.trim()) ?? "";
  put(object?.data, object?.kind === "Secret" ? decoded : (text) => text);
  put(object?.stringData, (text) => text);
  return texts;
}

const SOURCES = [["configMap", "ConfigMap"], ["secret", "Secret"]] as const;

function valueOf(
  { value, valueFrom }: Fields,
  namespace: string,
  lookup: Lookup,
  before: ReadonlyMap<string, VariableValue>,
): VariableValue {
  const text = textOf(value);
  if (text !== undefined) {
    // Kubernetes expands the variables that stand before this one.
    const used = [...text.matchAll(/\$\((\w+)\)/g)].map(([, name]) => before.get(name!));
    const expanded = text.replace(/\$\((\w+)\)/g, (all, name) => before.get(name)?.value ?? all);
    return { value: expanded, isSecret: used.some((each) => each?.isSecret === true) };
  }
  const from = isFields(valueFrom) ? valueFrom : {};
  for (const [ref, kind] of SOURCES) {
    const source = from[`${ref}KeyRef`];
    if (!isFields(source)) continue;
    const [name, key] = [String(source.name), String(source.key)];
    const object = lookup(kind, namespace, name);
    const found = dataOf(object).get(key);
    const isSecret = kind === "Secret";
    if (found !== undefined) return { value: found, isSecret };
    const unknown = object === undefined
      ? `it comes from ${kind} ${namespace}/${name}, which the manifests do not have`
      : `${kind} ${namespace}/${name} has no key ${key}`;
    return { value: undefined, unknown, isSecret };
  }
  const [source = "nothing"] = Object.keys(from);
  return { value: undefined, unknown: `its value comes from ${source}`, isSecret: false };
}
