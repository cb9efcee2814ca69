import type { Blame } from "./denial.ts";
import { type Address, formatAddress, INNER_BLOCKS } from "../../network_policy/address.ts";
import type { Direction, Policy } from "../../network_policy/model.ts";

/** The rule that should be there, at one end of a connection. */
export interface Wanted {
  /** What a policy that has it would be called. */
  readonly name: string;
  /** Which pods it is for, as a `podSelector`. */
  readonly pods: unknown;
  /** Who should be at the other end, as a peer. */
  readonly peer: unknown;
  /** On which ports, as in YAML. */
  readonly ports: readonly unknown[];
  /** Whether a new policy has the rule in both directions, since both ends are its pods. */
  readonly both?: true;
}

/** The smallest command that makes a connection allowed. */
export function remedy(blame: Blame, { name, pods, peer, ports, both }: Wanted): string {
  const { kind, policy, rule, direction, namespace } = blame;
  if (policy === undefined || rule === undefined) {
    const rule = allowing(direction, pods, peer, ports);
    if (!both) return applyPolicy(namespace, name, rule);
    const twice = {
      ...allowing("ingress", pods, peer, ports),
      ...allowing("egress", pods, peer, ports),
    };
    return applyPolicy(namespace, name, { ...twice, policyTypes: ["Ingress", "Egress"] });
  }
  switch (kind) {
    case "trap":
    case "peer":
    case "missing":
      return patchPolicy(policy, {
        ...{ op: "replace", path: (blame.peer ?? rule).path, value: peer },
      });
    case "port":
      return patchPolicy(
        policy,
        ...ports.map((value) => ({ op: "add" as const, path: `${rule.path}.ports[-]`, value })),
      );
    case "pods":
      return "Give the pods these labels, or let the policy select them: " +
        patchPolicy(policy, { op: "replace", path: "spec.podSelector", value: pods });
    case "types": {
      const value = direction === "egress" ? "Egress" : "Ingress";
      return patchPolicy(policy, { op: "add", path: "spec.policyTypes[-]", value });
    }
  }
}

/** One step of a JSON patch (RFC 6902). */
export interface PatchStep {
  /** What to do. */
  readonly op: "add" | "replace" | "remove";
  /** Where, as in `spec.egress[0].to[1]`; a `-` at the end of a list means behind its last item. */
  readonly path: string;
  /** What to put there. */
  readonly value?: unknown;
}

/** The peer that means every address outside of the cluster. */
export const OUTSIDE_PEER = { ipBlock: { cidr: "0.0.0.0/0", except: INNER_BLOCKS } };

/** The peer that means one address. */
export function blockOf(address: Address): { readonly ipBlock: { readonly cidr: string } } {
  return { ipBlock: { cidr: `${formatAddress(address)}/${address.family === 4 ? 32 : 128}` } };
}

/** The command that patches a policy. */
export function patchPolicy({ namespace, name }: Policy, ...steps: readonly PatchStep[]): string {
  const patch = steps.map(({ op, path, value }) => (
    { op, path: pointer(path), ...(value === undefined ? {} : { value }) }
  ));
  return `kubectl -n ${namespace} patch networkpolicy ${name} --type=json ` +
    `-p '${JSON.stringify(patch)}'`;
}

/** The command that adds a policy. */
export function applyPolicy(
  namespace: string,
  name: string,
  spec: Readonly<Record<string, unknown>>,
): string {
  const policy = {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
    ...{ metadata: { name, namespace }, spec },
  };
  return `echo '${JSON.stringify(policy)}' | kubectl apply -f -`;
}

/** The spec of a policy that allows one thing more, in one direction. */
export function allowing(
  direction: Direction,
  podSelector: unknown,
  peer: unknown,
  ports: readonly unknown[],
): Readonly<Record<string, unknown>> {
  return direction === "egress"
    ? { podSelector, policyTypes: ["Egress"], egress: [{ to: [peer], ports }] }
    : { podSelector, policyTypes: ["Ingress"], ingress: [{ from: [peer], ports }] };
}

/** A field's path as a JSON pointer (RFC 6901). */
function pointer(path: string): string {
  return `/${path.replaceAll(/\[(\d+|-)\]/g, ".$1").replaceAll(".", "/")}`;
}
