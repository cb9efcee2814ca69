// A slow reference implementation for the tests. It reads the raw objects for each question and
// computes with strings of bits.

export interface RawPod {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly port: number;
  }[];
  readonly hostNetwork: boolean;
  readonly ip: string | undefined;
  /** True if the workload can have several pods. */
  readonly several: boolean;
}

export interface RawSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface RawPeer {
  readonly podSelector?: RawSelector;
  readonly namespaceSelector?: RawSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface RawPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

export interface RawRule {
  readonly from?: readonly RawPeer[];
  readonly to?: readonly RawPeer[];
  readonly ports?: readonly RawPort[];
}

export interface RawPolicy {
  readonly namespace: string;
  readonly spec: {
    readonly podSelector: RawSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly RawRule[];
    readonly egress?: readonly RawRule[];
  };
}

export interface World {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly pods: readonly RawPod[];
  readonly policies: readonly RawPolicy[];
}

/** An end of a connection: a pod, or the text of an outside address. */
export type RawEnd = RawPod | string;

export interface RawFlow {
  readonly from: RawEnd;
  readonly to: RawEnd;
  readonly protocol: string;
  readonly port: number;
}

/** Returns the decisions of the source's and the destination's policies. */
export function referenceDecisions(
  world: World,
  flow: RawFlow,
): { egress: boolean; ingress: boolean } {
  if (typeof flow.from !== "string" && flow.from === flow.to && !flow.from.several) {
    return { egress: true, ingress: true };
  }
  return { egress: side(world, flow, "Egress"), ingress: side(world, flow, "Ingress") };
}

function side(world: World, flow: RawFlow, type: "Egress" | "Ingress"): boolean {
  const self = type === "Egress" ? flow.from : flow.to;
  const other = type === "Egress" ? flow.to : flow.from;
  if (typeof self === "string") return true;
  if (self.hostNetwork) return true;
  let isolated = false;
  for (const policy of world.policies) {
    if (policy.namespace !== self.namespace) continue;
    if (!types(policy).includes(type)) continue;
    if (!selected(policy.spec.podSelector, self.labels)) continue;
    isolated = true;
    const rules = type === "Egress" ? policy.spec.egress : policy.spec.ingress;
    for (const rule of rules ?? []) {
      const peers = (type === "Egress" ? rule.to : rule.from) ?? [];
      let peerFits = peers.length === 0;
      for (const peer of peers) {
        if (fits(world, policy, peer, other)) peerFits = true;
      }
      const ports = rule.ports ?? [];
      let portFits = ports.length === 0;
      for (const port of ports) {
        if (portIs(port, flow)) portFits = true;
      }
      if (peerFits && portFits) return true;
    }
  }
  return !isolated;
}

function types({ spec }: RawPolicy): readonly string[] {
  if (spec.policyTypes !== undefined && spec.policyTypes.length > 0) return spec.policyTypes;
  if (spec.egress !== undefined && spec.egress.length > 0) return ["Ingress", "Egress"];
  return ["Ingress"];
}

function selected(selector: RawSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const key of Object.keys(selector.matchLabels ?? {})) {
    if (!Object.keys(labels).includes(key)) return false;
    if (labels[key] !== selector.matchLabels![key]) return false;
  }
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const there = Object.keys(labels).includes(key);
    const among = there && values !== undefined && values.includes(labels[key]!);
    if (operator === "In" && !among) return false;
    if (operator === "NotIn" && among) return false;
    if (operator === "Exists" && !there) return false;
    if (operator === "DoesNotExist" && there) return false;
  }
  return true;
}

function fits(world: World, policy: RawPolicy, peer: RawPeer, other: RawEnd): boolean {
  if (peer.ipBlock !== undefined) {
    const ip = typeof other === "string" ? other : other.ip;
    if (ip === undefined) return false;
    if (!within(ip, peer.ipBlock.cidr)) return false;
    for (const cidr of peer.ipBlock.except ?? []) {
      if (within(ip, cidr)) return false;
    }
    return true;
  }
  if (typeof other === "string") return false;
  if (other.hostNetwork) return false;
  if (peer.namespaceSelector === undefined) {
    if (other.namespace !== policy.namespace) return false;
  } else {
    const name = { "kubernetes.io/metadata.name": other.namespace };
    const labels = { ...world.namespaces[other.namespace], ...name };
    if (!selected(peer.namespaceSelector, labels)) return false;
  }
  return peer.podSelector === undefined || selected(peer.podSelector, other.labels);
}

function portIs({ protocol, port, endPort }: RawPort, flow: RawFlow): boolean {
  if ((protocol ?? "TCP") !== flow.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === "string") {
    if (typeof flow.to === "string") return false;
    for (const each of flow.to.ports) {
      if (each.name === port && each.protocol === flow.protocol && each.port === flow.port) {
        return true;
      }
    }
    return false;
  }
  return flow.port >= port && flow.port <= (endPort ?? port);
}

/** Returns true if a block contains an address, that is, if the bits of the prefix are equal. */
function within(ip: string, cidr: string): boolean {
  const [base, bits] = cidr.split("/");
  const one = bitsOf(ip);
  const other = bitsOf(base!);
  if (one.length !== other.length) return false;
  return one.slice(0, Number(bits)) === other.slice(0, Number(bits));
}

function bitsOf(ip: string): string {
  if (!ip.includes(":")) {
    return ip.split(".").map((part) => Number(part).toString(2).padStart(8, "0")).join("");
  }
  const parts = ip.split(":").map((part) => part.padStart(4, "0"));
  const gap = ip.indexOf("::") >= 0 ? ip.slice(0, ip.indexOf("::")).split(":") : undefined;
  if (gap !== undefined) {
    const before = ip.slice(0, ip.indexOf("::")).split(":").filter((part) => part !== "");
    const after = ip.slice(ip.indexOf("::") + 2).split(":").filter((part) => part !== "");
    const zeros = Array<string>(8 - before.length - after.length).fill("0");
    parts.splice(0, parts.length, ...[...before, ...zeros, ...after]);
  }
  return parts.map((part) => parseInt(part, 16).toString(2).padStart(16, "0")).join("");
}
