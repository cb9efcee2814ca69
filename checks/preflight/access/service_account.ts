import { shell } from "../../../pipeline/shell.ts";
import type { Tree } from "../../facts/tree.ts";
import type { SparkPod } from "../../spark/pods.ts";
import { argumentsPath, type SparkJob } from "../../spark/spark_job.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding, Place } from "../../finding.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { type Account, accountId, isInProject } from "../../kubernetes/jobs.ts";
import { SPARK_CLUSTER } from "../../kubernetes/spark_cluster.ts";
import { foreignJobs, JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { DRIVER_ACCOUNT, hasAccountsOf, ownAccount, ownAccountPlace } from "./job_accounts.ts";
import { closestName } from "../../kubernetes/spelling.ts";
import { createObjects, explained } from "../change.ts";
import { type Judged, leavingOut, outcomeOfWhole, unlessUnknown } from "../outcome.ts";

/** Jobs run as a service account that exists after the manifests are applied. */
export const serviceAccount: PlatformCheck = platformCheck({
  id: "service-account",
  title: "jobs run as a service account that exists",
  reads: [...JOBS, "ServiceAccount"],
  judge: (platform) =>
    unlessUnknown(
      platform.tree.jobs,
      outcomeOfWhole(
        platform,
        judgeAccounts(platform.tree),
        notChecked(uncheckedAccounts(platform.tree)) ?? "no job runs Spark or the toolkit",
      ),
    ),
});

/**
 * Judges whether jobs run as a service account that exists, and whether drivers get its token.
 *
 * @returns undefined if there are no jobs
 */
export function judgeAccounts(tree: Tree): Judged | undefined {
  const unchecked = uncheckedAccounts(tree);
  const all = tree.jobs.filter((job) =>
    accountsOf(job).some((each) => !unchecked.includes(accountId(each)))
  );
  const jobs = all.filter((job) => !isForeign(job, tree));
  if (jobs.length === 0) return undefined;
  const rest = notChecked(unchecked);
  const foreign = foreignJobs(all.filter((job) => !jobs.includes(job)));
  return {
    examined: `the service accounts of ${plural(jobs.length, "job")}`,
    ...leavingOut(...rest === undefined ? [] : [rest], ...foreign),
    findings: jobs.flatMap((job) => [...judgeJob(job, tree), ...judgeMade(job, tree)]),
  };
}

/**
 * Returns whether a job belongs to another project than the other jobs: its pod runs as the default
 * service account of another namespace, whose accounts are not in the manifests.
 */
function isForeign(job: SparkJob, tree: Tree): boolean {
  const { object } = job.workload;
  return !isInProject(object, tree.project) && job.driver === undefined &&
    tree.jobs.some(({ workload }) => isInProject(workload.object, tree.project)) &&
    ownAccount(job).name === "default" && !hasAccountsOf(tree, namespaceOf(object));
}

/** The accounts of a job of Spark or the toolkit: of its own pod, and of the pods that Spark creates. */
function accountsOf(job: SparkJob): Account[] {
  if (job.mode === "none" && job.toolkit === undefined) return [];
  // Executors do not need an account of their own.
  const made = [job.driver, job.executor].flatMap((pod) =>
    pod === undefined || pod.role === "executor" && pod.account === "default"
      ? []
      : [{ name: pod.account, namespace: job.namespace }]
  );
  return [ownAccount(job), ...made];
}

/** The ids of the accounts that objects outside the manifests can create. */
function uncheckedAccounts(tree: Tree): string[] {
  const accounts = tree.jobs.flatMap(accountsOf).filter(({ name, namespace }) =>
    name !== "default" && !hasAccountsOf(tree, namespace)
  );
  return [...new Set(accounts.map(accountId))];
}

function notChecked(accounts: readonly string[]): string | undefined {
  return accounts.length === 0
    ? undefined
    : `not in the manifests, so not checked: ${accounts.join(", ")}`;
}

/** The accounts of the pods that Spark creates. Only the driver needs its own account. */
function judgeMade(job: SparkJob, tree: Tree): Finding[] {
  const { driver, executor, namespace, settings, workload: { object } } = job;
  const accounts = ofKind(tree.objects, "ServiceAccount");
  return [driver, executor].flatMap((pod): Finding[] => {
    if (pod === undefined) return [];
    const { role, account: name } = pod;
    const own = settings.get(`spark.kubernetes.authenticate.${role}.serviceAccountName`);
    // Executors without their own account use the driver's account, which is judged already.
    if (role === "executor" && own === undefined && driver !== undefined) return [];
    const setting = own ?? settings.get(DRIVER_ACCOUNT);
    if (setting?.unknown !== undefined) return [];
    const isOwn = accountId({ name, namespace }) === accountId(ownAccount(job));
    if (role === "executor" && isOwn) return [];
    const ofTemplate = pod.template?.spec?.serviceAccountName === undefined
      ? undefined
      : pod.template.place;
    const place = setting?.place ?? ofTemplate ??
      placeOf(object, argumentsPath(job));
    if (name === "default") {
      return role === "executor" ? [] : [{
        severity: "fail",
        ...place,
        problem: "the driver that Spark creates runs as the namespace's default service account",
        why: "the account may not create the executors' pods",
        fix: `Set in the arguments of spark-submit: --conf=${DRIVER_ACCOUNT}=spark-jobs`,
      }];
    }
    const same = accounts.filter((each) => each.name === name);
    const account = same.find((each) => namespaceOf(each) === namespace);
    if (account !== undefined) {
      return role === "driver" ? withoutToken(job, pod, account, place) : [];
    }
    return hasAccountsOf(tree, namespace)
      ? [unknownAccountFinding(place, { name, namespace }, accounts)]
      : [];
  });
}

/** Settings with which a driver logs in without a token that Kubernetes mounts. */
const LOGIN =
  /^spark\.kubernetes\.authenticate\.driver\.(mounted\.)?(oauthToken(File)?|clientKeyFile)$/;

/** The finding for a driver that Spark creates, and whose account mounts no token. */
function withoutToken(
  { settings }: SparkJob,
  { template }: SparkPod,
  account: ManifestObject,
  place: Place,
): Finding[] {
  const isUnseen = template !== undefined && template.spec === undefined;
  const { automountServiceAccountToken: own, volumes = [] } = template?.spec ?? {};
  const mounted = own ?? account.value.automountServiceAccountToken;
  if (isUnseen || mounted !== false || settings.keys().some((key) => LOGIN.test(key))) return [];
  if (JSON.stringify(volumes).includes('"serviceAccountToken"')) return [];
  return [{
    severity: "fail",
    ...place,
    problem: `the driver that Spark creates gets no token of its service account ${account.name}`,
    why: "the driver cannot log in to the Kubernetes API, so it creates no executors",
    fix: "Set automountServiceAccountToken: true in the ServiceAccount, or in a pod template of " +
      "the driver: --conf=spark.kubernetes.driver.podTemplateFile=<file>",
  }];
}

function judgeJob(job: SparkJob, tree: Tree): Finding[] {
  const { workload: { object, specPath, spec }, account: name, mode, toolkit } = job;
  const namespace = namespaceOf(object);
  const place = ownAccountPlace(job);
  // Masters and workers do not use the Kubernetes API. An account that they name must exist.
  const usesApi = object.kind !== SPARK_CLUSTER;
  if (name === undefined || name === "default") {
    // A job that creates no pods works without permissions.
    const isEnough = mode === "local" && namespace !== tree.project.jobs.namespace ||
      toolkit === "local";
    return !usesApi ? [] : [{
      severity: isEnough ? "warn" : "fail",
      ...place,
      problem: "the job runs as the namespace's default service account",
      why: isEnough
        ? "every pod of the namespace shares the permissions of this account"
        : "it has no permissions, and every pod of the namespace would share new ones",
      fix: `Set in the pod's spec: serviceAccountName: ${
        isInProject(object, tree.project) ? usualAccount(toolkit) : "<account>"
      }`,
    }];
  }
  const accounts = ofKind(tree.objects, "ServiceAccount");
  const account = accounts.find((each) => each.name === name && namespaceOf(each) === namespace);
  if (account === undefined) {
    if (!hasAccountsOf(tree, namespace)) return [];
    return [
      unknownAccountFinding(place, { name, namespace }, accounts),
    ];
  }
  const mounted = spec.automountServiceAccountToken ?? account.value.automountServiceAccountToken;
  if (!usesApi || mounted !== false || !needsToken(job)) return [];
  const hasOwn = JSON.stringify(spec.volumes ?? []).includes('"serviceAccountToken"');
  return hasOwn ? [] : [{
    severity: "fail",
    ...placeOf(object, `${specPath}.automountServiceAccountToken`),
    ...(toolkit === "spark"
      ? {
        problem: "the run gets no token of its service account",
        why: "the run cannot log in to the Kubernetes API, so it makes no Jobs",
      }
      : {
        problem: "the driver gets no token of its service account",
        why: "the driver cannot log in to the Kubernetes API, so it creates no executors",
      }),
    fix: "Set in the pod's spec: automountServiceAccountToken: true",
  }];
}

/** Returns whether the job's own pod uses the Kubernetes API. */
function needsToken({ mode, toolkit }: SparkJob): boolean {
  if (toolkit !== undefined) return toolkit === "spark";
  return mode === "client" || mode === "cluster" || mode === "none";
}

/** The service account in the manifests for the same kind of pod. */
function usualAccount(toolkit: SparkJob["toolkit"]): string {
  if (toolkit === undefined) return "spark-jobs";
  return toolkit === "spark" ? "deep-storage-spark" : "deep-storage";
}

function unknownAccountFinding(
  place: ReturnType<typeof placeOf>,
  { name, namespace }: Account,
  accounts: readonly ManifestObject[],
): Finding {
  const others = accounts.filter((each) => each.name === name);
  const beside = accounts.filter((each) => namespaceOf(each) === namespace);
  const meant = closestName(name, beside.map((each) => each.name));
  const object = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
  const command = shell`kubectl -n ${namespace} create serviceaccount ${name}`;
  const create = {
    ...createObjects([object]),
    fix: `Add the output of this command to the manifests: ${command} --dry-run=client -o yaml`,
  };
  return {
    severity: "fail",
    ...place,
    problem: others.length === 0
      ? `there is no service account ${name} in the namespace ${namespace}` +
        (meant === undefined ? "" : `; did you mean ${meant}?`)
      : `the service account ${name} is in the namespace ${
        others.map(namespaceOf).join(", ")
      }, not in ${namespace}`,
    why: "Kubernetes creates no pod of the job while the account does not exist",
    ...explained(meant === undefined ? "" : `Write ${meant}. If ${name} is right: `, create),
  };
}
