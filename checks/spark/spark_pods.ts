import { codeRunBy } from "../source_code/job_source.ts";
import type { Code } from "../source_code/code.ts";
import type { Workload } from "../kubernetes/workloads.ts";
import { mebibytes } from "../kubernetes/quantities.ts";
import { settingsIn, settingsOf, type SparkSetting } from "./spark_settings.ts";

/** The settings of Spark that a job ends up with; what code sets comes after the command line. */
export function effectiveSettings(
  job: Workload,
  code: readonly Code[],
): ReadonlyMap<string, SparkSetting> {
  const run = codeRunBy(job, code);
  const all = [
    ...run.filter(({ language }) => language === "conf").flatMap(settingsIn),
    ...settingsOf(job),
    ...run.filter(({ language }) => language !== "conf").flatMap(settingsIn),
  ];
  return new Map(all.map((each) => [each.key, each]));
}

/** How a job's Spark runs: in its own pod alone, or with executors in pods of their own. */
export type SparkMode = "local" | "client" | "cluster";

/** Finds out how a job's Spark runs. */
export function modeOf(settings: ReadonlyMap<string, SparkSetting>): SparkMode {
  if (!settings.get("spark.master")?.value.startsWith("k8s://")) return "local";
  return settings.get("spark.submit.deployMode")?.value === "cluster" ? "cluster" : "client";
}

/** A pod that Spark makes. */
export interface SparkPod {
  /** How many of them. */
  readonly count: number;
  /** The quantities of cpu that it requests, and that it is limited to, if it is. */
  readonly cpu: { readonly request: string; readonly limit: string | undefined };
  /** Its memory, overhead included; request and limit are the same. */
  readonly memory: bigint;
}

/** The pods of a role that Spark would make. An amount that cannot be read counts as the default. */
export function sparkPod(
  role: "driver" | "executor",
  settings: ReadonlyMap<string, SparkSetting>,
): SparkPod {
  const text = (key: string) => settings.get(key)?.value;
  const cores = text(`spark.${role}.cores`) ?? "1";
  return {
    count: role === "driver" ? 1 : instances(text),
    cpu: {
      request: text(`spark.kubernetes.${role}.request.cores`) ?? cores,
      limit: text(`spark.kubernetes.${role}.limit.cores`),
    },
    memory: mebibytes(memoryOf(role, settings)),
  };
}

function instances(text: (key: string) => string | undefined): number {
  const dynamic = text("spark.dynamicAllocation.enabled") === "true";
  const most = dynamic ? text("spark.dynamicAllocation.maxExecutors") : undefined;
  return Number(/^\d+$/.exec(most ?? text("spark.executor.instances") ?? "")?.[0] ?? 2);
}

/** From BasicDriverFeatureStep and BasicExecutorFeatureStep of Spark 3.5: at least this overhead. */
const LEAST_OVERHEAD = 384n;

/** What a role's pod needs in MiB: the heap, Spark's overhead, and Python's share if it is set. */
export function memoryOf(
  role: "driver" | "executor",
  settings: ReadonlyMap<string, SparkSetting>,
): bigint {
  const text = (key: string) => settings.get(key)?.value;
  const heap = sparkMemory(text(`spark.${role}.memory`)) ?? 1024n;
  const asked = sparkMemory(text(`spark.${role}.memoryOverhead`));
  // In cluster mode Spark knows that the job is Python's, and allows for it.
  const usual = modeOf(settings) === "cluster" ? "0.4" : "0.1";
  const factor = Number(
    text(`spark.${role}.memoryOverheadFactor`) ?? text("spark.kubernetes.memoryOverheadFactor") ??
      usual,
  );
  const share = BigInt(Math.floor(Number(heap) * (Number.isFinite(factor) ? factor : 0.1)));
  const overhead = asked ?? (share > LEAST_OVERHEAD ? share : LEAST_OVERHEAD);
  const python = role === "executor"
    ? sparkMemory(text("spark.executor.pyspark.memory"))
    : undefined;
  const isOffHeap = role === "executor" && text("spark.memory.offHeap.enabled") === "true";
  const offHeap = isOffHeap ? sparkMemory(text("spark.memory.offHeap.size"), "b") : undefined;
  return heap + overhead + (python ?? 0n) + (offHeap ?? 0n);
}

/** A size as Spark reads it, in MiB: `2g`, `512m`, or a number of mebibytes. */
function sparkMemory(text: string | undefined, unit = "m"): bigint | undefined {
  const found = /^(\d+)\s*([bkmgtp]?)(?:i?b)?$/i.exec(text ?? "");
  if (found === null) return undefined;
  const shift = { b: -20, k: -10, m: 0, g: 10, t: 20, p: 30 }[(found[2] || unit).toLowerCase()] ??
    0;
  return shift < 0 ? BigInt(found[1]!) >> BigInt(-shift) : BigInt(found[1]!) << BigInt(shift);
}
