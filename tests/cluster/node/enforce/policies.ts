import { ELSEWHERE, PODS, STORE } from "../addresses.ts";
import type { chooser } from "../../../checks/network_policy/worlds.ts";

// Random NetworkPolicies that use all fields, with the labels, ports and addresses of the worlds.

/** Functions for random choices. */
export type Chooser = ReturnType<typeof chooser>;

/** Keys of labels, on namespaces and on pods. */
export const KEYS: readonly string[] = ["app", "tier", "constructor"];
/** Values of labels. */
export const VALUES: readonly string[] = ["a", "b", ""];
/** Names of ports, which pods declare with different numbers. */
export const PORT_NAMES: readonly string[] = ["web", "db", "dns"];
/** The ports at which every pod and every outside address answers. */
export const PORTS: Readonly<Record<"TCP" | "UDP", readonly number[]>> = {
  TCP: [80, 443, 5432, 8080],
  UDP: [53, 8080],
};
/** The addresses outside the cluster. */
export const OUTSIDE: readonly string[] = [STORE, ELSEWHERE];

/** Blocks with the exceptions that they may have. */
const BLOCKS: readonly (readonly [string, readonly string[]])[] = [
  ["0.0.0.0/0", ["10.0.0.0/8", "192.168.0.0/16", `${STORE}/32`, "198.51.100.64/26"]],
  ["10.0.0.0/8", [PODS, "10.42.0.0/28", "10.43.0.0/16"]],
  [PODS, ["10.42.0.0/26", "10.42.0.64/26", "10.42.0.128/25", "10.42.0.7/32"]],
  ["198.51.100.0/24", ["198.51.100.0/25", `${ELSEWHERE}/32`, "198.51.100.8/30"]],
  [`${STORE}/32`, []],
  ["192.168.60.0/24", []],
  ["::/0", ["fc00::/7", "fe80::/10"]],
];

/** Returns the spec of a random policy. */
export function randomSpec(choose: Chooser): object {
  const { one, chance, some } = choose;
  const policyTypes = one([undefined, ["Ingress"], ["Egress"], ["Ingress", "Egress"]]);
  const rules = (side: "from" | "to") =>
    chance(0.2) ? undefined : some(3, () => randomRule(choose, side));
  const [ingress, egress] = [rules("from"), rules("to")];
  return {
    podSelector: chance(0.3) ? {} : randomSelector(choose, KEYS),
    ...(policyTypes === undefined ? {} : { policyTypes }),
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
  };
}

function randomRule(choose: Chooser, side: "from" | "to"): object {
  const { chance, some } = choose;
  return {
    ...(chance(0.2) ? {} : { [side]: some(3, () => randomPeer(choose)) }),
    ...(chance(0.3) ? {} : { ports: some(3, () => randomPort(choose)) }),
  };
}

function randomPeer(choose: Chooser): object {
  const { one, chance } = choose;
  if (chance(0.4)) {
    const [cidr, excepts] = one(BLOCKS);
    const except = excepts.filter(() => chance(0.4));
    return { ipBlock: chance(0.3) ? { cidr } : { cidr, except } };
  }
  const podSelector = chance(0.3) ? {} : randomSelector(choose, KEYS);
  const namespaceSelector = chance(0.3) ? {} : randomSelector(choose, KEYS);
  return one([{ podSelector }, { namespaceSelector }, { podSelector, namespaceSelector }]);
}

function randomPort({ one, chance, under }: Chooser): object {
  const protocol = chance(0.4) ? {} : { protocol: one(["TCP", "UDP", "SCTP"]) };
  if (chance(0.15)) return protocol;
  if (chance(0.35)) return { ...protocol, port: one(PORT_NAMES) };
  const port = one([...PORTS.TCP, ...PORTS.UDP]);
  if (chance(0.6)) return { ...protocol, port };
  return { ...protocol, port: port - under(2), endPort: port + under(500) };
}

function randomSelector(choose: Chooser, keys: readonly string[]): object {
  const { one, chance, some } = choose;
  const expressions = () =>
    some(2, () => {
      const [operator, key] = [one(["In", "NotIn", "Exists", "DoesNotExist"]), one(keys)];
      return operator.endsWith("In")
        ? { key, operator, values: [one(VALUES), one(VALUES)] }
        : { key, operator };
    });
  return {
    ...(chance(0.4) ? {} : { matchLabels: { [one(keys)]: one(VALUES) } }),
    ...(chance(0.6) ? {} : { matchExpressions: expressions() }),
  };
}
