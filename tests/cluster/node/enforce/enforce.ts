import { Failure } from "../../../../pipeline/errors.ts";
import { runCommand } from "../../../../tasks/main.ts";
import type { Flags } from "../../../../tasks/cli/flags.ts";
import { print, showStatus } from "../../../../tasks/cli/terminal.ts";
import { endKept, keep } from "../../kept.ts";
import { missingNode } from "../programs.ts";
import { isKnown } from "./known.ts";
import { applyWorld, type Disagreement, judgeWorld, openStage, removeWorld } from "./play.ts";
import { worldOf } from "./world.ts";

await runCommand({
  name: "enforce",
  values: ["worlds", "seed", "flows"],
  switches: [],
  help: `
Compares the verdicts about NetworkPolicies with packets. Random pods, Services and policies are
applied to a real node, and every connection is tried: between pods, by Services, and with addresses
outside the cluster, over TCP and UDP. It prints each connection that differs from its verdict.

Usage: deno task enforce [--worlds N] [--seed S] [--flows N]

  --worlds N    the number of worlds; default: 5
  --seed S      the seed of the first world; the next world has the next seed; default: random
  --flows N     the number of connections in each world; default: 150

Needs root, and the real node (see "deno task cluster:up --help").

Examples:
  deno task enforce
  deno task enforce --worlds 1 --seed 4711    repeat one world

Exit codes: 0 every verdict is true, or differs as docs/real-node.md says; 1 another verdict differs; 2 wrong usage, or there is no real node.
`,
  async run(flags) {
    const [count, perWorld] = [whole(flags, "worlds", 5), whole(flags, "flows", 150)];
    const first = whole(flags, "seed", crypto.getRandomValues(new Uint16Array(1))[0]!);
    const reason = await missingNode();
    if (reason !== undefined) {
      throw new Failure({
        kind: "configuration",
        task: "start a real node",
        problem: reason,
        remedy: 'Run "deno task cluster:up --node" once as root, and "deno task cluster:down".',
      });
    }
    const name = `enforce-${Deno.pid}`;
    showStatus("starting the real node …");
    const kept = await keep(name, { nodes: "real", whileProcess: Deno.pid });
    let [flows, different, known] = [0, 0, 0];
    try {
      await using stage = await openStage(kept);
      for (let seed = first; seed < first + count; seed++) {
        showStatus(
          `world ${seed - first + 1} of ${count}: ${flows} connections, ${different} differ`,
        );
        const world = worldOf(seed, perWorld);
        const applied = await applyWorld(stage, world);
        const found = await judgeWorld(stage, applied);
        for (const each of found) {
          const isExpected = isKnown(applied.cluster, each);
          if (isExpected) known++;
          const word = isExpected ? "known difference" : "DIFFERS";
          print(`${word}, seed ${seed}: ${formatDisagreement(each)}`);
        }
        flows += world.flows.length;
        different += found.length;
        await removeWorld(stage, world);
      }
    } finally {
      await endKept(name);
    }
    print(`${flows} connections in ${count} worlds, seeds ${first} to ${first + count - 1}`);
    const unknown = different - known;
    print(
      `${flows - different} agree, ${unknown} differ, ${known} differ as docs/real-node.md says`,
    );
    return unknown === 0 ? 0 : 1;
  },
});

function formatDisagreement({ flow, allowed, outcome }: Disagreement): string {
  const { from, to, protocol, port, byService } = flow;
  const end = (each: number | string) => typeof each === "number" ? `pod-${each}` : each;
  const by = byService ? " by its Service" : "";
  const verdict = allowed ? "allowed" : "denied";
  return `${end(from)} to ${end(to)}${by}, ${protocol} ${port}: ${verdict}, but ${outcome}`;
}

function whole(flags: Flags, name: string, otherwise: number): number {
  const text = flags.value(name);
  if (text === undefined) return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Failure({
    kind: "configuration",
    task: `use --${name} ${JSON.stringify(text)}`,
    problem: "it is not a whole number",
    remedy: `Write a number, such as --${name} ${otherwise}.`,
  });
}
