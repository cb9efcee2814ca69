import type { ManifestObject } from "../facts/manifests.ts";
import { jobsOf, textOf, type Workload } from "./containers.ts";
import { namespaceOf } from "./workloads.ts";

/** A service account. */
export interface Account {
  /** Its name. */
  readonly name: string;
  /** Its namespace. */
  readonly namespace: string;
}

/** The service account of a job's pods, by the old name of the field too; undefined where none is set. */
export function accountOf({ spec }: Workload): string | undefined {
  return textOf(spec.serviceAccountName) || textOf(spec.serviceAccount) || undefined;
}

/** The service accounts that the jobs among objects run as, each one once. */
export function accountsOf(objects: readonly ManifestObject[]): Account[] {
  const accounts = jobsOf(objects).map((job): Account => (
    { name: accountOf(job) ?? "default", namespace: namespaceOf(job.object) }
  ));
  return [...new Map(accounts.map((each) => [accountId(each), each])).values()];
}

/** How a service account is told: `analytics-jobs/spark-jobs`. */
export function accountId({ namespace, name }: Account): string {
  return `${namespace}/${name}`;
}
