import { runBronze } from "../../pipeline/bronze.ts";
import type { DatabaseConfig } from "../../pipeline/config.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { runSilver } from "../../pipeline/silver.ts";
import { DAY, floorQuery } from "./queries.ts";

/** The work to measure, passed as JSON on standard input. */
export interface Work {
  readonly kind: "floor" | "bronze" | "silver";
  readonly database: DatabaseConfig;
  /** Directory of the lake. */
  readonly lake: string;
}

/** The measurement, printed as JSON on standard output. */
export interface Worked {
  /** Seconds of the work alone. */
  readonly seconds: number;
}

const work: Work = await new Response(Deno.stdin.readable).json();
const day = parseDay(DAY)!;
const observer = { step() {}, progress() {} };

const started = performance.now();
if (work.kind === "floor") await copyIntoNothing();
else await runLayer(work.kind);
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000 } satisfies Worked));

async function copyIntoNothing(): Promise<void> {
  const connection = await connect(work.database);
  for await (const _ of connection.copy(floorQuery()));
  await connection.close();
}

async function runLayer(layer: "bronze" | "silver"): Promise<void> {
  const lake = openLake({ kind: "directory", path: work.lake });
  if (layer === "silver") await runSilver({ lake, day, observer });
  else await runBronze({ database: work.database, lake, day, grace: 0n, observer });
}
