import { isItself } from "./evaluate.ts";
import { isolating } from "./match.ts";
import type { Cluster, Pod } from "./model.ts";
import { type OutsideRange, outsideRanges } from "./outside.ts";
import type { Policy } from "./policy.ts";
import { common, EVERY, isEmpty, type PortSet, portsUnder } from "./ports.ts";

/** What is open from one workload's pods to another's. */
export interface PodConnection {
  /** Who opens connections. */
  readonly from: Pod;
  /** Whom they reach. Where that is the same workload, another pod of it, or a bare Pod itself. */
  readonly to: Pod;
  /** The ports that both ends allow, at least one. */
  readonly ports: PortSet;
}

/** What is open between a workload's pods and the outside. */
export interface OutsideConnection extends OutsideRange {
  /** The workload. */
  readonly pod: Pod;
}

/** Every connection that is allowed, and no other. */
export interface Matrix {
  /** Between workloads. */
  readonly within: readonly PodConnection[];
  /** From workloads to outside addresses. */
  readonly outward: readonly OutsideConnection[];
  /** From outside addresses to workloads. */
  readonly inward: readonly OutsideConnection[];
}

/** Lists every connection that the policies of a cluster allow, in the order of its workloads. */
export function matrixOf(cluster: Cluster): Matrix {
  // Asking for every pair which policies isolate its ends would take most of the time.
  const isolated = new Map(cluster.pods.map((pod) => [pod, {
    egress: isolating(cluster, pod, "egress"),
    ingress: isolating(cluster, pod, "ingress"),
  }]));
  const within = cluster.pods.flatMap((from) =>
    cluster.pods.flatMap((to): PodConnection[] => {
      const [leaving, entering] = [isolated.get(from)!.egress, isolated.get(to)!.ingress];
      const ports = between(cluster, from, to, leaving, entering);
      return isEmpty(ports) ? [] : [{ from, to, ports }];
    })
  );
  const outside = (direction: "egress" | "ingress") =>
    cluster.pods.flatMap((pod) =>
      outsideRanges(cluster, pod, direction).map((range): OutsideConnection => ({ pod, ...range }))
    );
  return { within, outward: outside("egress"), inward: outside("ingress") };
}

/** The ports that are open from one workload's pods to another's. */
function between(
  cluster: Cluster,
  from: Pod,
  to: Pod,
  leaving: readonly Policy[],
  entering: readonly Policy[],
): PortSet {
  if (isItself(from, to)) return EVERY;
  const sent = portsUnder(cluster, leaving, from, to, "egress");
  return isEmpty(sent) ? sent : common(sent, portsUnder(cluster, entering, to, from, "ingress"));
}
