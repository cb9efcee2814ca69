import type { KubeObject } from "../../../../pipeline/cluster/cluster.ts";
import { TOOLS } from "../settings.ts";
import { chooser, seeded } from "../../../checks/network_policy/worlds.ts";
import { type Chooser, KEYS, OUTSIDE, PORT_NAMES, PORTS, randomSpec, VALUES } from "./policies.ts";

/** A random world: the objects to apply, and the connections to try. */
export interface World {
  readonly seed: number;
  readonly namespaces: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
  /** One Service for each pod. */
  readonly services: readonly KubeObject[];
  readonly policies: readonly KubeObject[];
  readonly flows: readonly PlannedFlow[];
}

/** An end of a connection: the number of a pod, or an outside address. */
export type End = number | string;

/** A connection to try. One end at least is a pod. */
export interface PlannedFlow {
  readonly from: End;
  readonly to: End;
  /** True if the destination, a pod, is reached by the address of its Service. */
  readonly byService: boolean;
  readonly protocol: "TCP" | "UDP";
  /** The port of the destination pod or address. */
  readonly port: number;
}

/** What a Service adds to the number of its pod's port. */
export const SERVICE_OFFSET = 10_000;

const NAMESPACES = 3;
const PODS = 7;

/** Returns the world of a seed. */
export function worldOf(seed: number, flows: number): World {
  const choose = chooser(seeded(seed));
  const { one, chance, some, under } = choose;
  const labels = () => Object.fromEntries(some(3, () => [one(KEYS), one(VALUES)]));
  const names = Array.from({ length: NAMESPACES }, (_, i) => `world-${seed}-${i}`);
  const namespaces = names.map((name) => (
    { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: labels() } }
  ));
  const pods = Array.from({ length: PODS }, (_, i) => podOf(choose, i, one(names), labels()));
  const policies = Array.from({ length: 2 + under(5) }, (_, i) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: `policy-${i}`, namespace: one(names) },
    spec: randomSpec(choose),
  }));
  const planned = Array.from({ length: flows }, (): PlannedFlow => {
    const pod = under(PODS);
    const other: End = chance(0.7) ? under(PODS) : one(OUTSIDE);
    const [from, to] = chance(0.5) ? [pod, other] : [other, pod];
    const protocol = chance(0.65) ? "TCP" : "UDP";
    const byService = typeof from === "number" && typeof to === "number" && from !== to &&
      chance(0.3);
    return { from, to, byService, protocol, port: one(PORTS[protocol]) };
  });
  return { seed, namespaces, pods, services: pods.map(serviceOf), policies, flows: planned };
}

/** Returns the ports of pods and of outside addresses, for `probe serve`. */
export function servedPorts(): string[] {
  return Object.entries(PORTS).flatMap(([protocol, numbers]) =>
    numbers.map((port) => `${protocol.toLowerCase()}:${port}`)
  );
}

function podOf(
  { one, some }: Chooser,
  i: number,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): KubeObject {
  // The ports of a container have different names.
  const ports = new Map(some(3, () => {
    const name = one(PORT_NAMES);
    const protocol = one(["TCP", "UDP"] as const);
    return [name, {
      name,
      protocol,
      containerPort: one(PORTS[protocol]),
    }] as const;
  }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `pod-${i}`, namespace, labels: { ...labels, pod: `pod-${i}` } },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: "Exists" }],
      containers: [{
        name: "probe",
        image: TOOLS,
        imagePullPolicy: "Never",
        command: ["probe", "serve", ...servedPorts()],
        ports: [...ports.values()],
      }],
    },
  };
}

function serviceOf({ metadata: { name, namespace } }: KubeObject): KubeObject {
  const ports = Object.entries(PORTS).flatMap(([protocol, numbers]) =>
    numbers.map((port) => ({
      name: `${protocol.toLowerCase()}-${port}`,
      protocol,
      port: port + SERVICE_OFFSET,
      targetPort: port,
    }))
  );
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: namespace! },
    spec: { selector: { pod: name }, ports },
  };
}
