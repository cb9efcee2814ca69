import type { AddressRange } from "./address.ts";
import type { Direction, Protocol } from "./model.ts";

/** One condition of a label selector. */
export interface Requirement {
  /** Where it stands in its object, as in `spec.podSelector.matchExpressions[0]`. */
  readonly path: string;
  /** The label's key. */
  readonly key: string;
  /** `matchLabels` is told as `In` with one value. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** The values, for `In` and `NotIn`. */
  readonly values: readonly string[];
}

/** A label selector: all of its requirements have to hold. Without any it selects everything. */
export interface Selector {
  /** Where it stands in its object. */
  readonly path: string;
  /** Its requirements. */
  readonly requirements: readonly Requirement[];
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
