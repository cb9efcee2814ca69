import type { DatabaseConfig, DaysAsked, LakeConfig } from "../../pipeline/config.ts";
import type { FORMATS } from "../cli/checking.ts";
import type { Needs } from "../cli/confined.ts";
import type { Teller } from "../cli/failure.ts";

/** A command that works through days. */
export type DayCommand = "bronze" | "silver" | "run" | "postflight";

/** What such a command is to do. It is plain data, since it goes to a worker. */
export interface Order {
  readonly command: DayCommand;
  /** Which days; for `pending` only the bounds within which they are looked for. */
  readonly days: DaysAsked | { readonly pending: Partial<DaysAsked> };
  /** Whether the days are told apart, and summed up at the end. */
  readonly several: boolean;
  /** Whether the next day follows after one that failed. */
  readonly keepGoing: boolean;
  /** Whether nothing is stored or removed. */
  readonly dryRun: boolean;
  /** The database; undefined where none is needed. */
  readonly database: DatabaseConfig | undefined;
  readonly lake: LakeConfig;
  /** Microseconds that a window waits for slow writers after its end. */
  readonly grace: bigint;
  /** How long the database may send nothing while it is waited for, in milliseconds. */
  readonly silence: number | undefined;
  readonly output: (typeof FORMATS)[number];
  /** How long each fact of the checks may take to gather, in seconds. */
  readonly timeout: number;
  /** Whether warnings fail. */
  readonly strict: boolean;
  /** Whether to tell what the process may do. */
  readonly verbose: boolean;
  readonly teller: Teller;
}

/** What the work needs of this machine and the network. */
export function needsOf({ command, database, lake }: Order): Needs {
  return { database, lake, writes: command !== "postflight" };
}
