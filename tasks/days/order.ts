import type { DatabaseConfig, DaysAsked, LakeConfig } from "../../pipeline/config.ts";
import type { FailureReporter } from "../cli/failure.ts";
import type { FORMATS } from "../cli/report_outputs.ts";
import type { MetricsFile } from "../metrics/metrics_file.ts";

/** A format of the reports of a command that works through days. */
export type DayFormat = (typeof FORMATS)[number];

/** A command that works through days. */
export type DayCommand = "bronze" | "silver" | "run" | "postflight";

/** The job of the worker. It is plain data, so that it can be posted to a worker. */
export interface Order {
  readonly command: DayCommand;
  /** The days; for `--pending`, the bounds of the search. */
  readonly days: DaysAsked | { readonly pending: Partial<DaysAsked> };
  /** Whether the output has a heading for each day and a summary. */
  readonly several: boolean;
  /** Whether to continue with the next day after a failure. */
  readonly keepGoing: boolean;
  /** Whether nothing is stored or removed. */
  readonly dryRun: boolean;
  /** The database; undefined where none is needed. */
  readonly database: DatabaseConfig | undefined;
  readonly lake: LakeConfig;
  /** Microseconds that a window waits for slow writers after its end. */
  readonly grace: bigint;
  /** Milliseconds that the database may send nothing while a response is pending. */
  readonly silence: number | undefined;
  /** A source of the lake that is the outbox under an earlier name. */
  readonly earlierSource: string | undefined;
  /** The format of standard output. */
  readonly output: DayFormat;
  /** The lines of the report in each format of a file, which the work fills. */
  readonly transcript: Readonly<Partial<Record<DayFormat, string[]>>>;
  /** The time limit for gathering one fact, in seconds. */
  readonly timeout: number;
  /** Whether warnings fail. */
  readonly strict: boolean;
  /** Whether to print the permissions of the process. */
  readonly verbose: boolean;
  readonly reporter: FailureReporter;
  /** The file that receives the metrics of the run. */
  readonly metricsFile: MetricsFile | undefined;
  /** Whether an HTML report gets the results. */
  readonly sends: boolean;
}

/** What an engine works on, without the database and the lake. */
export type Work = Omit<Order, "database" | "lake">;
