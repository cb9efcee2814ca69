import type { KubeObject } from "../cluster/cluster.ts";
import { fieldsIn, textIn } from "../cluster/fields.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../contract/keys.ts";
import { Failure } from "../errors.ts";
import { parseStep } from "./driver_log.ts";
import type { LayerRun } from "./new_job.ts";

/** The commit marker of a day, as the lake stores it. */
export interface StoredResult {
  /** The time at which the marker was stored, in milliseconds since 1970. */
  readonly modified: number;
  /** The state of the day: `sealed` or `open`. */
  readonly state: string;
  /** The number of rows. */
  readonly rows: number;
}

/** What is known about the result of a Job that has completed. */
export interface ResultSources {
  /** The Job. */
  readonly job: KubeObject;
  /** The steps in the logs of the drivers, as they print them, in their order. */
  readonly steps: readonly string[];
  /**
   * Reads the marker of the layer and the day from the lake.
   *
   * @throws {Failure} the lake cannot be read
   */
  readonly readMarker: () => Promise<StoredResult | undefined>;
}

/**
 * Confirms that a completed Job has stored or verified its layer of the day. The logs of the
 * drivers show this. Without them, the marker in the lake must be newer than the Job, or have the
 * rows that the driver has verified.
 *
 * @throws {Failure} unreachable: the result of the Job is not known
 *
 * @example
 * ```ts
 * import { parseDay } from "../contract/window.ts";
 * import { confirmResult } from "./job_result.ts";
 * const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "bronze-2025-12-28-1" } };
 * const marker = "s3://rbs/bronze/events/date=2025-12-28/_commit.json";
 * const steps = [`bronze  commit      ${marker}, sealed`];
 * const run = { layer: "bronze", day: parseDay("2025-12-28")! } as const;
 * await confirmResult(run, { job, steps, readMarker: () => Promise.resolve(undefined) });
 * ```
 */
export async function confirmResult(
  run: LayerRun,
  { job, steps, readMarker }: ResultSources,
): Promise<void> {
  const { layer, day } = run;
  const { namespace, name } = job.metadata;
  const unknown = (problem: string) =>
    new Failure({
      kind: "unreachable",
      task: `confirm ${layer} of ${day}`,
      problem: `Job ${namespace}/${name} completed, but ${problem}`,
      remedy: `Look at the log of the Job, and check the day: deno task status, and deno task ` +
        `postflight ${day}`,
    });
  const named = markersIn(steps, layer);
  const wanted = { bronze: bronzeMarkerKey(day), silver: silverMarkerKey(day) };
  const other = named.find((each) => !isMarker(each.url, wanted[each.layer]));
  if (other !== undefined) throw unknown(`its driver worked on another day: ${other.url}`);
  const verified = verifiedRows(steps, layer);
  if (named.some((each) => each.layer === layer)) return;
  // A driver of an earlier version names no marker that it verifies, but silver names that of bronze.
  if (verified !== undefined && named.length > 0) return;
  let marker: StoredResult | undefined;
  try {
    marker = await readMarker();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw unknown(
      `its log does not show that it stored the day, and the lake cannot be read: ${error.problem}`,
    );
  }
  const silent = `its log does not show that it stored the day, and the lake has`;
  if (marker === undefined) throw unknown(`${silent} no marker of the day`);
  const { modified, state, rows } = marker;
  if (verified !== undefined && state === "sealed" && verified === rows) return;
  const start = Date.parse(textIn(fieldsIn(job.status).startTime));
  if (modified >= start) return;
  throw unknown(`${silent} a marker from before the Job`);
}

/** A marker that a driver printed. */
interface NamedMarker {
  readonly layer: "bronze" | "silver";
  readonly url: string;
}

/**
 * Returns the markers that drivers have published or verified, and those of bronze that silver was
 * made of.
 */
function markersIn(steps: readonly string[], layer: "bronze" | "silver"): NamedMarker[] {
  return steps.flatMap((line) => {
    if (!line.startsWith(`${layer} `)) return [];
    const { step, data, warning } = parseStep(line) ?? {};
    if (warning === true) return [];
    const says = textIn(data?.says);
    const committed = /^(.+?), (?:sealed|open)(?:, unchanged)?$/.exec(says)?.[1];
    if (step === "commit" && committed !== undefined) return [{ layer, url: committed }];
    const sealed = /^(.+?), already sealed; /.exec(says)?.[1];
    if (step === "verified" && sealed !== undefined) return [{ layer, url: sealed }];
    const source = /^(.+?), (?:sealed|open), /.exec(says)?.[1];
    if (step === "bronze" && source !== undefined) return [{ layer: "bronze", url: source }];
    return [];
  });
}

/** Returns the number of rows that a driver has verified. */
function verifiedRows(steps: readonly string[], layer: string): number | undefined {
  const rows = steps.map((line) => {
    const { step, data } = line.startsWith(`${layer} `) ? parseStep(line) ?? {} : {};
    return step === "verified" ? data?.rows : undefined;
  }).findLast((each) => each !== undefined);
  return typeof rows === "number" ? rows : undefined;
}

function isMarker(url: string, key: string): boolean {
  return url === key || url.endsWith(`/${key}`);
}
