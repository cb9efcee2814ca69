import { shell } from "../../../pipeline/shell.ts";
import {
  type Address,
  formatAddress,
  parseCidr,
  PRIVATE_IPV4,
  SELF_BLOCKS,
} from "../../network_policy/address.ts";
import { isFields } from "../../kubernetes/fields.ts";
import { ofKind } from "../../kubernetes/objects.ts";
import type { Direction, Policy } from "../../network_policy/model.ts";
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
  /** More ends for the same rule, as peers. */
  readonly morePeers?: readonly unknown[];
  /** The ports of the rule, as items of `ports`. */
  readonly ports: readonly unknown[];
  /** True if a new policy needs the rule in both directions, because it selects both ends. */
  readonly both?: true;
  /** True if another connection may need the present peer, so that the fix adds a peer. */
  readonly keepsPeer?: boolean;
}

/** One step of a JSON patch (RFC 6902). */
export interface PatchStep {
  /** The operation. */
  readonly op: "add" | "replace" | "remove";
  /** The field, as in `spec.egress[0].to[1]`; `[-]` appends to a list. */
  readonly path: string;
  /** The new value of the field. */
  readonly value?: unknown;
}

/** The peer that selects every address outside the cluster. */
export const OUTSIDE_PEER = { ipBlock: { cidr: "0.0.0.0/0", except: PRIVATE_IPV4 } };

/** The peer that selects one address. */
export function blockOf(address: Address): { readonly ipBlock: { readonly cidr: string } } {
  return { ipBlock: { cidr: `${formatAddress(address)}/${address.family === 4 ? 32 : 128}` } };
}

/**
 * Returns the smallest command that removes the cause of a denial. No command opens loopback or
 * link-local addresses: a policy has no effect on a pod's loopback addresses, and the link-local
 * addresses of nodes include the metadata service of cloud providers.
 */
export function fixDenial(
  network: Network,
  cause: DenialCause,
  { name, pods, purpose, peer, morePeers = [], ports, both, keepsPeer = false }: MissingRule,
): string {
  if (isOfOneMachine(peer)) {
    return "Use the address of the server instead of a loopback or link-local address, which only " +
      "the same machine can reach. Do not open that address in a policy.";
  }
  const { kind, policy, rule, direction, namespace } = cause;
  const peers = [peer, ...morePeers];
  const create = () =>
    createPolicy(
      network,
      namespace,
      name,
      ...pods.map((podSelector) =>
        both
          ? {
            ...specWithRule("ingress", podSelector, peers, ports),
            ...specWithRule("egress", podSelector, peers, ports),
            policyTypes: ["Ingress", "Egress"],
          }
          : specWithRule(direction, podSelector, peers, ports)
      ),
    );
  if (policy === undefined || rule === undefined) return create();
  // Other workloads may need the rule as it is.
  const isShared = othersSelectedBy(network, policy).length > 0;
  switch (kind) {
    case "peer": {
      const list = `${rule.path}.${direction === "egress" ? "to" : "from"}[-]`;
      const add = (value: unknown) => ({ op: "add", path: list, value }) as const;
      // Another destination may need the block.
      if (cause.peer?.type === "block" || (keepsPeer || isShared) && cause.peer !== undefined) {
        return patchPolicy(policy, ...peers.map(add));
      }
      const replace = { op: "replace", path: (cause.peer ?? rule).path, value: peer } as const;
      return patchPolicy(policy, replace, ...morePeers.map(add));
    }
    case "emptySelector":
    case "noRule":
      if (isShared) {
        const value = ruleOf(direction, peers, ports);
        return patchPolicy(policy, { op: "add", path: `spec.${direction}[-]`, value });
      }
      return patchPolicy(policy, { op: "replace", path: (cause.peer ?? rule).path, value: peer });
    case "port": {
      const isReplaced = !isShared && isWrongPort(network, policy, rule, purpose);
      return patchPolicy(
        policy,
        ...ports.map((value, i): PatchStep =>
          isReplaced && i === 0
            ? { op: "replace", path: rule.ports[0]!.path, value }
            : { op: "add", path: `${rule.path}.ports[-]`, value }
        ),
      );
    }
    case "podSelector":
      if (isShared || pods.length !== 1 || selectsJobs(network, policy)) return create();
      return "Add these labels to the pods, or make the policy select the pods: " +
        patchPolicy(policy, { op: "replace", path: "spec.podSelector", value: pods[0] });
    case "policyTypes": {
      // The direction would also isolate the other pods that the policy selects.
      if (isShared) return create();
      const value = direction === "egress" ? "Egress" : "Ingress";
      return patchPolicy(policy, { op: "add", path: "spec.policyTypes[-]", value });
    }
  }
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

/** Returns the command that patches a policy. */
export function patchPolicy({ namespace, name }: Policy, ...steps: readonly PatchStep[]): string {
  const patch = steps.map(({ op, path, value }) => (
    { op, path: pointer(path), ...(value === undefined ? {} : { value }) }
  ));
  return shell`kubectl -n ${namespace} patch networkpolicy ${name} --type=json ` +
    shell`-p ${JSON.stringify(patch)}`;
}

/**
 * Returns the command that creates a policy for each spec. The command never replaces a policy of the
 * same name. If the namespace has such a policy, the new one gets a number.
 */
export function createPolicy(
  { manifests }: Pick<Network, "manifests">,
  namespace: string,
  name: string,
  ...specs: readonly Readonly<Record<string, unknown>>[]
): string {
  const taken = new Set(
    ofKind(manifests.objects, "NetworkPolicy", namespace).map((each) => each.name),
  );
  return specs.map((spec) => {
    let free = name;
    for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
    taken.add(free);
    const policy = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: free, namespace },
      spec,
    };
    return shell`echo ${JSON.stringify(policy)} | kubectl create -f -`;
  }).join(" && ");
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

/** Converts the path of a field to a JSON pointer (RFC 6901). */
function pointer(path: string): string {
  return `/${path.replaceAll(/\[(\d+|-)\]/g, ".$1").replaceAll(".", "/")}`;
}
