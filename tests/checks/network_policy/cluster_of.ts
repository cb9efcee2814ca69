import { readCluster } from "../../../checks/network_policy/read_cluster.ts";
import { parseAddress } from "../../../checks/network_policy/address.ts";
import type { Cluster, Endpoint, Flow, Protocol } from "../../../checks/network_policy/model.ts";
import { assertEquals } from "../../support/assert.ts";
import type { RawEnd, RawFlow, RawPod, World } from "./reference.ts";

/** Returns the Kubernetes objects of a world. */
export function objectsOf({ namespaces, pods, policies }: World): unknown[] {
  return [
    ...Object.entries(namespaces).map(([name, labels]) => (
      { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }
    )),
    ...pods.map(podObject),
    ...policies.map(({ namespace, spec }, i) => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: `policy-${i}`, namespace },
      spec,
    })),
  ];
}

/** Reads a world as a cluster. All objects must be valid. */
export function clusterOf(world: World): Cluster {
  const { cluster, problems } = readCluster(objectsOf(world).map((value) => ({ value })));
  assertEquals(problems, []);
  return cluster;
}

/** Converts a raw connection to a connection of the cluster. */
export function flowOf(cluster: Cluster, world: World, flow: RawFlow): Flow {
  const end = (each: RawEnd): Endpoint =>
    typeof each === "string"
      ? { type: "outside", address: parseAddress(each)! }
      : cluster.pods[world.pods.indexOf(each)]!;
  const { from, to, protocol, port } = flow;
  return { from: end(from), to: end(to), protocol: protocol as Protocol, port };
}

function podObject(pod: RawPod, i: number): unknown {
  const { namespace, labels, ports, hostNetwork, ip, several } = pod;
  const containers = [{
    name: "main",
    ports: ports.map(({ name, protocol, port }) => ({ name, protocol, containerPort: port })),
  }];
  const spec = { hostNetwork, containers };
  const metadata = { name: `pod-${i}`, namespace };
  if (!several) {
    const status = ip === undefined ? {} : { podIP: ip };
    return { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, labels }, spec, status };
  }
  const template = { metadata: { labels }, spec };
  return { apiVersion: "apps/v1", kind: "ReplicaSet", metadata, spec: { template } };
}
