import type { Fields } from "../kubernetes/fields.ts";
import type { Labels } from "../kubernetes/metadata.ts";
import type { Selector } from "../kubernetes/selectors.ts";
import type { Address, AddressRange } from "./address.ts";

/** A protocol with ports. NetworkPolicies do not cover other protocols, such as ICMP. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/** All protocols, in the order of the output. */
export const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

/** The direction of a rule: `egress` for the source of a connection, `ingress` for the destination. */
export type Direction = "egress" | "ingress";

/** A namespace with the labels that a `namespaceSelector` matches. */
export interface Namespace {
  /** The name, as in `robson`. */
  readonly name: string;
  /** The labels, always with `kubernetes.io/metadata.name`. */
  readonly labels: Labels;
  /** True if no manifest declares the namespace, and the labels are one of several possibilities. */
  readonly isAssumed?: true;
}

/** A named port of a container. Policies use container ports only to resolve names. */
export interface ContainerPort {
  /** The name, as in `web`. */
  readonly name: string;
  /** The protocol. A name can have a different number for each protocol. */
  readonly protocol: Protocol;
  /** The number, 1 to 65535. */
  readonly port: number;
}

/** A pod, or all pods of one workload, which policies cannot distinguish. */
export interface Pod {
  /** Distinguishes pods from outside addresses. */
  readonly type: "pod";
  /** The namespace of the pod. */
  readonly namespace: string;
  /** The kind of the object that creates the pod, such as `Job`. */
  readonly kind: string;
  /** The name of the object that creates the pod. */
  readonly name: string;
  /** The labels of the pod, including those that its controller adds. */
  readonly labels: Labels;
  /** The named ports of the containers that run as long as the pod. */
  readonly ports: readonly ContainerPort[];
  /** True if the pod uses its node's network, where no policy applies and no selector matches. */
  readonly hostNetwork: boolean;
  /** The addresses of a running pod; empty for the pods of a workload. */
  readonly addresses: readonly Address[];
  /** True if several pods can exist at the same time. False for a single pod, such as a bare Pod. */
  readonly several: boolean;
  /** True if the pod can have more labels than those that are known. */
  readonly hasMoreLabels?: true;
  /** The numbers of the pods, if the workload gives each pod a number. */
  readonly ordinals?: {
    /** The number of the first pod. */
    readonly first: number;
    /** The number of pods. */
    readonly count: number;
  };
  /** Which pods of the workload these are, if policies distinguish them, as in `pod db-0`. */
  readonly part?: string;
}

/**
 * The value of a label that a controller sets and that the manifests do not contain. No valid label has
 * this value, so `Exists` matches the label and `In` never does.
 */
export const UNKNOWN_VALUE = "?";

/** An address outside the cluster. */
export interface Outside {
  /** Distinguishes outside addresses from pods. */
  readonly type: "outside";
  /** The address. */
  readonly address: Address;
  /** The host name in messages, if the address is only an example of the host's addresses. */
  readonly host?: string;
  /** True if a pod or a Service may have the address, as in a private range. */
  readonly isUncertain?: true;
}

/** One end of a connection. */
export type Endpoint = Pod | Outside;

/**
 * A connection from a source to a destination. Policies always allow the replies. The port is the port
 * of the destination pod, not the port of a Service.
 */
export interface Flow {
  /** The source, which opens the connection. */
  readonly from: Endpoint;
  /** The destination. */
  readonly to: Endpoint;
  /** The protocol of the connection. */
  readonly protocol: Protocol;
  /** The destination's port, 1 to 65535. */
  readonly port: number;
}

/** The objects of a cluster that decide about connections. */
export interface Cluster {
  /** The declared namespaces, by name. */
  readonly namespaces: ReadonlyMap<string, Namespace>;
  /** The pods, in the order of their declaration. */
  readonly pods: readonly Pod[];
  /** The policies, in the order of their declaration. */
  readonly policies: readonly Policy[];
}

/** The label that Kubernetes sets on every namespace, with the namespace's name as value. */
export const NAME_LABEL = "kubernetes.io/metadata.name";

/**
 * A declared namespace, or an undeclared namespace with only the label {@linkcode NAME_LABEL}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { NAME_LABEL, namespaceOf } from "./model.ts";
 *
 * const { labels } = namespaceOf({ namespaces: new Map() }, "jobs");
 * assertEquals([...labels], [[NAME_LABEL, "jobs"]]);
 * ```
 */
export function namespaceOf({ namespaces }: Pick<Cluster, "namespaces">, name: string): Namespace {
  return namespaces.get(name) ?? { name, labels: new Map([[NAME_LABEL, name]]) };
}

/**
 * The workload of a pod as `namespace/Kind/name`, and which of its pods, if policies distinguish them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readCluster } from "./read_cluster.ts";
 * import { podId } from "./model.ts";
 *
 * const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { containers: [] } };
 * assertEquals(readCluster([{ value: pod }]).cluster.pods.map(podId), ["default/Pod/a"]);
 * ```
 */
export function podId({ namespace, kind, name, part }: Pod): string {
  return `${namespace}/${kind}/${name}${part === undefined ? "" : ` (${part})`}`;
}

/** A peer with an `ipBlock`. */
export interface BlockPeer {
  /** Distinguishes the two kinds of peer. */
  readonly type: "block";
  /** The path in the policy, as in `spec.egress[0].to[1]`. */
  readonly path: string;
  /** The block as written in the policy, as in `10.0.0.0/8`. */
  readonly cidr: string;
  /** The addresses of `cidr`. */
  readonly range: AddressRange;
  /** The blocks in `except`. */
  readonly except: readonly AddressRange[];
}

/** A peer with selectors: the pods that both selectors match. */
export interface PodPeer {
  /** Distinguishes the two kinds of peer. */
  readonly type: "pods";
  /** The path in the policy, as in `spec.egress[0].to[1]`. */
  readonly path: string;
  /** The `namespaceSelector`. If absent, the peer selects pods of the policy's own namespace. */
  readonly namespaces?: Selector;
  /** The `podSelector`. If absent, the peer selects all pods of the namespaces. */
  readonly pods?: Selector;
}

/** The other end of the connections that a rule allows. */
export type Peer = BlockPeer | PodPeer;

/** A port, a range of ports or a named port of a rule. */
export interface PolicyPort {
  /** The path in the policy, as in `spec.egress[0].ports[0]`. */
  readonly path: string;
  /** The protocol. */
  readonly protocol: Protocol;
  /** A number, or a name that the destination's containers declare. If absent, every port. */
  readonly port?: number | string;
  /** The last port of a range that starts at `port`. */
  readonly endPort?: number;
}

/** A rule: allows connections with any of the peers on any of the ports. */
export interface Rule {
  /** The path in the policy, as in `spec.egress[0]`. */
  readonly path: string;
  /** The peers. An empty list allows all addresses and pods. */
  readonly peers: readonly Peer[];
  /** The ports. An empty list allows every port of every protocol. */
  readonly ports: readonly PolicyPort[];
}

/** A valid NetworkPolicy, with the defaults that the API server would set. */
export interface Policy {
  /** The namespace of the policy and of the pods that the policy isolates. */
  readonly namespace: string;
  /** The name, as in `allow-dns`. */
  readonly name: string;
  /** The file and line of the declaration, as in `policies.yaml:12`. */
  readonly where?: string;
  /** The directions in which the policy isolates pods (`policyTypes`). */
  readonly directions: readonly Direction[];
  /** The pods that the policy isolates (`spec.podSelector`). */
  readonly pods: Selector;
  /** The rules in effect. Empty for a direction that is not in `directions`. */
  readonly rules: Readonly<Record<Direction, readonly Rule[]>>;
  /** The rules as written, including those without effect. */
  readonly declaredRules: Readonly<Record<Direction, readonly Rule[]>>;
  /** The fields of `spec` as written. */
  readonly spec: Fields;
}

/**
 * The peers of all rules of a policy.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { peersOf } from "./model.ts";
 * import { readPolicy } from "./read_policy.ts";
 *
 * const policy = readPolicy(
 *   {
 *     apiVersion: "networking.k8s.io/v1",
 *     kind: "NetworkPolicy",
 *     metadata: { name: "to-db" },
 *     spec: { podSelector: {}, egress: [{ to: [{ podSelector: {} }] }] },
 *   },
 *   undefined,
 *   () => {},
 * );
 * assertEquals(peersOf(policy).map(({ path }) => path), ["spec.egress[0].to[0]"]);
 * ```
 */
export function peersOf({ rules }: Policy): Peer[] {
  return [...rules.ingress, ...rules.egress].flatMap(({ peers }) => peers);
}
