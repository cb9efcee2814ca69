import type { ManifestObject } from "../../kubernetes/objects.ts";
import { parseDocuments } from "../../kubernetes/yaml.ts";
import type { Pod } from "../../network_policy/model.ts";
import {
  dataOf,
  type Environment,
  environmentOf,
  type Lookup,
  podTemplateOf,
} from "../../kubernetes/workloads.ts";
import { readWorkload, UNKNOWN_VALUE } from "../../network_policy/cluster.ts";
import { type Fields, isFields, listOf } from "../../kubernetes/fields.ts";
import {
  runsOnKubernetes,
  settingsBelow,
  type SparkSettings,
  sparkSettings,
} from "../../spark/job_settings.ts";

/** What a pod of a job does. A submitter only asks for a driver. */
export type Role = "driver" | "executor" | "submitter";

/** A pod that a job makes, itself or by way of Spark. */
export interface Actor {
  /** What policies see of it. */
  readonly pod: Pod;
  /** What it does. */
  readonly role: Role;
  /** How it is told, as in `the executors of Job analytics-jobs/bronze-ingest-manual`. */
  readonly told: string;
}

/** A job and the pods that it would make. */
export interface SparkJob {
  /** The Job, CronJob or Pod. */
  readonly object: ManifestObject;
  /** How it is told, as in `Job analytics-jobs/bronze-ingest-manual`. */
  readonly told: string;
  /** Where the spec of its pods stands in the object. */
  readonly specPath: string;
  /** Its pods: the job's own first. */
  readonly actors: readonly Actor[];
  /** How it runs Spark. */
  readonly settings: SparkSettings;
  /** Whether Spark asks the Kubernetes API for pods. */
  readonly onKubernetes: boolean;
  /** Its environment. */
  readonly environment: Environment;
  /** Whether its own pod is a driver that policies do not take for one. */
  readonly unlabelled?: true;
}

/** Reads a job; undefined where its pods cannot be read, which `readCluster` reports. */
export function readJob(object: ManifestObject, lookup: Lookup): SparkJob | undefined {
  let valid = true;
  const own = readWorkload(object.value, () => valid = false);
  const template = podTemplateOf(object.value);
  if (!valid || own === undefined || template === undefined) return undefined;
  const spec = isFields(template.spec) ? template.spec : {};
  const containers = listOf(spec.containers);
  const environment = environmentOf(containers, own.namespace, lookup);
  const mounted = mountedFiles(spec, own.namespace, lookup);
  const texts = containers.flatMap(({ command, args }) => [command, args])
    .flatMap((each): unknown[] => Array.isArray(each) ? each : [])
    .filter((each) => typeof each === "string")
    .map((text) => expanded(text, environment));
  const settings = sparkSettings(texts, mounted);
  const onKubernetes = runsOnKubernetes(settings);
  const told = `${own.kind} ${own.namespace}/${own.name}`;
  const actors = onKubernetes ? actorsOf(own, told, settings, mounted) : [
    { pod: own, role: "driver" as const, told },
  ];
  return {
    ...{ object, told, specPath: template.specPath },
    ...{ actors, settings, onKubernetes, environment },
  };
}

/** The label that Spark gives to the pods that it makes, with what they do. */
export const ROLE_LABEL = "spark-role";

/**
 * The job as if its own pod had the label of a driver, where it is one and has not: nobody but the
 * job's YAML gives it that label. One fault is told once then, and not by every check that it spoils.
 */
export function labelled(job: SparkJob): SparkJob {
  const [own, ...others] = job.actors;
  if (own?.role !== "driver" || own.pod.labels.get(ROLE_LABEL) === own.role) return job;
  const labels = new Map([...own.pod.labels, [ROLE_LABEL, own.role]]);
  const actors = [{ ...own, pod: { ...own.pod, labels } }, ...others];
  return { ...job, actors, unlabelled: true };
}

function actorsOf(
  own: Pod,
  told: string,
  settings: SparkSettings,
  mounted: readonly string[],
): Actor[] {
  const executor: Actor = {
    pod: made(own, "executor", settings, mounted),
    role: "executor",
    told: `the executors of ${told}`,
  };
  if (settings.mode === "client") return [{ pod: own, role: "driver", told }, executor];
  const driver = made(own, "driver", settings, mounted);
  return [
    { pod: own, role: "submitter", told },
    { pod: driver, role: "driver", told: `the driver of ${told}` },
    executor,
  ];
}

/** A pod that Spark makes, with the labels that Spark gives it. */
function made(
  own: Pod,
  role: "driver" | "executor",
  settings: SparkSettings,
  mounted: readonly string[],
): Pod {
  const template = settings.conf.get(`spark.kubernetes.${role}.podTemplateFile`);
  const ids = ["spark-app-selector", "spark-app-name"];
  if (role === "executor") ids.push("spark-exec-id", "spark-exec-resourceprofile-id");
  return {
    type: "pod",
    namespace: own.namespace,
    kind: "Pod",
    name: `${own.name}-${role}`,
    labels: new Map([
      ...(template === undefined ? [] : mounted.flatMap((text) => labelsOf(text))),
      ...settingsBelow(settings, `spark.kubernetes.${role}.label.`),
      ...ids.map((key): [string, string] => [key, UNKNOWN_VALUE]),
      [ROLE_LABEL, role],
    ]),
    ports: [],
    hostNetwork: false,
    addresses: [],
    several: role === "executor",
  };
}

/** The labels of a pod template that is mounted as a file. */
function labelsOf(text: string): [string, string][] {
  if (!/^kind:\s*Pod\s*$/m.test(text)) return [];
  return parseDocuments(text).documents.flatMap(({ value }) => {
    const metadata = isFields(value) && isFields(value.metadata) ? value.metadata : {};
    const labels = isFields(metadata.labels) ? metadata.labels : {};
    return Object.entries(labels).map(([key, each]): [string, string] => [key, String(each)]);
  });
}

/** The files that a pod mounts from ConfigMaps. */
function mountedFiles(spec: Fields, namespace: string, lookup: Lookup): string[] {
  return listOf(spec.volumes).flatMap(({ configMap, projected }) => {
    const sources = listOf(isFields(projected) ? projected.sources : []);
    return [configMap, ...sources.map((each) => each.configMap)].filter(isFields)
      .flatMap(({ name }) => [...dataOf(lookup("ConfigMap", namespace, String(name))).values()]);
  });
}

/** Kubernetes expands `$(NAME)`, and a shell the other two. */
function expanded(text: string, { value }: Environment): string {
  const name = /\$\((\w+)\)|\$\{(\w+)\}|\$(\w+)/g;
  return text.replaceAll(name, (all, a, b, c) => value(a ?? b ?? c) ?? all);
}
