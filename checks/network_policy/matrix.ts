import { isItself } from "./evaluate.ts";
import type { Cluster, Pod } from "./model.ts";
import { type OutsideRange, outsideRanges } from "./outside.ts";
import { allowedPorts, common, EVERY, isEmpty, type PortSet } from "./ports.ts";

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
  const within = cluster.pods.flatMap((from) =>
    cluster.pods.flatMap((to): PodConnection[] => {
      const ports = portsBetween(cluster, from, to);
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
export function portsBetween(cluster: Cluster, from: Pod, to: Pod): PortSet {
  if (isItself(from, to)) return EVERY;
  const leaving = allowedPorts(cluster, from, to, "egress");
  return isEmpty(leaving) ? leaving : common(leaving, allowedPorts(cluster, to, from, "ingress"));
}
