import type { Tree } from "../../facts/tree.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { type Judged, outcomeOfWhole, unlessUnknown } from "../outcome.ts";

/** Jobs run as a service account that is there, once the manifests are applied. */
export const serviceAccount: PlatformCheck = platformCheck({
  id: "service-account",
  title: "jobs run as a service account that is there",
  reads: [...JOBS, "ServiceAccount"],
  judge: (platform) =>
    unlessUnknown(
      platform.tree.jobs,
      outcomeOfWhole(platform, judgeAccounts(platform.tree), "there is no job"),
    ),
});

/**
 * Judges whether jobs run as a service account that there is, and whose token a driver gets.
 *
 * @returns undefined where there are no jobs
 */
export function judgeAccounts(tree: Tree): Judged | undefined {
  const { jobs } = tree;
  if (jobs.length === 0) return undefined;
  return {
    examined: `the service accounts of ${plural(jobs.length, "job")}`,
    findings: jobs.flatMap((job) => judgeJob(job, tree)),
  };
}

function judgeJob(job: SparkJob, { objects }: Tree): Finding[] {
  const { workload: { object, specPath, spec }, account: name, mode } = job;
  const namespace = namespaceOf(object);
  const place = placeOf(object, `${specPath}.serviceAccountName`);
  if (name === undefined || name === "default") {
    return [{
      ...{ severity: "fail", ...place },
      problem: "the job runs as the namespace's default service account",
      why: "it has no rights, and whatever it is given every other pod of the namespace gets too",
      fix: "Set in the pod's spec: serviceAccountName: spark-jobs",
    }];
  }
  const accounts = ofKind(objects, "ServiceAccount");
  const account = accounts.find((each) => each.name === name && namespaceOf(each) === namespace);
  if (account === undefined) {
    return [unknown(place, name, namespace, accounts.filter((each) => each.name === name))];
  }
  const mounted = spec.automountServiceAccountToken ?? account.value.automountServiceAccountToken;
  if (mounted !== false || mode === "local" || mode === "unknown") return [];
  const hasOwn = JSON.stringify(spec.volumes ?? []).includes('"serviceAccountToken"');
  return hasOwn ? [] : [{
    severity: "fail",
    ...placeOf(object, `${specPath}.automountServiceAccountToken`),
    problem: "the driver gets no token of its service account",
    why: "it cannot log in to the Kubernetes API, and so makes no executors",
    fix: "Set in the pod's spec: automountServiceAccountToken: true",
  }];
}

function unknown(
  place: ReturnType<typeof placeOf>,
  name: string,
  namespace: string,
  others: readonly ManifestObject[],
): Finding {
  return {
    severity: "fail",
    ...place,
    problem: others.length === 0
      ? `there is no service account ${name} in the namespace ${namespace}`
      : `the service account ${name} is in the namespace ${
        others.map(namespaceOf).join(", ")
      }, not in ${namespace}`,
    why: "the Job makes no pod as long as its namespace has no such account",
    fix: `Add it to the manifests, as kubectl writes it: kubectl -n ${namespace} create ` +
      `serviceaccount ${name} --dry-run=client -o yaml`,
  };
}
