import type { DatabaseConfig } from "../../pipeline/config.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { openLake } from "../../pipeline/lake/open.ts";

/** The work to measure, passed as JSON on standard input. */
export interface Work {
  readonly kind: "floor" | "bronze" | "silver";
  readonly database: DatabaseConfig;
  /** Directory of the lake. */
  readonly lake: string;
  /** The day to copy, in UTC. */
  readonly day: string;
  /** The statement of the floor. */
  readonly query: string;
}

/** The measurement, printed as JSON on standard output. */
export interface Worked {
  /** Seconds of the work alone. */
  readonly seconds: number;
}

const work: Work = await new Response(Deno.stdin.readable).json();
const day = parseDay(work.day)!;
const observer = { step() {}, progress() {} };

const run = await workOf(work.kind);
const started = performance.now();
await run();
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000 } satisfies Worked));

/** Loads only the code of the work, as a command does. */
async function workOf(kind: Work["kind"]): Promise<() => Promise<unknown>> {
  if (kind === "floor") {
    const { connect } = await import("../../pipeline/outbox/connection.ts");
    return async () => {
      const connection = await connect(work.database);
      for await (const _ of connection.copy(work.query));
      await connection.close();
    };
  }
  const lake = await openLake({ kind: "directory", path: work.lake });
  if (kind === "silver") {
    const { runSilver } = await import("../../pipeline/silver.ts");
    return () => runSilver({ lake, day, observer });
  }
  const { runBronze } = await import("../../pipeline/bronze.ts");
  return () => runBronze({ database: work.database, lake, day, grace: 0n, observer });
}
