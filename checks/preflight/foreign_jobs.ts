import { naming } from "../list_names.ts";
import type { SparkJob } from "../spark/spark_job.ts";

/** The end of a message about the jobs of other projects; empty without any. */
export function foreignJobs(jobs: readonly SparkJob[]): string {
  return jobs.length === 0
    ? ""
    : `; in other namespaces, so not judged: ${naming(jobs.map(({ label }) => label))}`;
}
