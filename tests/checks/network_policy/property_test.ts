import {
  type Address,
  formatAddress,
  holds,
  parseAddress,
} from "../../../checks/network_policy/address.ts";
import { evaluate } from "../../../checks/network_policy/evaluate.ts";
import { matrixOf } from "../../../checks/network_policy/matrix.ts";
import { has, type PortSet } from "../../../checks/network_policy/open_ports.ts";
import {
  type Cluster,
  type Endpoint,
  type Pod,
  PROTOCOLS,
} from "../../../checks/network_policy/model.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { clusterOf, flowOf } from "./cluster_of.ts";
import { referenceDecisions } from "./reference.ts";
import { chooser, randomFlow, randomWorld, seeded } from "./worlds.ts";

const NONE: PortSet = { TCP: [], UDP: [], SCTP: [] };

Deno.test("evaluate agrees with a slow reference implementation on 100,000 random connections", () => {
  let allowed = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const choose = chooser(seeded(seed));
    const world = randomWorld(choose);
    const cluster = clusterOf(world);
    for (let i = 0; i < 100; i++) {
      const raw = randomFlow(choose, world);
      const { egress, ingress } = evaluate(cluster, flowOf(cluster, world, raw));
      const judged = { egress: egress.allowed, ingress: ingress.allowed };
      const expected = referenceDecisions(world, raw);
      if (judged.egress !== expected.egress || judged.ingress !== expected.ingress) {
        assertEquals({ seed, raw, ...judged }, { seed, raw, ...expected });
      }
      if (judged.egress && judged.ingress) allowed++;
    }
  }
  // Both answers must be common, or the comparison proves little.
  assert(allowed > 20_000 && allowed < 80_000, `${allowed} of 100,000 were allowed`);
});

Deno.test("matrixOf agrees with evaluate on both sides of the ends of each range", () => {
  let asked = 0;
  for (let seed = 5000; seed < 5060; seed++) {
    const cluster = clusterOf(randomWorld(chooser(seeded(seed))));
    const { within, ...outside } = matrixOf(cluster);
    const matrix = {
      within: [...within],
      outward: [...outside.outward],
      inward: [...outside.inward],
    };
    for (const from of cluster.pods) {
      for (const to of cluster.pods) {
        const found = matrix.within.find((each) => each.from === from && each.to === to);
        asked += compare(cluster, from, to, found?.ports ?? NONE, seed);
      }
      for (const [list, outward] of [[matrix.outward, true], [matrix.inward, false]] as const) {
        const ranges = list.filter(({ pod }) => pod === from);
        for (const address of borders(ranges.map(({ range }) => range))) {
          const outside: Endpoint = { type: "outside", address };
          const ports = ranges.find(({ range }) => holds(range, address))?.ports ?? NONE;
          const ends: [Endpoint, Endpoint] = outward ? [from, outside] : [outside, from];
          asked += compare(cluster, ...ends, ports, seed);
        }
      }
    }
  }
  assert(asked > 50_000, `only ${asked} connections were compared`);
});

Deno.test("matrixOf merges adjacent ranges with the same ports", () => {
  for (let seed = 9000; seed < 9100; seed++) {
    const matrix = matrixOf(clusterOf(randomWorld(chooser(seeded(seed)))));
    for (const list of [[...matrix.outward], [...matrix.inward]]) {
      for (const [i, one] of list.entries()) {
        const next = list[i + 1];
        if (next === undefined || next.pod !== one.pod) continue;
        if (next.range.family !== one.range.family) continue;
        assert(one.range.last < next.range.first, "ranges are sorted and do not overlap");
        if (one.range.last + 1n === next.range.first) {
          assert(JSON.stringify(one.ports) !== JSON.stringify(next.ports), `seed ${seed}`);
        }
      }
    }
  }
});

/** Evaluates each port at the ends of a range and next to them. */
function compare(
  cluster: Cluster,
  from: Endpoint,
  to: Endpoint,
  ports: PortSet,
  seed: number,
): number {
  let asked = 0;
  for (const protocol of PROTOCOLS) {
    const near = ports[protocol].flatMap((
      range,
    ) => [range.from - 1, range.from, range.to, range.to + 1]);
    for (const port of new Set([1, 80, 65535, ...near])) {
      if (port < 1 || port > 65535) continue;
      asked++;
      const { allowed } = evaluate(cluster, { from, to, protocol, port });
      if (allowed === has(ports, protocol, port)) continue;
      const [a, b] = [from, to].map((each) => each.type === "pod" ? nameOf(each) : nameIt(each));
      assertEquals({ seed, a, b, protocol, port, allowed }, {
        seed,
        a,
        b,
        protocol,
        port,
        allowed: !allowed,
      });
    }
  }
  return asked;
}

function borders(
  ranges: readonly { family: 4 | 6; first: bigint; last: bigint }[],
): Address[] {
  const all = ranges.flatMap(({ family, first, last }) =>
    [first - 1n, first, last, last + 1n].map((value) => ({ family, value }))
  );
  const always = ["0.0.0.0", "255.255.255.255", "10.1.2.3", "::", "fd00::1"].map((text) =>
    parseAddress(text)!
  );
  return [...all, ...always].filter(({ family, value }) =>
    value >= 0n && value < 1n << (family === 4 ? 32n : 128n)
  );
}

function nameOf({ namespace, name }: Pod): string {
  return `${namespace}/${name}`;
}

function nameIt({ address }: { address: Address }): string {
  return formatAddress(address);
}
