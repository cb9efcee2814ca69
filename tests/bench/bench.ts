import { readFlags } from "../../tasks/cli/flags.ts";
import { clearStatus, print, showStatus } from "../../tasks/cli/terminal.ts";
import { startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import { CREATE_OUTBOX, generatedEvents } from "../../tasks/demo/events.ts";
import { session } from "../support/pg_session.ts";
import type { Measured, Work } from "./worker.ts";

// Measures bronze and silver against a plain COPY on the same machine, in turn, so that a slow
// phase of the machine affects all of them. Every run is a separate process with the flags of the
// tasks.

const KINDS = ["floor", "bronze", "silver"] as const;
type Kind = typeof KINDS[number];

const HELP = `
Measures bronze and silver, and compares them with a baseline: COPY … TO STDOUT (FORMAT binary) of
the same rows, discarded. Prints the median rows per second, the ratio to the baseline, and the peak
memory.

Usage: deno task bench [--events N] [--rounds N]

Examples:
  deno task bench                      200,000 events, five rounds
  deno task bench --events 1000000 --rounds 3
`;

const flags = readFlags(Deno.args, { values: ["events", "rounds"], switches: [] });
if (flags.on("help")) {
  print(HELP.trim());
  Deno.exit(0);
}
const events = Number(flags.value("events") ?? 200_000);
const rounds = Number(flags.value("rounds") ?? 5);

const postgres = await startPostgres();
const folder = await Deno.makeTempDir({ prefix: "bench-" });
try {
  showStatus(`inserting ${events.toLocaleString("en-US")} events …`);
  const owner = await session(postgres.config);
  await owner.query(CREATE_OUTBOX);
  await owner.query(generatedEvents(events));
  await owner.query("VACUUM ANALYZE stop_events");
  await owner.end();

  const runs: Record<Kind, Measured[]> = { floor: [], bronze: [], silver: [] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of KINDS) {
      showStatus(`round ${round + 1} of ${rounds}: ${kind}`);
      const lake = `${folder}/${round}`;
      runs[kind].push(await measure({ kind, database: postgres.config, lake, events }));
    }
  }
  clearStatus();
  print(render(runs));
} finally {
  await postgres.stop();
  await Deno.remove(folder, { recursive: true });
}

async function measure(work: Work): Promise<Measured> {
  const tasks = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  const v8 = /--v8-flags=\S+/.exec(tasks.tasks.bronze.command)![0];
  const worker = new URL("./worker.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=test", v8, worker],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(work)));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`The ${work.kind} run failed.`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function render(runs: Record<Kind, Measured[]>): string {
  const floor = median(runs.floor.map(({ seconds }) => seconds));
  const lines = KINDS.map((kind) => {
    const seconds = median(runs[kind].map((run) => run.seconds));
    const ratios = runs[kind].map((run, i) => run.seconds / runs.floor[i]!.seconds);
    const peak = Math.max(...runs[kind].map((run) => run.peakBytes));
    return [
      kind,
      Math.round(events / seconds).toLocaleString("en-US"),
      `${(floor / seconds).toFixed(2)}`,
      `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}`,
      `${Math.round(peak / 1e6)} MB`,
    ];
  });
  const head = ["", "rows/s", "ratio", "time / baseline", "peak memory"];
  const cpu = `${navigator.hardwareConcurrency} processors`;
  return [
    `${events.toLocaleString("en-US")} events, medians of ${rounds} rounds, ${cpu}`,
    ...[head, ...lines].map((cells) =>
      cells.map((cell, i) => i === 0 ? cell.padEnd(8) : cell.padStart(i === 3 ? 20 : 13)).join("")
    ),
  ].join("\n");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
