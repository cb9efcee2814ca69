import {
  child,
  entryOf,
  type Fields,
  isFields,
  type Problem,
  readBoolean,
  readFields,
  readInteger,
  readList,
  readText,
  type Report,
} from "../kubernetes/fields.ts";
import { readLabels, readMetadata, wrongPort, wrongPortName } from "../kubernetes/metadata.ts";
import type { PodTemplate } from "../kubernetes/pod_template.ts";
import { groupOf, podTemplatesOf } from "../kubernetes/workloads.ts";
import { type Address, parseAddress } from "./address.ts";
import {
  type Cluster,
  type ContainerPort,
  NAME_LABEL,
  type Namespace,
  type Pod,
  podId,
  type Policy,
  UNKNOWN_VALUE,
} from "./model.ts";
import { isClusterWide, isForeignPolicy } from "./foreign_policies.ts";
import { readPolicy, readProtocol } from "./read_policy.ts";

/** A Kubernetes object from a file or a cluster. */
export interface Declared {
  /** The object as parsed from YAML or JSON. */
  readonly value: unknown;
  /** The file and line of the declaration, as in `policies.yaml:12`. */
  readonly where?: string;
}

/** A problem that makes an object invalid. */
export interface ObjectProblem extends Problem {
  /** The object for people, as in `NetworkPolicy robson/allow-dns`. */
  readonly object: string;
  /** The kind of the object, as in `NetworkPolicy`. */
  readonly kind: string;
  /** The namespace of the object; undefined for a Namespace. */
  readonly namespace: string | undefined;
  /** The name of the object; empty if it is missing. */
  readonly name: string;
  /** The file and line of the declaration, as in `policies.yaml:12`. */
  readonly where?: string;
  /** True if the problem is that a workload has no pod spec. */
  readonly isPodless?: true;
}

/** The result of reading the objects of a cluster. */
export interface ClusterReading {
  /** The valid objects. */
  readonly cluster: Cluster;
  /** The problems of invalid objects. With any problem, verdicts about the cluster are unreliable. */
  readonly problems: readonly ObjectProblem[];
  /** Policies of other APIs, as in `CiliumNetworkPolicy robson/x`. They are not evaluated. */
  readonly foreign: readonly string[];
  /** Namespaces that are used but not declared; only their name label is known. */
  readonly undeclared: readonly string[];
}

/**
 * Parses the pods, namespaces and policies in a set of objects, and ignores all other objects.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 *
 * const { cluster, problems } = readCluster([
 *   { value: { apiVersion: "v1", kind: "Namespace", metadata: { name: "jobs" } } },
 *   {
 *     value: { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "jobs" }, spec: {} },
 *   },
 * ]);
 * assertEquals(problems, []);
 * assertEquals(cluster.pods.map(({ namespace, name }) => `${namespace}/${name}`), ["jobs/a"]);
 * ```
 */
export function readCluster(objects: readonly Declared[]): ClusterReading {
  const problems: ObjectProblem[] = [];
  const foreign: string[] = [];
  const namespaces = new Map<string, Namespace>();
  const pods: Pod[] = [];
  const policies: Policy[] = [];
  const seen = new Map<string, { readonly text: string; readonly where: string | undefined }>();
  for (const { value, where } of objects) {
    if (!isFields(value)) continue;
    const identity = identityOf(value);
    const { object } = identity;
    const podless = podlessPath(value);
    let valid = true;
    const report: Report = (path, problem) => {
      valid = false;
      problems.push({
        ...identity,
        ...(where === undefined ? {} : { where }),
        path,
        problem,
        ...(path === podless ? { isPodless: true } : {}),
      });
    };
    const read = readObject(value, where, report);
    if (read === undefined) {
      if (isForeignPolicy(value)) foreign.push(object);
      continue;
    }
    const key = `${value.kind} ${read.id}`;
    const text = JSON.stringify(value);
    // With generateName, the server gives each object a different name.
    const previous = read.id.endsWith("…") ? undefined : seen.get(key);
    if (previous !== undefined && previous.text === text) continue;
    if (previous !== undefined) {
      const place = previous.where === undefined ? "" : ` in ${previous.where}`;
      report("", `is declared differently${place}; the declaration that is applied last wins`);
    }
    seen.set(key, { text, where });
    if (!valid) continue;
    if (read.namespace !== undefined) namespaces.set(read.namespace.name, read.namespace);
    pods.push(...read.pods ?? []);
    if (read.policy !== undefined) policies.push(read.policy);
  }
  const used = new Set([...pods, ...policies].map(({ namespace }) => namespace));
  const undeclared = [...used].filter((name) => !namespaces.has(name)).sort();
  return { cluster: { namespaces, pods, policies }, problems, foreign, undeclared };
}

interface Read {
  readonly id: string;
  readonly namespace?: Namespace;
  readonly pods?: readonly Pod[];
  readonly policy?: Policy;
}

function readObject(object: Fields, where: string | undefined, report: Report): Read | undefined {
  const group = groupOf(object.apiVersion);
  if (object.kind === "NetworkPolicy" && isPolicyGroup(group)) {
    const policy = readPolicy(object, where, report);
    return { id: `${policy.namespace}/${policy.name}`, policy };
  }
  if (object.kind === "Namespace" && group === "") {
    const { name, labels } = readMetadata(object.metadata, report);
    return { id: name, namespace: { name, labels: new Map([...labels, [NAME_LABEL, name]]) } };
  }
  const pods = readPods(object, report);
  if (pods.length === 0) return undefined;
  const { part: _, ...first } = pods[0]!;
  return { id: podId(first), pods };
}

/**
 * Returns the path of the pod spec that a workload lacks; undefined if the object is not such a
 * workload.
 */
function podlessPath(object: Fields): string | undefined {
  const [template] = object.kind === "PodTemplate" ? [] : podTemplatesOf(object);
  return (template?.spec ?? undefined) === undefined ? template?.specPath : undefined;
}

/** Includes the removed group `extensions`, so that its policies are reported as invalid. */
function isPolicyGroup(group: string): boolean {
  return group === "networking.k8s.io" || group === "extensions" || group === "";
}

function identityOf(
  { kind, metadata }: Fields,
): Pick<ObjectProblem, "object" | "kind" | "namespace" | "name"> {
  const given = isFields(metadata) ? metadata : {};
  const text = (each: unknown) => typeof each === "string" && each !== "" ? each : undefined;
  const isGlobal = kind === "Namespace" || given.namespace === undefined && isClusterWide(kind);
  const namespace = isGlobal ? undefined : text(given.namespace) ?? "default";
  const name = text(given.name) ?? "";
  const scope = namespace === undefined ? "" : `${namespace}/`;
  const object = `${String(kind)} ${scope}${name || "(no name)"}`;
  return { object, kind: String(kind), namespace, name };
}

/** The labels with unknown values that the controller of each kind adds. */
const CONTROLLER_LABELS: Readonly<Record<string, readonly string[]>> = {
  SparkApplication: [
    "spark-app-selector",
    "spark-app-name",
    "spark-version",
    "sparkoperator.k8s.io/submission-id",
  ],
  ScheduledSparkApplication: [
    "spark-app-selector",
    "spark-app-name",
    "spark-version",
    "sparkoperator.k8s.io/app-name",
    "sparkoperator.k8s.io/submission-id",
  ],
  Deployment: ["pod-template-hash"],
  StatefulSet: [
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
  ],
  DaemonSet: ["controller-revision-hash", "pod-template-generation"],
  Job: ["controller-uid", "batch.kubernetes.io/controller-uid"],
  CronJob: [
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "batch.kubernetes.io/job-name",
  ],
};

/** The label with the number of a pod of an Indexed Job. */
const COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index";

/**
 * Parses the pods that a workload creates: one for each pod template, and the executors that a
 * SparkApplication declares.
 *
 * @param report is called for each problem; after a problem the result must not be used
 * @returns an empty list for an object of a kind that creates no pods
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readPods } from "./read_cluster.ts";
 *
 * const template = { metadata: { labels: { app: "a" } }, spec: { containers: [] } };
 * const job = {
 *   apiVersion: "batch/v1",
 *   kind: "Job",
 *   metadata: { name: "a", namespace: "jobs" },
 *   spec: { template },
 * };
 * assertEquals(readPods(job, () => {})[0]?.labels.get("app"), "a");
 * assertEquals(readPods({ apiVersion: "v1", kind: "Secret" }, () => {}), []);
 * ```
 */
export function readPods(object: Fields, report: Report): Pod[] {
  if (object.kind === "PodTemplate") return [];
  const templates = podTemplatesOf(object);
  if (templates.length === 0) return [];
  const identity = readMetadata(object.metadata, report);
  if (podlessPath(object) !== undefined) {
    report(templates[0]!.specPath, "is missing, so the workload creates no pod");
  }
  return templates.flatMap((template) => {
    const { executor } = template;
    if (executor === undefined) return [readPod(object, identity, template, report)];
    const { spec, labels, path } = executor;
    const executors = { spec, specPath: path, metadata: { labels }, metadataPath: path };
    return [
      readPod(object, identity, { ...template, part: "driver" }, report),
      readPod(object, identity, { ...executors, part: "executors" }, report),
    ];
  });
}

function readPod(
  object: Fields,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  template: PodTemplate,
  report: Report,
): Pod {
  const kind = String(object.kind);
  const { part, unknownLabels = [] } = template;
  const metadata = readFields(template.metadata, template.metadataPath, report);
  const spec = readFields(template.spec, template.specPath, report);
  const labels = readLabels(metadata?.labels, child(template.metadataPath, "labels"), report);
  for (const key of unknownLabels) labels.set(key, UNKNOWN_VALUE);
  const hostNetwork = child(template.specPath, "hostNetwork");
  const ordinals = readOrdinals(object);
  return {
    type: "pod",
    namespace,
    kind,
    name,
    labels: withControllerLabels(labels, object, name),
    ports: readPorts(spec, template.specPath, report),
    hostNetwork: readBoolean(spec?.hostNetwork, hostNetwork, report) ?? false,
    addresses: kind === "Pod" ? readAddresses(object.status) : [],
    several: kind !== "Pod" && part !== "driver" && template.replicas !== 1,
    ...(ordinals === undefined ? {} : { ordinals }),
    ...(part === undefined ? {} : { part }),
  };
}

/** Reads the numbers of the pods of a StatefulSet or an Indexed Job. */
function readOrdinals({ kind, spec }: Fields): Pod["ordinals"] {
  if (!isFields(spec)) return undefined;
  if (kind === "StatefulSet") {
    const { replicas = 1, ordinals } = spec;
    const start = isFields(ordinals) ? ordinals.start : 0;
    return isCount(replicas) ? { first: isCount(start) ? start : 0, count: replicas } : undefined;
  }
  const { completions } = indexedSpec(kind, spec) ?? {};
  return isCount(completions) ? { first: 0, count: completions } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Returns the spec of an Indexed Job, also of a CronJob; undefined for other workloads. */
function indexedSpec(kind: unknown, spec: Fields): Fields | undefined {
  const template = kind === "CronJob" && isFields(spec.jobTemplate) ? spec.jobTemplate.spec : spec;
  const isJob = kind === "Job" || kind === "CronJob";
  return isJob && isFields(template) && template.completionMode === "Indexed"
    ? template
    : undefined;
}

/** Adds the labels that the controller of a workload adds. */
function withControllerLabels(labels: Map<string, string>, object: Fields, name: string) {
  const kind = String(object.kind);
  if (kind === "Job") {
    // With manualSelector, the controller adds no labels.
    if (isFields(object.spec) && object.spec.manualSelector === true) return labels;
    for (const key of ["job-name", "batch.kubernetes.io/job-name"]) {
      if (!labels.has(key)) labels.set(key, name);
    }
  }
  const indexed = isFields(object.spec) && indexedSpec(kind, object.spec) !== undefined;
  for (
    const key of [...entryOf(CONTROLLER_LABELS, kind) ?? [], ...(indexed ? [COMPLETION_INDEX] : [])]
  ) {
    if (!labels.has(key)) labels.set(key, UNKNOWN_VALUE);
  }
  return labels;
}

/**
 * The named ports of the containers that run as long as the pod: containers and sidecars, which are
 * init containers with `restartPolicy: Always`. Kubernetes resolves no names of other init containers.
 */
function readPorts(spec: Fields | undefined, path: string, report: Report): ContainerPort[] {
  return ["containers", "initContainers"].flatMap((list) => {
    const listPath = child(path, list);
    return readList(spec?.[list], listPath, report).flatMap((each, i) => {
      const container = readFields(each, `${listPath}[${i}]`, report) ?? {};
      const isSidecar = container.restartPolicy === "Always";
      if (list === "initContainers" && !isSidecar) return [];
      const portsPath = child(`${listPath}[${i}]`, "ports");
      return readList(container.ports, portsPath, report)
        .flatMap((port, j) => readContainerPort(port, `${portsPath}[${j}]`, report));
    });
  });
}

function readContainerPort(value: unknown, path: string, report: Report): ContainerPort[] {
  const fields = readFields(value, path, report) ?? {};
  const protocol = readProtocol(fields.protocol, child(path, "protocol"), report);
  const portPath = child(path, "containerPort");
  const port = readInteger(fields.containerPort, portPath, report);
  const wrong = port === undefined ? undefined : wrongPort(port);
  if (wrong !== undefined) report(portPath, wrong);
  const name = readText(fields.name, child(path, "name"), report);
  if (!name || port === undefined) return [];
  const wrongOne = wrongPortName(name);
  if (wrongOne !== undefined) report(child(path, "name"), wrongOne);
  return [{ name, protocol, port }];
}

/** The addresses in the status of a running pod. The cluster writes the status, so it is not checked. */
function readAddresses(status: unknown): Address[] {
  if (!isFields(status)) return [];
  const listed = Array.isArray(status.podIPs) ? status.podIPs : [];
  const texts = [status.podIP, ...listed.map((each) => isFields(each) ? each.ip : undefined)];
  return [...new Set(texts)].flatMap((text) => {
    const address = typeof text === "string" ? parseAddress(text) : undefined;
    return address === undefined ? [] : [address];
  });
}
