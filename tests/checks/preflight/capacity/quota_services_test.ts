import { readFile } from "../../../../checks/facts/manifests.ts";
import { judgeCounts } from "../../../../checks/preflight/capacity/object_counts.ts";
import { assertEquals } from "../../../support/assert.ts";

// Quotas of Services by their type.

function problemsOf(hard: string, ...specs: string[]) {
  const services = specs.map((spec, i) =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: s${i}, namespace: analytics-jobs }\nspec: ${spec}\n`
  );
  const quota = "apiVersion: v1\nkind: ResourceQuota\n" +
    `metadata: { name: q, namespace: analytics-jobs }\nspec: { hard: { ${hard} } }\n`;
  const { objects } = readFile("a.yaml", [quota, ...services].join("---\n"));
  return judgeCounts({ objects, jobs: [] }).map(({ problem }) => problem);
}

const PORTS = "ports: [{ name: a, port: 80 }, { name: b, port: 81 }]";

Deno.test("quota-fit counts the ports of nodes that Services have", () => {
  const of = (most: number, ...specs: string[]) =>
    problemsOf(`services.nodeports: "${most}"`, ...specs);
  assertEquals(of(0, `{ type: ClusterIP, ${PORTS} }`), []);
  assertEquals(of(2, `{ type: NodePort, ${PORTS} }`), []);
  assertEquals(of(1, `{ type: NodePort, ${PORTS} }`), [
    "ResourceQuota analytics-jobs/q allows 1, and there are 2: Service s0",
  ]);
  assertEquals(of(1, `{ type: LoadBalancer, ${PORTS} }`).length, 1);
  const without = "allocateLoadBalancerNodePorts: false";
  assertEquals(of(0, `{ type: LoadBalancer, ${without}, ${PORTS} }`), []);
});

Deno.test("quota-fit counts load balancers", () => {
  const of = (most: number, ...specs: string[]) =>
    problemsOf(`services.loadbalancers: "${most}"`, ...specs);
  assertEquals(of(0, `{ type: NodePort, ${PORTS} }`), []);
  assertEquals(of(1, `{ type: LoadBalancer, ${PORTS} }`), []);
  assertEquals(of(0, `{ type: LoadBalancer, ${PORTS} }`).length, 1);
});
