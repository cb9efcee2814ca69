import { type Address, formatAddress } from "../../network_policy/address.ts";
import type { Direction, Policy } from "../../network_policy/model.ts";

/** One step of a JSON patch (RFC 6902). */
export interface PatchStep {
  /** What to do. */
  readonly op: "add" | "replace" | "remove";
  /** Where, as in `spec.egress[0].to[1]`; a `-` at the end of a list means behind its last item. */
  readonly path: string;
  /** What to put there. */
  readonly value?: unknown;
}

/** The cluster's own addresses, and where clouds keep what every pod could read. */
export const INNER_BLOCKS: readonly string[] = [
  ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"],
];

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
