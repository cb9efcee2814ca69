import type { DatabaseConfig } from "../../pipeline/config.ts";
import type { LakeOrder } from "../cli/lake_worker.ts";
import type { About, Template } from "../report/content.ts";

/** The address that only this machine reaches. */
export const HOST = "127.0.0.1";

/** The job of the worker. */
export interface ServeOrder extends LakeOrder {
  readonly port: number;
  /** The files of the page. */
  readonly template: Template;
  /** What the top of the page says. */
  readonly about: About;
  /** Undefined without the credentials of a database. */
  readonly database: DatabaseConfig | undefined;
  /** The grace period for slow writers after the end of a day, in microseconds. */
  readonly grace: bigint;
  /** The least seconds between two readings. */
  readonly interval: number;
  /** The time limit of a reading in seconds. */
  readonly timeout: number;
}
