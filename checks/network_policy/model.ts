import type { Labels } from "../kubernetes/metadata.ts";
import type { Selector } from "../kubernetes/selectors.ts";
import type { Address, AddressRange } from "./address.ts";

/** What a port can speak. NetworkPolicy says nothing about other protocols, such as ICMP. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/** All protocols, in the order in which they are told. */
export const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

/** Which way traffic is judged: leaving its source, or entering its destination. */
export type Direction = "egress" | "ingress";

/** A namespace and what selectors see of it. */
export interface Namespace {
  /** Its name. */
  readonly name: string;
  /** Its labels, always with `kubernetes.io/metadata.name`. */
  readonly labels: Labels;
}

/** A port that a container declares; only its name ever matters to a policy. */
export interface ContainerPort {
  /** The name that policies can refer to. */
  readonly name: string;
  /** What it speaks. */
  readonly protocol: Protocol;
  /** The number behind the name. */
  readonly port: number;
}

/** A pod, or what stands for all pods of one workload: they differ in nothing that policies see. */
export interface Pod {
  /** Tells pods from outside addresses. */
  readonly type: "pod";
  /** The namespace that it runs in. */
  readonly namespace: string;
  /** The kind of the object that makes it, such as `Job`. */
  readonly kind: string;
  /** The name of that object. */
  readonly name: string;
  /** The labels that the pod will have. */
  readonly labels: Labels;
  /** The named ports of its containers. */
  readonly ports: readonly ContainerPort[];
  /** Whether it shares its node's network: no policy applies to it then, and no selector sees it. */
  readonly hostNetwork: boolean;
  /** Its addresses, where they are known: only those of running pods are. */
  readonly addresses: readonly Address[];
  /** Whether there can be several of it at a time. Only a bare Pod is alone. */
  readonly several: boolean;
}

/** An address outside of the cluster. */
export interface Outside {
  /** Tells pods from outside addresses. */
  readonly type: "outside";
  /** Which address. */
  readonly address: Address;
}

/** One end of a connection. */
export type Endpoint = Pod | Outside;

/**
 * A connection that somebody opens. Replies to it are always allowed, so it has only one direction.
 * The port is the destination pod's own, behind any Service.
 */
export interface Flow {
  /** Who opens it. */
  readonly from: Endpoint;
  /** Who is asked. */
  readonly to: Endpoint;
  /** What it speaks. */
  readonly protocol: Protocol;
  /** The destination's port, 1 to 65535. */
  readonly port: number;
}

/** Everything that decides about connections. */
export interface Cluster {
  /** The declared namespaces, by name. */
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** The workloads' pods, in the order in which they were declared. */
  readonly pods: readonly Pod[];
  /** The policies, in the order in which they were declared. */
  readonly policies: readonly Policy[];
}

/** The label that every namespace has, with its name. */
export const NAME_LABEL = "kubernetes.io/metadata.name";

/** A namespace as declared; one that is not has the label with its name, and no other. */
export function namespaceOf({ namespaces }: Pick<Cluster, "namespaces">, name: string): Namespace {
  return namespaces.get(name) ?? { name, labels: new Map([[NAME_LABEL, name]]) };
}

/** How a workload is told, and addressed where its name alone is ambiguous: `namespace/Kind/name`. */
export function podId({ namespace, kind, name }: Pod): string {
  return `${namespace}/${kind}/${name}`;
}

/** A peer that is a block of addresses. */
export interface BlockPeer {
  /** Tells the two kinds of peer apart. */
  readonly type: "block";
  /** Where it stands in its policy, as in `spec.egress[0].to[1]`. */
  readonly path: string;
  /** As it is written. */
  readonly cidr: string;
  /** The addresses of `cidr`. */
  readonly range: AddressRange;
  /** The addresses of `except`, which do not belong to it. */
  readonly except: readonly AddressRange[];
}

/** A peer that is pods: those that both selectors select. */
export interface PodPeer {
  /** Tells the two kinds of peer apart. */
  readonly type: "pods";
  /** Where it stands in its policy, as in `spec.egress[0].to[1]`. */
  readonly path: string;
  /** In which namespaces; where it is absent, only in the policy's own. */
  readonly namespaces?: Selector;
  /** Which pods; where it is absent, all of these namespaces. */
  readonly pods?: Selector;
}

/** Who is at the other end. */
export type Peer = BlockPeer | PodPeer;

/** Which ports. */
export interface PolicyPort {
  /** Where it stands in its policy, as in `spec.egress[0].ports[0]`. */
  readonly path: string;
  /** What they speak. */
  readonly protocol: Protocol;
  /** A number, a name that the destination's containers give meaning to, or absent: every port. */
  readonly port?: number | string;
  /** The last port of a range that begins with `port`. */
  readonly endPort?: number;
}

/** Something that a policy allows: any of its peers on any of its ports. */
export interface Rule {
  /** Where it stands in its policy, as in `spec.egress[0]`. */
  readonly path: string;
  /** Without any, everybody is meant. */
  readonly peers: readonly Peer[];
  /** Without any, every port of every protocol is meant. */
  readonly ports: readonly PolicyPort[];
}

/** A valid NetworkPolicy, with the defaults that the API server would set. */
export interface Policy {
  /** The namespace whose pods it isolates. */
  readonly namespace: string;
  /** Its name. */
  readonly name: string;
  /** Where it was declared, for people, as in `policies.yaml:12`. */
  readonly where?: string;
  /** The directions in which it isolates. */
  readonly directions: readonly Direction[];
  /** The pods that it isolates. */
  readonly pods: Selector;
  /** What it then allows, in each direction. A direction in which it does not isolate has no rules. */
  readonly rules: Readonly<Record<Direction, readonly Rule[]>>;
}

/** Everybody that the rules of a policy name. */
export function peersOf({ rules }: Policy): Peer[] {
  return [...rules.ingress, ...rules.egress].flatMap(({ peers }) => peers);
}
