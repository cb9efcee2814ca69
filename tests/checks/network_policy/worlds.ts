import { randomNumbers } from "../../support/random.ts";
import type {
  RawEnd,
  RawFlow,
  RawPeer,
  RawPod,
  RawPolicy,
  RawPort,
  RawRule,
  RawSelector,
  World,
} from "./reference.ts";

/** Returns a generator of numbers from 0 to less than 1, the same in each run. */
export function seeded(seed: number): () => number {
  const next = randomNumbers(seed);
  return () => next() / 2 ** 32;
}

const NAMESPACES = ["red", "green", "blue"];
const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const PORT_NAMES = ["web", "db", "dns"];
const PORTS = [1, 53, 80, 81, 443, 5432, 8080, 65535];
const KEYS = ["app", "tier", "constructor"];
const VALUES = ["a", "b", "c", ""];
const BLOCKS: readonly (readonly [string, readonly string[]])[] = [
  ["0.0.0.0/0", ["10.0.0.0/8", "192.168.0.0/16", "203.0.113.7/32"]],
  ["10.0.0.0/8", ["10.1.0.0/16", "10.1.2.0/24", "10.128.0.0/9"]],
  ["10.1.2.3/16", ["10.1.2.0/24", "10.1.2.255/32"]],
  ["203.0.113.0/24", ["203.0.113.0/25", "203.0.113.128/26"]],
  ["::/0", ["fd00::/8", "2001:db8::/32", "::1/128"]],
  ["2001:db8::/32", ["2001:db8:1::/48", "2001:db8:0:1::/64"]],
  ["fd00::1/128", []],
  ["255.255.255.255/32", []],
];
const OUTSIDE = [
  "0.0.0.0",
  "9.255.255.255",
  "10.0.0.0",
  "10.1.2.3",
  "10.1.3.0",
  "10.127.255.255",
  "11.0.0.0",
  "192.168.4.4",
  "203.0.113.7",
  "203.0.113.130",
  "203.0.113.255",
  "255.255.255.255",
  "::",
  "::1",
  "2001:db8::5",
  "2001:db8:1::1",
  "2001:db9::",
  "fd00::1",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

/** Returns functions for random choices, based on a source of random numbers. */
export function chooser(random: () => number) {
  const under = (limit: number) => Math.floor(random() * limit);
  const one = <T>(from: readonly T[]): T => from[under(from.length)]!;
  const chance = (part: number) => random() < part;
  const some = <T>(most: number, make: () => T): T[] =>
    Array.from({ length: under(most + 1) }, make);
  return { under, one, chance, some };
}

type Chooser = ReturnType<typeof chooser>;

/** Returns a small random cluster. Its policies use all fields. */
export function randomWorld(choose: Chooser): World {
  const { one, chance, some } = choose;
  const labels = () => Object.fromEntries(some(3, () => [one(KEYS), one(VALUES)]));
  const pods = Array.from({ length: 2 + choose.under(5) }, (): RawPod => {
    const several = chance(0.5);
    return {
      namespace: one(NAMESPACES),
      labels: labels(),
      ports: some(3, () => ({ name: one(PORT_NAMES), protocol: one(PROTOCOLS), port: one(PORTS) })),
      hostNetwork: chance(0.1),
      ip: several || chance(0.5) ? undefined : one(OUTSIDE),
      several,
    };
  });
  const namespaces = Object.fromEntries(
    NAMESPACES.filter(() => chance(0.8)).map((name) => [name, labels()]),
  );
  return { namespaces, pods, policies: some(5, () => randomPolicy(choose)) };
}

/** Returns a random connection between two pods, or a pod and an outside address. */
export function randomFlow({ one, chance, under }: Chooser, { pods }: World): RawFlow {
  const pod = one(pods);
  const other: RawEnd = chance(0.6) ? one(pods) : one(OUTSIDE);
  const [from, to] = chance(0.5) ? [pod, other] : [other, pod];
  const port = chance(0.8) ? one(PORTS) : 1 + under(65535);
  return { from, to, protocol: chance(0.6) ? "TCP" : one(PROTOCOLS), port };
}

function randomPolicy(choose: Chooser): RawPolicy {
  const { one, chance, some } = choose;
  const types = [undefined, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"]];
  const policyTypes = one(types);
  const rules = (side: "from" | "to") =>
    chance(0.25) ? undefined : some(3, () => randomRule(choose, side));
  const [ingress, egress] = [rules("from"), rules("to")];
  return {
    namespace: one(NAMESPACES),
    spec: {
      podSelector: chance(0.4) ? {} : randomSelector(choose, KEYS),
      ...(policyTypes === undefined ? {} : { policyTypes }),
      ...(ingress === undefined ? {} : { ingress }),
      ...(egress === undefined ? {} : { egress }),
    },
  };
}

function randomRule(choose: Chooser, side: "from" | "to"): RawRule {
  const { chance, some } = choose;
  return {
    ...(chance(0.2) ? {} : { [side]: some(3, () => randomPeer(choose)) }),
    ...(chance(0.3) ? {} : { ports: some(3, () => randomPort(choose)) }),
  };
}

function randomPeer(choose: Chooser): RawPeer {
  const { one, chance } = choose;
  if (chance(0.4)) {
    const [cidr, excepts] = one(BLOCKS);
    const except = excepts.filter(() => chance(0.4));
    return { ipBlock: chance(0.3) ? { cidr } : { cidr, except } };
  }
  const keys = [...KEYS, "kubernetes.io/metadata.name"];
  const podSelector = chance(0.3) ? {} : randomSelector(choose, KEYS);
  const namespaceSelector = chance(0.3) ? {} : randomSelector(choose, keys);
  return one([{ podSelector }, { namespaceSelector }, { podSelector, namespaceSelector }]);
}

function randomPort({ one, chance, under }: Chooser): RawPort {
  const protocol = chance(0.4) ? {} : { protocol: one(PROTOCOLS) };
  if (chance(0.2)) return protocol;
  if (chance(0.3)) return { ...protocol, port: one(PORT_NAMES) };
  const port = one(PORTS);
  if (chance(0.6)) return { ...protocol, port };
  return { ...protocol, port, endPort: Math.min(65535, port + under(500)) };
}

function randomSelector(choose: Chooser, keys: readonly string[]): RawSelector {
  const { one, chance, some } = choose;
  const values = () => [one([...VALUES, ...NAMESPACES]), one(VALUES)];
  const expressions = () =>
    some(2, () => {
      const operator = one(["In", "NotIn", "Exists", "DoesNotExist"]);
      const key = one(keys);
      return operator.endsWith("In") ? { key, operator, values: values() } : { key, operator };
    });
  return {
    ...(chance(0.4) ? {} : { matchLabels: { [one(keys)]: one([...VALUES, ...NAMESPACES]) } }),
    ...(chance(0.5) ? {} : { matchExpressions: expressions() }),
  };
}
