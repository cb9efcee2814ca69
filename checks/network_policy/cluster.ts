import { type Fields, isFields, type Problem, type Report } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import { type Cluster, NAME_LABEL, type Namespace, type Pod, podId } from "./model.ts";
import { groupOf } from "../kubernetes/pod_template.ts";
import type { Policy } from "./policy.ts";
import { readPolicy } from "./read_policy.ts";
import { readWorkload } from "./workload.ts";

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
