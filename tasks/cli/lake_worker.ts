import type { LakeConfig } from "../../pipeline/config.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { serve } from "./confined.ts";
import { type FailureReporter, reportFailure } from "./failure.ts";
import { printing, waiting } from "./observer.ts";

/** The input of every worker that uses the lake. Plain data, because it is copied to the worker. */
export interface LakeOrder {
  readonly lake: LakeConfig;
  readonly reporter: FailureReporter;
}

/**
 * Runs work in this worker with the lake that the parent process names, and reports a failure.
 *
 * @param work returns the exit code
 */
export function serveOnLake<O extends LakeOrder>(
  work: (order: O, lake: Lake, send: (report: unknown) => void) => Promise<number>,
): void {
  serve(async (order: O, send) => {
    const { command, json } = order.reporter;
    const wait = waiting(printing(command, json ? "json" : "text"));
    const lake = await openLake(order.lake, undefined, wait);
    try {
      return await work(order, lake, send);
    } catch (error) {
      return reportFailure(error, order.reporter);
    } finally {
      lake.close();
    }
  });
}
