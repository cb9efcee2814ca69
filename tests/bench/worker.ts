import { runBronze } from "../../pipeline/bronze.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { EVENT_COLUMNS } from "../../pipeline/contract/tables.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { runSilver } from "../../pipeline/silver.ts";

/** The work to measure, passed as JSON on standard input. */
export interface Work {
  readonly kind: "floor" | "bronze" | "silver";
  readonly database: DatabaseConfig;
  /** Directory of the lake. */
  readonly lake: string;
  readonly events: number;
}

/** The measurement, printed as JSON on standard output. */
export interface Measured {
  readonly seconds: number;
  /** Largest resident set size of the whole process. */
  readonly peakBytes: number;
}

const work: Work = await new Response(Deno.stdin.readable).json();
const day = parseDay("2025-12-28")!;
const observer = { step() {}, progress() {} };
const lake = openLake({ kind: "directory", path: work.lake });

const started = performance.now();
if (work.kind === "floor") await copyIntoNothing();
if (work.kind === "bronze") {
  await runBronze({ database: work.database, lake, day, grace: 0n, observer });
}
if (work.kind === "silver") await runSilver({ lake, day, observer });
const seconds = (performance.now() - started) / 1000;

console.log(JSON.stringify({ seconds, peakBytes: peakBytes() } satisfies Measured));

async function copyIntoNothing(): Promise<void> {
  const connection = await connect(work.database);
  const names = EVENT_COLUMNS.map(({ name }) => name).join(", ");
  for await (const _ of connection.copy(`SELECT ${names} FROM stop_events`));
  await connection.close();
}

function peakBytes(): number {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024;
  } catch {
    return Deno.memoryUsage().rss; // /proc/self/status exists only on Linux
  }
}
