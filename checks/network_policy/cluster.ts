import {
  child,
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
import { groupOf, podTemplateOf } from "../kubernetes/workloads.ts";
import { type Address, parseAddress } from "./address.ts";
import {
  type Cluster,
  type ContainerPort,
  NAME_LABEL,
  type Namespace,
  type Pod,
  podId,
  type Policy,
} from "./model.ts";
import { readPolicy, readProtocol } from "./read_policy.ts";

/** An object of Kubernetes, from a file or from a cluster. */
export interface Declared {
  /** The object, unread. */
  readonly value: unknown;
  /** Where it was declared, for people, as in `policies.yaml:12`. */
  readonly where?: string;
}

/** Something wrong with an object. */
export interface ObjectProblem extends Problem {
  /** The object, as in `NetworkPolicy robson/allow-dns`. */
  readonly object: string;
  /** Where it was declared, for people. */
  readonly where?: string;
}

/** What a set of objects says about connections. */
export interface ClusterReading {
  /** What is valid. */
  readonly cluster: Cluster;
  /** What is not. Where there is any problem, no verdict about this cluster can be relied on. */
  readonly problems: readonly ObjectProblem[];
  /** Policies of other APIs, as in `CiliumNetworkPolicy robson/x`: they decide too, and are not read. */
  readonly foreign: readonly string[];
  /** Namespaces that are used and not declared; only the label with their name is known. */
  readonly undeclared: readonly string[];
}

const FOREIGN = new Set([
  ...["NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "ClusterNetworkPolicy"],
  ...["AdminNetworkPolicy", "BaselineAdminNetworkPolicy"],
  ...["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"],
]);

/** Reads pods, namespaces and policies out of a set of objects, and passes over all others. */
export function readCluster(objects: readonly Declared[]): ClusterReading {
  const problems: ObjectProblem[] = [];
  const foreign: string[] = [];
  const namespaces = new Map<string, Namespace>();
  const pods: Pod[] = [];
  const policies: Policy[] = [];
  const seen = new Map<string, { readonly text: string; readonly where: string | undefined }>();
  for (const { value, where } of objects) {
    if (!isFields(value)) continue;
    const object = objectName(value);
    let valid = true;
    const report: Report = (path, problem) => {
      valid = false;
      problems.push({ object, ...(where === undefined ? {} : { where }), path, problem });
    };
    const read = readObject(value, where, report);
    if (read === undefined) {
      if (FOREIGN.has(String(value.kind))) foreign.push(object);
      continue;
    }
    const key = `${value.kind} ${read.id}`;
    const text = JSON.stringify(value);
    // With generateName, each of them gets a name of its own.
    const before = read.id.endsWith("…") ? undefined : seen.get(key);
    if (before !== undefined && before.text === text) continue;
    if (before !== undefined) {
      const place = before.where === undefined ? "" : ` in ${before.where}`;
      report("", `is declared differently${place}; whichever is applied last would count`);
    }
    seen.set(key, { text, where });
    if (!valid) continue;
    if (read.namespace !== undefined) namespaces.set(read.namespace.name, read.namespace);
    if (read.pod !== undefined) pods.push(read.pod);
    if (read.policy !== undefined) policies.push(read.policy);
  }
  const used = new Set([...pods, ...policies].map(({ namespace }) => namespace));
  const undeclared = [...used].filter((name) => !namespaces.has(name)).sort();
  return { cluster: { namespaces, pods, policies }, problems, foreign, undeclared };
}

interface Read {
  readonly id: string;
  readonly namespace?: Namespace;
  readonly pod?: Pod;
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
  const pod = readWorkload(object, report);
  return pod === undefined ? undefined : { id: podId(pod), pod };
}

/** `extensions` had NetworkPolicy once; no API server takes it any more, which is told. */
function isPolicyGroup(group: string): boolean {
  return group === "networking.k8s.io" || group === "extensions" || group === "";
}

function objectName({ kind, metadata }: Fields): string {
  const { name, namespace } = isFields(metadata) ? metadata : {};
  const text = (each: unknown) => typeof each === "string" && each !== "" ? each : undefined;
  const scope = kind === "Namespace" ? "" : `${text(namespace) ?? "default"}/`;
  return `${String(kind)} ${scope}${text(name) ?? "(no name)"}`;
}

/**
 * The value of a label that a controller will set and nobody can know before. No label can have this
 * value, so selectors see that the key is there, and no value of theirs is equal to it.
 */
export const UNKNOWABLE = "?";

/** The labels with such values that the controllers of each kind add. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  Deployment: ["pod-template-hash"],
  StatefulSet: [
    ...["controller-revision-hash", "statefulset.kubernetes.io/pod-name"],
    "apps.kubernetes.io/pod-index",
  ],
  DaemonSet: ["controller-revision-hash", "pod-template-generation"],
  Job: ["controller-uid", "batch.kubernetes.io/controller-uid"],
  CronJob: [
    ...["controller-uid", "batch.kubernetes.io/controller-uid"],
    ...["job-name", "batch.kubernetes.io/job-name"],
  ],
};

/**
 * Reads the pods that a workload makes, as far as policies are concerned.
 *
 * @param report hears of everything that is wrong; the pod is worth nothing then
 * @returns undefined for an object of a kind that makes no pods
 */
export function readWorkload(object: Fields, report: Report): Pod | undefined {
  const template = podTemplateOf(object);
  if (template === undefined || object.kind === "PodTemplate") return undefined;
  const { name, namespace } = readMetadata(object.metadata, report);
  const kind = String(object.kind);
  const metadata = readFields(template.metadata, template.metadataPath, report);
  const spec = readFields(template.spec, template.specPath, report);
  if (template.spec === undefined || template.spec === null) {
    report(template.specPath, "is missing: it makes no pod");
  }
  const labels = readLabels(metadata?.labels, child(template.metadataPath, "labels"), report);
  const hostNetwork = child(template.specPath, "hostNetwork");
  return {
    type: "pod",
    namespace,
    kind,
    name,
    labels: withControllersLabels(labels, object, name),
    ports: readPorts(spec, template.specPath, report),
    hostNetwork: readBoolean(spec?.hostNetwork, hostNetwork, report) ?? false,
    addresses: kind === "Pod" ? readAddresses(object.status) : [],
    several: kind !== "Pod",
  };
}

/** Adds what the workload's controller will add. */
function withControllersLabels(labels: Map<string, string>, object: Fields, name: string) {
  const kind = String(object.kind);
  if (kind === "Job") {
    // With a selector of its own the Job gets no labels from anybody.
    if (isFields(object.spec) && object.spec.manualSelector === true) return labels;
    for (const key of ["job-name", "batch.kubernetes.io/job-name"]) {
      if (!labels.has(key)) labels.set(key, name);
    }
  }
  for (const key of ADDED[kind] ?? []) {
    if (!labels.has(key)) labels.set(key, UNKNOWABLE);
  }
  return labels;
}

/** The named ports of the containers that run as long as the pod: no others can be reached by name. */
function readPorts(spec: Fields | undefined, path: string, report: Report): ContainerPort[] {
  return ["containers", "initContainers"].flatMap((list) => {
    const listPath = child(path, list);
    return readList(spec?.[list], listPath, report).flatMap((each, i) => {
      const container = readFields(each, `${listPath}[${i}]`, report) ?? {};
      const passing = list === "initContainers" && container.restartPolicy !== "Always";
      if (passing) return [];
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

/** The status comes from a cluster, which knows better than anybody who writes it by hand. */
function readAddresses(status: unknown): Address[] {
  if (!isFields(status)) return [];
  const listed = Array.isArray(status.podIPs) ? status.podIPs : [];
  const texts = [status.podIP, ...listed.map((each) => isFields(each) ? each.ip : undefined)];
  return [...new Set(texts)].flatMap((text) => {
    const address = typeof text === "string" ? parseAddress(text) : undefined;
    return address === undefined ? [] : [address];
  });
}
