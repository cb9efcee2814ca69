import type { Blame } from "./denial_cause.ts";
import { allowing, applyPolicy, patchPolicy } from "./policy_patch.ts";

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
