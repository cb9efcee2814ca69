import type { LakeConfig } from "../../pipeline/config.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { serve } from "./confined.ts";
import { type Teller, tellFailure } from "./failure.ts";
import { printing, waiting } from "./observer.ts";

/** What every order to work on a lake says. It is plain data, since it goes to a worker. */
export interface LakeOrder {
  readonly lake: LakeConfig;
  readonly teller: Teller;
}

/**
 * Does the work that a parent orders of this worker: opens the lake, tells a failure, and closes it.
 *
 * @param work returns the exit code
 */
export function serveOnLake<O extends LakeOrder>(
  work: (order: O, lake: Lake) => Promise<number>,
): void {
  serve(async (order: O) => {
    const { command, json } = order.teller;
    const wait = waiting(printing(command, json ? "json" : "text"));
    const lake = openLake(order.lake, undefined, wait);
    try {
      return await work(order, lake);
    } catch (error) {
      return tellFailure(error, order.teller);
    } finally {
      lake.close();
    }
  });
}
