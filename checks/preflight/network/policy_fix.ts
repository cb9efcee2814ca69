import {
  type Address,
  formatAddress,
  parseCidr,
  PRIVATE_IPV4,
  SELF_BLOCKS,
} from "../../network_policy/address.ts";
import type { Fix } from "../../finding.ts";
import { type Fields, isFields } from "../../kubernetes/fields.ts";
import { ofKind } from "../../kubernetes/objects.ts";
import { closestName } from "../../kubernetes/spelling.ts";
import { evaluate } from "../../network_policy/evaluate.ts";
import { formatPolicyPort } from "../../network_policy/explain.ts";
import {
  type Direction,
  type Endpoint,
  NAME_LABEL,
  type Pod,
  type Policy,
  type Rule,
} from "../../network_policy/model.ts";
import { createObjects, deleteObject, explained, patchObject, type PatchStep } from "../change.ts";
import type { DenialCause } from "./denial.ts";
import type { Network } from "./job_network.ts";
import { isWrongPort } from "./needed_ports.ts";
import type { Purpose } from "./policy_purpose.ts";
import { othersSelectedBy, selectsJobs } from "./other_workloads.ts";

/** The missing rule for one end of a connection. */
export interface MissingRule {
  /** The name for a new policy if no policy can be patched, as in `allow-outbox`, if it is free. */
  readonly name: string;
  /** The pods of new policies, as a `podSelector` for each policy. */
  readonly pods: readonly unknown[];
  /** The destination of the rule. */
  readonly purpose: Purpose;
  /** The other end, as a peer of a rule. */
  readonly peer: unknown;
  /** The words before a change that contains the peer. */
  readonly beforePeer?: string;
  /** More ends for the same rule, as peers. */
  readonly morePeers?: readonly unknown[];
  /** The ports of the rule, as items of `ports`. */
  readonly ports: readonly unknown[];
  /** True if a new policy needs the rule in both directions, because it selects both ends. */
  readonly both?: true;
  /** True if another connection may need the present peer, so that the fix adds a peer. */
  readonly keepsPeer?: boolean;
}

/** The peer that selects every IPv4 address outside the cluster and its network. */
export const OUTSIDE_PEER = {
  ipBlock: { cidr: "0.0.0.0/0", except: [...PRIVATE_IPV4, "100.64.0.0/10"].sort() },
};

/** The peer that selects one address. */
export function blockOf(address: Address): { readonly ipBlock: { readonly cidr: string } } {
  return { ipBlock: { cidr: `${formatAddress(address)}/${address.family === 4 ? 32 : 128}` } };
}

/** The peers of the addresses outside the cluster that a pod cannot reach yet, for one rule. */
export function deniedBlocks(
  { cluster }: Network,
  from: Pod,
  to: readonly Endpoint[],
  port: number,
): Pick<MissingRule, "peer" | "morePeers"> | undefined {
  const [peer, ...morePeers] = to.flatMap((end) =>
    end.type === "pod" || evaluate(cluster, { from, to: end, protocol: "TCP", port }).allowed
      ? []
      : [blockOf(end.address)]
  );
  return peer && { peer, morePeers };
}

/**
 * Returns the smallest change that removes the cause of a denial. No change opens loopback or
 * link-local addresses: a policy has no effect on a pod's loopback addresses, and the link-local
 * addresses of nodes include the metadata service of cloud providers.
 */
export function fixDenial(
  network: Network,
  cause: DenialCause,
  {
    name,
    pods,
    purpose,
    peer,
    beforePeer = "",
    morePeers = [],
    ports,
    both,
    keepsPeer = false,
  }: MissingRule,
): Fix {
  if (isOfOneMachine(peer)) {
    return {
      fix:
        "Use the address of the server instead of a loopback or link-local address, which only " +
        "the same machine can reach. Do not open that address in a policy.",
    };
  }
  const { kind, policy, rule, direction, namespace } = cause;
  const peers = [peer, ...morePeers];
  const withPeers = ({ opens = [], ...fix }: Fix) =>
    explained(beforePeer, { ...fix, opens: [...opens, ...peers.flatMap(namespacesOf)] });
  const create = () => {
    const specs = pods.map((podSelector) =>
      both
        ? {
          ...specWithRule("ingress", podSelector, peers, ports),
          ...specWithRule("egress", podSelector, peers, ports),
          policyTypes: ["Ingress", "Egress"],
        }
        : specWithRule(direction, podSelector, peers, ports)
    );
    return withPeers(createPolicy(network, namespace, name, ...specs));
  };
  if (policy === undefined || rule === undefined) return create();
  // Other workloads may need the rule as it is.
  const isShared = othersSelectedBy(network, policy).length > 0;
  switch (kind) {
    case "peer": {
      const list = `${rule.path}.${direction === "egress" ? "to" : "from"}[-]`;
      const add = (value: unknown) => ({ op: "add", path: list, value }) as const;
      // Another destination may need the block.
      if (cause.peer?.type === "block" || (keepsPeer || isShared) && cause.peer !== undefined) {
        return withPeers(patchPolicy(policy, ...peers.map(add)));
      }
      const replace = { op: "replace", path: (cause.peer ?? rule).path, value: peer } as const;
      return withPeers(patchPolicy(policy, replace, ...morePeers.map(add)));
    }
    case "emptySelector":
    case "noRule":
      if (isShared) {
        const value = ruleOf(direction, peers, ports);
        return withPeers(patchPolicy(policy, { op: "add", path: `spec.${direction}[-]`, value }));
      }
      return withPeers(
        patchPolicy(policy, { op: "replace", path: (cause.peer ?? rule).path, value: peer }),
      );
    case "port": {
      const isReplaced = !isShared && isWrongPort(network, policy, rule, purpose);
      // The same mistake is often in the rules of both directions.
      const rules = both ? [rule, ...twinsOf(policy, rule, direction)] : [rule];
      return patchPolicy(
        policy,
        ...rules.flatMap((each) =>
          ports.map((value, i): PatchStep =>
            isReplaced && i === 0
              ? { op: "replace", path: each.ports[0]!.path, value }
              : { op: "add", path: `${each.path}.ports[-]`, value }
          )
        ),
      );
    }
    case "podSelector":
      if (isShared || pods.length !== 1 || selectsJobs(network, policy)) return create();
      return explained(
        isMisspelled(network, policy)
          ? "Correct the labels, so that the policy selects the pods: "
          : "Add these labels to the pods, or make the policy select the pods: ",
        patchPolicy(policy, { op: "replace", path: "spec.podSelector", value: pods[0] }),
      );
    case "policyTypes": {
      // The direction would also isolate the other pods that the policy selects.
      if (isShared) return create();
      const value = direction === "egress" ? "Egress" : "Ingress";
      return patchPolicy(policy, { op: "add", path: "spec.policyTypes[-]", value });
    }
  }
}

/** Returns whether a label that a policy selects is nearly a label of a pod of its namespace. */
function isMisspelled({ cluster }: Network, { namespace, pods }: Policy): boolean {
  const labels = cluster.pods.filter((pod) => pod.namespace === namespace)
    .flatMap((pod) => [...pod.labels]);
  return pods.requirements.some(({ key, operator, values }) => {
    if (operator === "NotIn" || operator === "DoesNotExist") return false;
    const own = labels.filter(([name]) => name === key).map(([, value]) => value);
    if (own.length === 0) return closestName(key, labels.map(([name]) => name)) !== undefined;
    return values.some((value) => !own.includes(value) && closestName(value, own) !== undefined);
  });
}

/** The rules of a policy for the other direction with the same ports. */
function twinsOf(policy: Policy, { ports }: Rule, direction: Direction): Rule[] {
  const shown = (list: Rule["ports"]) => list.map(formatPolicyPort).sort().join();
  return policy.rules[direction === "egress" ? "ingress" : "egress"]
    .filter((each) => shown(each.ports) === shown(ports));
}

/** The namespaces that a peer of a fix names. */
function namespacesOf(peer: unknown): string[] {
  const selector = isFields(peer) && isFields(peer.namespaceSelector) ? peer.namespaceSelector : {};
  const labels = isFields(selector.matchLabels) ? selector.matchLabels : {};
  return [labels[NAME_LABEL]].filter((name) => typeof name === "string");
}

/** Returns whether a peer selects only loopback or link-local addresses. */
function isOfOneMachine(peer: unknown): boolean {
  const block = isFields(peer) && isFields(peer.ipBlock) ? peer.ipBlock : {};
  const range = parseCidr(String(block.cidr));
  return range !== undefined &&
    SELF_BLOCKS.map((each) => parseCidr(each)!).some((own) =>
      own.family === range.family && own.first <= range.first && range.last <= own.last
    );
}

/** Returns the fix that patches a policy. */
export function patchPolicy(policy: Policy, ...steps: readonly PatchStep[]): Fix {
  return { ...patchObject(ofPolicy(policy), ...steps), opens: [policy.namespace] };
}

/** Returns the fix that deletes a policy. */
export function deletePolicy(policy: Policy): Fix {
  return deleteObject(ofPolicy(policy));
}

function ofPolicy({ namespace, name, where, spec }: Policy) {
  return {
    kind: "NetworkPolicy",
    namespace,
    name,
    where,
    value: { spec: asStored(spec) as Fields },
  };
}

/** Returns a part of a policy as the API server stores it: with protocols, without empty fields. */
function asStored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => asStored(item ?? {}));
  if (!isFields(value)) return value;
  const fields = Object.entries(value).map(([key, each]) => [key, asStored(each ?? [])] as const);
  return Object.fromEntries(
    fields.filter(([key, each]) =>
      Array.isArray(each) || key === "matchLabels" ? Object.keys(each as Fields).length > 0 : true
    ).map(([key, each]) =>
      key === "ports" && Array.isArray(each)
        ? [key, each.map((port) => ({ protocol: "TCP", ...port }))]
        : [key, each]
    ),
  );
}

/**
 * Returns the fix that creates a policy for each spec. If the namespace has a policy of the name, the
 * new one gets a number.
 */
export function createPolicy(
  { manifests }: Pick<Network, "manifests">,
  namespace: string,
  name: string,
  ...specs: readonly Readonly<Record<string, unknown>>[]
): Fix {
  const taken = new Set(
    ofKind(manifests.objects, "NetworkPolicy", namespace).map((each) => each.name),
  );
  const policies = specs.map((spec) => {
    let free = name;
    for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
    taken.add(free);
    return {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: free, namespace },
      spec,
    };
  });
  return { ...createObjects(policies), opens: [namespace] };
}

/** Returns the spec of a policy with one rule in one direction. */
function specWithRule(
  direction: Direction,
  podSelector: unknown,
  peers: readonly unknown[],
  ports: readonly unknown[],
): Readonly<Record<string, unknown>> {
  const type = direction === "egress" ? "Egress" : "Ingress";
  return { podSelector, policyTypes: [type], [direction]: [ruleOf(direction, peers, ports)] };
}

function ruleOf(direction: Direction, peers: readonly unknown[], ports: readonly unknown[]) {
  return { [direction === "egress" ? "to" : "from"]: peers, ports };
}
