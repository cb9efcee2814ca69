import { runBronze } from "../../../pipeline/bronze.ts";
import type { DatabaseConfig, LakeConfig } from "../../../pipeline/config.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { openLake } from "../../../pipeline/lake/open.ts";
import { serve } from "../../../tasks/cli/confined.ts";

// Runs bronze with two workers as a confined worker, and prints the names of the steps.

interface Order {
  readonly database: DatabaseConfig;
  readonly lake: LakeConfig;
}

serve(async ({ database, lake: config }: Order) => {
  const lake = await openLake(config);
  const steps: string[] = [];
  const observer = {
    step: ({ step }: { readonly step: string }) => void steps.push(step),
    progress() {},
  };
  const day = parseDay("2025-12-28")!;
  await runBronze({ database, lake, day, grace: 0n, observer, workers: 2, rangeRows: 300 });
  lake.close();
  console.log(JSON.stringify(steps));
  return 7;
});
