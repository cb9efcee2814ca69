import { decodeBase64, type Fields, isFields, listOf, textOf } from "./fields.ts";
import { withSplitText } from "./env_split.ts";
import { isFilledValue } from "./filled_values.ts";
import type { ManifestObject } from "./objects.ts";
import type { ExecutorTemplate, PodTemplate, Word } from "./pod_template.ts";
import { workflowTemplates } from "./argo_workflow.ts";
import { sparkApplicationTemplate } from "./spark_application.ts";
import { sparkClusterTemplates } from "./spark_cluster.ts";

export type { ExecutorTemplate, PodTemplate, Word } from "./pod_template.ts";

/** The path of the pod template, by API group and kind. */
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

/** The group of an `apiVersion`, as in `apps`; empty for `v1`. */
export function groupOf(apiVersion: unknown): string {
  const text = typeof apiVersion === "string" ? apiVersion : "";
  return text.includes("/") ? text.slice(0, text.indexOf("/")) : "";
}

/** The templates of the pods that an object creates; empty for a kind that creates no pods. */
export function podTemplatesOf(object: Fields): PodTemplate[] {
  const group = groupOf(object.apiVersion);
  const ofOperator = sparkApplicationTemplate(object, group);
  if (ofOperator !== undefined) return [ofOperator];
  const kinds = Object.entries(TEMPLATES).find(([each]) => each === group);
  const path = Object.entries(kinds?.[1] ?? {}).find(([kind]) => kind === object.kind)?.[1];
  if (path === undefined) {
    return [...workflowTemplates(object, group), ...sparkClusterTemplates(object, group)];
  }
  let template: unknown = object;
  for (const name of path) template = isFields(template) ? template[name] : undefined;
  const { metadata, spec } = isFields(template) ? template : {};
  const pathOf = (name: string) => [...path, name].join(".");
  return [{ metadata, spec, metadataPath: pathOf("metadata"), specPath: pathOf("spec") }];
}

/** A variable that a container declares under `env`. */
export interface Variable {
  /** The name, as in `AWS_REGION`. */
  readonly name: string;
  /** The path in the object, as in `spec.containers[0].env[1]`. */
  readonly path: string;
  /** The literal value, or undefined without one. */
  readonly value: string | undefined;
  /** The source of the value, not validated, or undefined for a literal value. */
  readonly valueFrom: Fields | undefined;
}

/** A container of a workload's pods. */
export interface Container {
  /** The name, as in `spark`. */
  readonly name: string;
  /** The path in the object, as in `spec.containers[0]`. */
  readonly path: string;
  /** True if the container terminates before the others start: an init container, not a sidecar. */
  readonly isInit: boolean;
  /** The image, or an empty string if the container has no image. */
  readonly image: string;
  /** The words of `command` and then of `args`, each with its path. */
  readonly words: readonly Word[];
  /** The variables under `env`, in their order. */
  readonly env: readonly Variable[];
  /** The fields of the container, not validated. */
  readonly fields: Fields;
}

/** A workload and the containers of its pods. */
export interface Workload {
  /** The object of the workload, such as a Job. */
  readonly object: ManifestObject;
  /** The pods' spec, not validated. */
  readonly spec: Fields;
  /** The path of the spec, as in `spec.template.spec`. */
  readonly specPath: string;
  /** The pods' metadata, not validated. */
  readonly metadata: unknown;
  /** The path of the metadata, as in `spec.template.metadata`. */
  readonly metadataPath: string;
  /** The containers, init containers first. */
  readonly containers: readonly Container[];
  /** The template of the executors' pods, if the object declares them. */
  readonly executor?: ExecutorTemplate;
  /** The number of pods, if the object has several templates. */
  readonly replicas?: number;
  /** Which pods of the object these are, if it has several templates, as in `master`. */
  readonly part?: string;
}

/** The workloads of objects: one for each pod template with a pod spec. */
export function workloadsOf(objects: readonly ManifestObject[]): Workload[] {
  return objects.filter(({ kind }) => kind !== "PodTemplate").flatMap((object) =>
    podTemplatesOf(object.value).flatMap((each) => readWorkload(object, each))
  );
}

function readWorkload(object: ManifestObject, template: PodTemplate): Workload[] {
  if (!isFields(template.spec)) return [];
  const { spec, specPath, metadata, metadataPath, executor, replicas, part } = template;
  return [{
    object,
    spec,
    specPath,
    metadata,
    metadataPath,
    containers: containersOf(template),
    ...(executor === undefined ? {} : { executor }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(part === undefined ? {} : { part }),
  }];
}

/** The containers of a template, init containers first. */
export function containersOf({ spec, specPath, main }: PodTemplate): Container[] {
  return ["initContainers", "containers"].flatMap((list) =>
    listOf(isFields(spec) ? spec[list] : undefined).map((fields, i) =>
      list === "containers" && i === 0 && main !== undefined
        ? { ...readContainer(fields, main.path, false), words: main.words }
        : readContainer(fields, `${specPath}.${list}[${i}]`, list === "initContainers")
    )
  );
}

function readContainer(fields: Fields, path: string, init: boolean): Container {
  return {
    name: textOf(fields.name) ?? "",
    path,
    isInit: init && fields.restartPolicy !== "Always",
    image: textOf(fields.image) ?? "",
    words: withSplitText(
      ["command", "args"].flatMap((list) => words(fields[list], `${path}.${list}`)),
    ),
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

/** The service account of a workload's pods, also from the deprecated field; undefined if not set. */
export function accountOf({ spec }: Workload): string | undefined {
  return textOf(spec.serviceAccountName) || textOf(spec.serviceAccount) || undefined;
}

/** Finds an object by kind, namespace and name. */
export type Lookup = (kind: string, namespace: string, name: string) => Fields | undefined;

/** The value of a variable, if the manifests contain it. */
export interface VariableValue {
  /** The value; undefined if the manifests do not contain it. */
  readonly value: string | undefined;
  /** The reason why the value is not known, as in `Secret jobs/s3 has no key region`. */
  readonly unknown?: string;
  /** True if the value comes from a Secret. Never print such a value. */
  readonly isSecret: boolean;
}

/** The variables that the containers of a pod declare. */
export interface Environment {
  /** The names of the variables. */
  readonly names: ReadonlySet<string>;
  /**
   * The value of a variable, if the manifests contain it. The value can come from a Secret: never
   * print it.
   */
  readonly value: (name: string) => string | undefined;
  /** A variable and the source of its value; undefined if no container declares the variable. */
  readonly variable: (name: string) => VariableValue | undefined;
}

/** Reads the environment of a pod's containers. If a name has several values, the last one wins. */
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
          variables.set(prefix + key, valueOfKey(value, kind, `${namespace}/${source.name}`));
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

/** The values of a ConfigMap or a Secret by key, decoded. */
export function dataOf(object: Fields | undefined): Map<string, string> {
  const texts = new Map<string, string>();
  const put = (fields: unknown, decode: (text: string) => string) => {
    for (const [key, value] of Object.entries(isFields(fields) ? fields : {})) {
      if (typeof value === "string") texts.set(key, decode(value));
    }
  };
  // The check secret-escaping reports invalid base64.
  const decoded = (text: string) => isFilledValue(text) ? text : decodeBase64(text.trim()) ?? "";
  put(object?.data, object?.kind === "Secret" ? decoded : (text) => text);
  put(object?.stringData, (text) => text);
  return texts;
}

/** The value of a key, which is not known if a tool fills it in later. */
function valueOfKey(value: string, kind: string, id: string): VariableValue {
  const isSecret = kind === "Secret";
  return isFilledValue(value)
    ? { value: undefined, unknown: `a tool fills in the values of ${kind} ${id}`, isSecret }
    : { value, isSecret };
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
    // Kubernetes expands references to variables that are declared earlier, and `$$` is a `$`.
    let unknown: string | undefined;
    let isSecret = false;
    const expanded = text.replace(/\$\$|\$\(([-\w.]+)\)/g, (all, name: string | undefined) => {
      if (name === undefined) return "$";
      const used = before.get(name);
      isSecret ||= used?.isSecret === true;
      if (used !== undefined && used.value === undefined) {
        unknown ??= `it contains ${all}, and the value of ${name} is not known`;
      }
      return used?.value ?? all;
    });
    return unknown === undefined
      ? { value: expanded, isSecret }
      : { value: undefined, unknown, isSecret };
  }
  const from = isFields(valueFrom) ? valueFrom : {};
  for (const [ref, kind] of SOURCES) {
    const source = from[`${ref}KeyRef`];
    if (!isFields(source)) continue;
    const [name, key] = [String(source.name), String(source.key)];
    const object = lookup(kind, namespace, name);
    const found = dataOf(object).get(key);
    const isSecret = kind === "Secret";
    if (found !== undefined) return valueOfKey(found, kind, `${namespace}/${name}`);
    const unknown = object === undefined
      ? `it comes from ${kind} ${namespace}/${name}, which is not in the manifests`
      : `${kind} ${namespace}/${name} has no key ${key}`;
    return { value: undefined, unknown, isSecret };
  }
  const [source = "nothing"] = Object.keys(from);
  return { value: undefined, unknown: `its value comes from ${source}`, isSecret: false };
}
