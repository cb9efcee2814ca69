import type { Tree } from "../../facts/tree.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { type Judged, outcomeOfWhole, unlessUnknown } from "../outcome.ts";

/** Jobs run as a service account that exists after the manifests are applied. */
export const serviceAccount: PlatformCheck = platformCheck({
  id: "service-account",
  title: "jobs run as a service account that exists",
  reads: [...JOBS, "ServiceAccount"],
  judge: (platform) =>
    unlessUnknown(
      platform.tree.jobs,
      outcomeOfWhole(platform, judgeAccounts(platform.tree), "no job runs Spark"),
    ),
});

/**
 * Judges whether jobs run as a service account that exists, and whether drivers get its token.
 *
 * @returns undefined if there are no jobs
 */
export function judgeAccounts(tree: Tree): Judged | undefined {
  const jobs = tree.jobs.filter(({ mode }) => mode !== "none");
  if (jobs.length === 0) return undefined;
  return {
    examined: `the service accounts of ${plural(jobs.length, "job")}`,
    findings: jobs.flatMap((job) => [...judgeJob(job, tree), ...judgeMade(job, tree)]),
  };
}

/** The accounts of the pods that Spark creates. Only the driver needs its own account. */
function judgeMade(job: SparkJob, { objects }: Tree): Finding[] {
  const { driver, executor, namespace, settings, workload: { object, specPath } } = job;
  const accounts = ofKind(objects, "ServiceAccount");
  return [driver, executor].flatMap((pod): Finding[] => {
    if (pod === undefined) return [];
    const { role, account: name } = pod;
    const key = (each: string) => `spark.kubernetes.authenticate.${each}.serviceAccountName`;
    const own = settings.get(key(role));
    // Executors without their own account use the driver's account, which is judged already.
    if (role === "executor" && own === undefined && driver !== undefined) return [];
    const setting = own ?? settings.get(key("driver"));
    if (setting?.unknown !== undefined) return [];
    const place = setting?.place ?? placeOf(object, `${specPath}.containers[0].args`);
    if (name === "default") {
      return role === "executor" ? [] : [{
        severity: "fail",
        ...place,
        problem: "the driver that Spark creates runs as the namespace's default service account",
        why: "the account may not create the executors' pods",
        fix: `Add to the arguments of spark-submit: --conf=${key("driver")}=spark-jobs`,
      }];
    }
    const same = accounts.filter((each) => each.name === name);
    const isThere = same.some((each) => namespaceOf(each) === namespace);
    return isThere ? [] : [unknownAccountFinding(place, name, namespace, same)];
  });
}

function judgeJob(job: SparkJob, { objects }: Tree): Finding[] {
  const { workload: { object, specPath, spec }, account: name, mode } = job;
  const namespace = namespaceOf(object);
  const place = placeOf(object, `${specPath}.serviceAccountName`);
  if (name === undefined || name === "default") {
    return [{
      severity: "fail",
      ...place,
      problem: "the job runs as the namespace's default service account",
      why: "it has no permissions, and every pod of the namespace would share new ones",
      fix: "Set in the pod's spec: serviceAccountName: spark-jobs",
    }];
  }
  const accounts = ofKind(objects, "ServiceAccount");
  const account = accounts.find((each) => each.name === name && namespaceOf(each) === namespace);
  if (account === undefined) {
    return [
      unknownAccountFinding(place, name, namespace, accounts.filter((each) => each.name === name)),
    ];
  }
  const mounted = spec.automountServiceAccountToken ?? account.value.automountServiceAccountToken;
  if (mounted !== false || mode === "local" || mode === "unknown") return [];
  const hasOwn = JSON.stringify(spec.volumes ?? []).includes('"serviceAccountToken"');
  return hasOwn ? [] : [{
    severity: "fail",
    ...placeOf(object, `${specPath}.automountServiceAccountToken`),
    problem: "the driver gets no token of its service account",
    why: "the driver cannot log in to the Kubernetes API, so it creates no executors",
    fix: "Set in the pod's spec: automountServiceAccountToken: true",
  }];
}

function unknownAccountFinding(
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
    why: "the Job creates no pods while the account does not exist",
    fix: `Add the output of this command to the manifests: kubectl -n ${namespace} create ` +
      `serviceaccount ${name} --dry-run=client -o yaml`,
  };
}
