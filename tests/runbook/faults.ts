import { DRILLS } from "../drill/drills.ts";
import type { Parts } from "../drill/world.ts";

/** A fault that the blocks of a page repair. */
export interface Fault {
  /** The part of the platform that has the fault, and is healed after the page. */
  readonly breaks: keyof Parts;
  readonly inject: (parts: Parts) => Promise<void>;
  /** The blocks of the page for another case, such as an open day. */
  readonly leavesOut?: readonly string[];
  /** The values that an operator writes into the lines with a comment, by variable. */
  readonly values?: Readonly<Record<string, string>>;
}

const RUN = 'deno task run "$DAY"';
const SILVER = 'deno task silver "$DAY"';

/** The pages whose blocks are pasted on a platform with the fault of the page. */
export const FAULTS: ReadonlyMap<string, Fault> = new Map([
  ["namespace-labels", drill("missing-label")],
  ["node-pool", drill("node-without-label")],
  ["image-pull", drill("no-pull-secret")],
  ["manifest-drift", drill("small-quota")],
  ["row-counts", { ...drill("late-event"), leavesOut: [RUN] }],
  ["quarantine", {
    ...drill("nan-event"),
    leavesOut: [RUN],
    values: { EVENT: "99999999-9999-4999-8999-999999999999", PRICE: "87398.10" },
  }],
  ["silver-parts", { ...drill("missing-part"), leavesOut: [SILVER] }],
  ["silver-values", { ...drill("altered-value"), leavesOut: [SILVER] }],
]);

function drill(id: string): Fault {
  const found = DRILLS.find((each) => each.id === id);
  if (found === undefined) throw new Error(`There is no drill ${id}.`);
  return found;
}
