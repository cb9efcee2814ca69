import { runBronze } from "../../pipeline/bronze.ts";
import type { DatabaseConfig, LakeConfig } from "../../pipeline/config.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { runSilver } from "../../pipeline/silver.ts";

/** A run that kills its own process. The parent process passes this as JSON on standard input. */
export interface KilledRun {
  readonly layer: "bronze" | "silver";
  readonly database: DatabaseConfig;
  readonly lake: LakeConfig;
  readonly day: string;
  /** Number of lake changes before SIGKILL. */
  readonly after: number;
  /** True to send SIGKILL during the next change, false to send it right after the last one. */
  readonly during: boolean;
}

function killing(lake: Lake, { after, during }: KilledRun): Lake {
  let begun = 0;
  let made = 0;
  const change = async <T>(make: () => Promise<T>): Promise<T> => {
    const making = make();
    if (during && begun++ === after) Deno.kill(Deno.pid, "SIGKILL");
    const outcome = await making;
    if (!during && ++made === after) Deno.kill(Deno.pid, "SIGKILL");
    return outcome;
  };
  return {
    ...lake,
    put: (key, body, condition) => change(() => lake.put(key, body, condition)),
    remove: (key) => change(() => lake.remove(key)),
  };
}

if (import.meta.main) {
  const run: KilledRun = await new Response(Deno.stdin.readable).json();
  const lake = killing(await openLake(run.lake), run);
  const day = parseDay(run.day)!;
  const observer = { step() {}, progress() {} };
  if (run.layer === "silver") await runSilver({ lake, day, observer });
  else await runBronze({ database: run.database, lake, day, grace: 0n, observer });
  lake.close();
}
