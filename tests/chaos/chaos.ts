import { Failure } from "../../pipeline/errors.ts";
import { runCommand } from "../../tasks/main.ts";
import { choice, type Flags } from "../../tasks/cli/flags.ts";
import { print, showStatus } from "../../tasks/cli/terminal.ts";
import { startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { REQUIRED_PACKAGES, rgwInstalled, startRgw } from "../support/ceph_rgw.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { startStrictS3 } from "../support/strict_s3.ts";
import { openArena } from "./arena.ts";
import { explore } from "./interleavings.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { createOutbox } from "./outbox.ts";
import { createRandom } from "./random.ts";
import { ALL, describe } from "./scenarios.ts";
import { makeStart } from "./scene.ts";
import { createTally, renderProgress, renderTally } from "./tally.ts";
import { playWindow } from "./window.ts";
import { planWindow } from "./window_plan.ts";

/** Milliseconds between two updates of the status line. */
const STATUS_MS = 500;

/** Milliseconds between two lines of progress without a terminal. */
const PROGRESS_MS = 60_000;

const LAKES = ["directory", "rgw", "strict"] as const;

await runCommand({
  name: "chaos",
  values: ["windows", "seed", "lake", "only", "interleavings"],
  switches: [],
  cleansUp: true, // prints the counts so far when interrupted
  help: `
Runs random days under random faults: slow writers, rollbacks, late events, concurrent runs,
readers, faults of Postgres and of the store, and processes that are killed or paused. It prints
each broken guarantee of the publish protocol. During the run it shows the counts in a status line.
Without a terminal, it prints this line once a minute.

Usage: deno task chaos [--windows N] [--seed S] [--lake directory|rgw|strict] [--only K]
       deno task chaos --interleavings 1|2|3

  --windows N          the number of days; default: 20
  --seed S             the seed of all random choices; default: random, and printed
  --lake directory     the store: a directory, Ceph RGW, or a strict S3 server in memory
  --only K             run only day K of the seed
  --interleavings N    instead of days, run each pair of runs in every order of their operations,
                       with N switches between the runs

Examples:
  deno task chaos
  deno task chaos --windows 1000 --lake rgw
  deno task chaos --seed 4711 --only 17 --lake strict   repeat one day

Exit codes: 0 every guarantee is kept; 1 a guarantee is broken; 2 wrong usage; 3 a server did not
start.
`,
  async run(flags, interrupted) {
    if (flags.value("interleavings") !== undefined) return await interleave(flags);
    const count = whole(flags, "windows", 20);
    const seed = whole(flags, "seed", crypto.getRandomValues(new Uint32Array(1))[0]!);
    const only = flags.value("only") === undefined ? undefined : whole(flags, "only", 0);
    const place = choice(flags, "lake", LAKES);
    const server = await startPostgres();
    const store = await startStore(place);
    const tally = createTally();
    const windows = only === undefined ? [...Array(count).keys()] : [only];
    let [done, broken] = [0, 0];
    print(`seed ${seed}, ${place}`);
    const began = performance.now();
    const elapsed = () => performance.now() - began;
    const printSummary = () => {
      const seconds = Math.round(elapsed() / 1000);
      print(`${renderTally(tally)}\n${broken} broken, in ${seconds} s, seed ${seed}`);
    };
    const printProgress = Deno.stderr.isTerminal() ? showStatus : print;
    const progress = setInterval(() => {
      const state = { done, of: windows.length, broken, elapsed: elapsed() };
      printProgress(renderProgress(tally, state));
    }, Deno.stderr.isTerminal() ? STATUS_MS : PROGRESS_MS);
    interrupted.addEventListener("abort", printSummary);
    try {
      await using arena = await openArena(server.config, store, tally);
      for (const window of windows) {
        if (interrupted.aborted) break;
        try {
          await playWindow(arena, planWindow(createRandom(seed).fork(`window ${window}`)));
        } catch (error) {
          broken++;
          const rerun = `deno task chaos --seed ${seed} --only ${window} --lake ${place}`;
          print(`BROKEN in window ${window}: ${messageOf(error)}\n  run again: ${rerun}`);
        }
        done++;
      }
    } finally {
      clearInterval(progress);
      await store?.stop();
      await server.stop();
    }
    if (!interrupted.aborted) printSummary();
    return broken > 0 ? 1 : 0;
  },
});

/** Plays every pair of runs on a lake in memory. */
async function interleave(flags: Flags): Promise<number> {
  const switches = Number(choice(flags, "interleavings", ["1", "2", "3"])) as 1 | 2 | 3;
  const server = await startPostgres();
  let broken = 0;
  try {
    await using database = await createOutbox(server.config);
    const stage = { database, lake: memoryLake() };
    for (const [pair, scenarios] of Object.entries(ALL)) {
      let played = 0;
      for (const scenario of scenarios) {
        showStatus(`${pair}, ${describe(scenario)} …`);
        const start = await makeStart(stage, scenario.start);
        const { schedules, found } = await explore(stage, start, scenario, switches);
        played += schedules;
        broken += found.length;
        for (const { schedule: { a, b, more }, problem } of found.slice(0, 3)) {
          print(`BROKEN ${describe(scenario)}, stops ${[a, b, more].join(", ")}: ${problem}`);
        }
      }
      print(`${pair}: ${scenarios.length} scenarios, ${played} schedules`);
    }
  } finally {
    await server.stop();
  }
  print(`${broken} broken`);
  return broken > 0 ? 1 : 0;
}

async function startStore(place: (typeof LAKES)[number]): Promise<ObjectStore | undefined> {
  if (place === "directory") return undefined;
  if (place === "strict") return startStrictS3();
  if (rgwInstalled()) return await startRgw();
  throw new Failure({
    kind: "configuration",
    task: "use --lake rgw",
    problem: "Ceph RGW is not installed",
    remedy: `Install ${REQUIRED_PACKAGES}.`,
  });
}

function whole(flags: Flags, name: string, otherwise: number): number {
  const text = flags.value(name) ?? String(otherwise);
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Failure({
    kind: "configuration",
    task: `use --${name} ${JSON.stringify(text)}`,
    problem: "it is not a whole number",
    remedy: `Give a whole number with --${name}.`,
  });
}

function messageOf(error: unknown): string {
  const isBroken = error instanceof Error && error.name === "Broken";
  return isBroken ? error.message : Deno.inspect(error);
}
