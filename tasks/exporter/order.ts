import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { DayRange } from "../../pipeline/contract/window.ts";
import type { LakeOrder } from "../cli/lake_worker.ts";
import type { Listen } from "./listen.ts";

/** The job of the worker. */
export interface ExporterOrder extends LakeOrder {
  readonly listen: Listen;
  /** The version of the toolkit. */
  readonly version: string;
  /** The days to read; all days if the range has no bounds. */
  readonly range: DayRange;
  /** Undefined without the credentials of a database. */
  readonly database: DatabaseConfig | undefined;
  /** The grace period for slow writers after the end of a day, in microseconds. */
  readonly grace: bigint;
  /** The least seconds between two readings. */
  readonly interval: number;
  /** The time limit of a reading in seconds. */
  readonly timeout: number;
  /** The seconds after which a day is checked again; undefined if no day is checked. */
  readonly checkInterval: number | undefined;
  /** The time limit for each fact of the checks in seconds. */
  readonly checkTimeout: number;
}
