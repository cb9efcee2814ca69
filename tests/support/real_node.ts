import { keep, type Kept } from "../cluster/kept.ts";
import type { Machine } from "../cluster/node/machine.ts";
import { NODE_CAN_START } from "./node_tests.ts";

// One cluster with a real node for all tests of a process. The first test file that imports this
// module starts it, the other files find it, and it exits with the process that runs all of them.

/** A running cluster with a real node. */
export interface RealNode extends Kept {
  readonly machine: Machine;
}

let kept: Kept | undefined;
Deno.test.beforeAll(async () => {
  if (!NODE_CAN_START) return;
  kept = await keep(`node-${Deno.pid}`, { nodes: "real", whileProcess: Deno.pid });
});

/** Returns the cluster with a real node. */
export function realNode(): RealNode {
  if (kept?.machine === undefined) throw new Error("The real node runs only while tests do.");
  return { ...kept, machine: kept.machine };
}
