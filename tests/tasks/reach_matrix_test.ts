import { evaluate } from "../../checks/network_policy/evaluate.ts";
import { type Matrix, matrixOf } from "../../checks/network_policy/matrix.ts";
import type { Cluster, Pod } from "../../checks/network_policy/model.ts";
import { has } from "../../checks/network_policy/open_ports.ts";
import { readCluster } from "../../checks/network_policy/read_cluster.ts";
import { DEFAULT_PROJECT } from "../../pipeline/contract/project.ts";
import { renderMatrix, renderMatrixJson, renderMatrixLines } from "../../tasks/reach/matrix.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { policyManifests } from "../support/policy_manifests.ts";

function clusterOf(workloads: number, policies: number): Cluster {
  const objects = [...policyManifests(workloads, policies)];
  const { cluster, problems } = readCluster(objects.map((text) => ({ value: JSON.parse(text) })));
  assertEquals(problems, []);
  return cluster;
}

/** The cluster with labels that count their reads. */
function counted(cluster: Cluster): { cluster: Cluster; reads: () => number } {
  let reads = 0;
  class Counted extends Map<string, string> {
    override get(key: string): string | undefined {
      reads++;
      return super.get(key);
    }
  }
  const pods = cluster.pods.map((pod) => ({ ...pod, labels: new Counted(pod.labels) }));
  return { cluster: { ...cluster, pods }, reads: () => reads };
}

/** Reads a whole matrix, and returns the number of its rows. */
function rowsOf({ within, outward, inward }: Matrix): number {
  let rows = 0;
  for (const list of [within, outward, inward]) for (const _ of list) rows++;
  return rows;
}

Deno.test("matrixOf selects pods once for each pod, not for each pair of pods", () => {
  const readsFor = (workloads: number) => {
    const { cluster, reads } = counted(clusterOf(workloads, 500));
    const rows = rowsOf(matrixOf(cluster));
    assert(rows > workloads, `${rows} rows`);
    return reads();
  };
  const [some, many] = [readsFor(500), readsFor(2000)];
  // With four times the pods, pairs of pods would need 16 times the reads.
  assert(some > 500 && many < 5 * some, `${some} reads for 500 pods, ${many} for 2,000`);
  assert(many < 2000 * 2000, `${many} reads are more than there are pairs`);
});

Deno.test("matrixOf agrees with evaluate on pairs of 2,000 workloads under 500 policies", () => {
  const cluster = clusterOf(2000, 500);
  const chosen = new Set(cluster.pods.filter((_, i) => i % 67 === 0));
  const open = new Map<Pod, Map<Pod, readonly number[]>>();
  const ports = [443, 8000, 8002, 8003];
  let rows = 0;
  for (const { from, to, ports: set } of matrixOf(cluster).within) {
    rows++;
    if (!chosen.has(from) || !chosen.has(to)) continue;
    const row = open.get(from) ?? new Map();
    row.set(to, ports.filter((port) => has(set, "TCP", port)));
    open.set(from, row);
  }
  assert(rows > 100_000, `${rows} rows`);
  let allowed = 0;
  for (const from of chosen) {
    for (const to of chosen) {
      const expected = ports.filter((port) =>
        evaluate(cluster, { from, to, protocol: "TCP", port }).allowed
      );
      allowed += expected.length;
      assertEquals([from.name, to.name, open.get(from)?.get(to) ?? []], [
        from.name,
        to.name,
        expected,
      ]);
    }
  }
  const all = chosen.size ** 2 * ports.length;
  assert(allowed > all / 20 && allowed < all, `${allowed} of ${all} were allowed`);
});

for (
  const [format, render] of [
    ["text", renderMatrix],
    ["json", renderMatrixJson],
    ["ndjson", renderMatrixLines],
  ] as const
) {
  Deno.test(`reach --matrix --output ${format}: yields a large list in small pieces`, () => {
    const cluster = clusterOf(1000, 0);
    const reading = {
      directory: "many",
      cluster,
      services: [],
      project: DEFAULT_PROJECT,
      namespaces: new Set<string>(),
      workloads: cluster.pods.length,
      unrendered: [],
      notes: [],
    };
    let longest = 0;
    let total = 0;
    for (const piece of render(reading, matrixOf(cluster))) {
      total += piece.length;
      longest = Math.max(longest, piece.length);
    }
    // No piece contains all connections, so no string gets too long.
    assert(total > 50_000_000, `${total} characters`);
    assert(longest < 500_000 && total > 100 * longest, `${longest} characters in one piece`);
  });
}
