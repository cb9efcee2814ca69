import type { Tree } from "../../facts/tree.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding, Place } from "../../finding.ts";
import { naming } from "../../list_names.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { forbiddenActions, type Known, knownOf } from "./access_reviews.ts";
import { excessPermissions, type UsefulVerbs } from "./excess_permissions.ts";
import { DRIVER_ACCOUNT, hasAccountsOf, ownAccount, ownAccountPlace } from "./job_accounts.ts";
import { missingPermissions, undecided } from "./missing_permissions.ts";
import {
  CLIENT_NEEDS,
  type Need,
  SUBMIT_NEEDS,
  TOOLKIT_NEEDS,
  unionOf,
  USEFUL,
  USEFUL_FOR_TOOLKIT,
} from "../../spark/required_permissions.ts";
import { NAMESPACE, otherNamespaceOf } from "../../spark/pod_namespace.ts";
import { mayMakePods, namespaceOfPods } from "./pod_rights.ts";
import { closestName } from "../../kubernetes/spelling.ts";
import { bindingsOf, mayBeBoundElsewhere } from "../../kubernetes/role_rules.ts";
import { printedValue } from "../../spark/settings.ts";
import { argumentsPath, type SparkJob } from "../../spark/spark_job.ts";
import { type Account, accountId } from "../../kubernetes/jobs.ts";
import { hasFailure, type Judged, leavingOut, outcomeOfWhole, unlessUnknown } from "../outcome.ts";
import { type ManifestObject, objectId, ofKind, placeOf } from "../../kubernetes/objects.ts";

/**
 * The service accounts of jobs have the permissions that Spark and the toolkit need in their
 * namespace, and no others.
 * The roles decide, and with a cluster also the answers of its API server.
 */
export const rbac: PlatformCheck = platformCheck({
  id: "rbac",
  title: "service accounts have only the permissions that their jobs need",
  reads: [...JOBS, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
  judge(platform) {
    const { tree, cluster } = platform;
    const absent = notChecked(uncheckedAccounts(tree, cluster)) ?? "there is no job";
    const outcome = outcomeOfWhole(platform, judgePermissions(tree, cluster), absent);
    const unknown = hasFailure(outcome) ? [] : undecidedAccounts(tree, cluster);
    return unlessUnknown(
      tree.jobs,
      unknown.length > 0 && !("skip" in outcome) ? { unknown: naming(unknown) } : outcome,
    );
  },
});

/** The accounts whose permissions only roles with unknown rules can contain. */
function undecidedAccounts(tree: Tree, cluster: ClusterOpened | undefined): string[] {
  return [
    ...accountsOf(tree, cluster).flatMap(({ account, namespace, needs }) =>
      undecided(knownIn(tree, account, namespace, cluster), needs) ?? []
    ),
    ...tree.jobs.flatMap((job) => {
      const other = otherNamespaceOf(job, tree.objects);
      return other === undefined || mayMakePods(other, cluster) !== undefined ||
          other.unknown.length > 0
        ? []
        : [
          `the roles of namespace ${other.name}, in which ${job.label} makes its pods, were not read`,
        ];
    }),
  ];
}

function knownIn(
  { objects }: Tree,
  account: Account,
  namespace: string,
  cluster: ClusterOpened | undefined,
): Known {
  return knownOf(account, bindingsOf(objects, account, namespace), cluster, namespace);
}

/** A service account that jobs run as. */
interface JobAccount {
  readonly account: Account;
  /** The namespace in which the jobs need the permissions. */
  readonly namespace: string;
  /** The permissions that its jobs need. */
  readonly needs: readonly Need[];
  /** The permissions that its jobs can use. */
  readonly useful: UsefulVerbs;
  /** The place of one of the jobs. */
  readonly place: ReturnType<typeof placeOf>;
}

/**
 * Judges whether the service accounts of jobs have only the permissions that the jobs need.
 *
 * @returns undefined if there are no jobs
 */
export function judgePermissions(tree: Tree, cluster?: ClusterOpened): Judged | undefined {
  const unchecked = uncheckedAccounts(tree, cluster);
  const all = accountsOf(tree, cluster)
    .filter(({ account }) => !unchecked.includes(accountId(account)));
  const elsewhere = tree.jobs.flatMap((job) => inOtherNamespace(job, tree, cluster));
  if (all.length + elsewhere.length === 0) return undefined;
  const rest = [
    notChecked(unchecked),
    cluster === undefined ? unknownRoles(tree, all) : undefined,
    unknownNamespaces(tree),
  ].filter((each) => each !== undefined);
  const ids = new Set(all.map(({ account }) => accountId(account)));
  const judged = new Set<ManifestObject>();
  return {
    examined: `the permissions of ${plural(ids.size, "service account")}${sourceOf(cluster)}`,
    ...leavingOut(...rest),
    findings: [
      ...elsewhere,
      ...all.flatMap(({ account, namespace, needs, useful, place }): Finding[] => {
        const known = knownIn(tree, account, namespace, cluster);
        // An account can need permissions in several namespaces.
        const bindings = known.bindings.filter(({ object }) => !judged.has(object));
        for (const { object } of bindings) judged.add(object);
        return [
          ...missingPermissions(known, needs, useful, place, tree.objects),
          ...bindings.flatMap((binding) => excessPermissions(binding, useful)),
          ...(ids.delete(accountId(account))
            ? forbiddenActions(knownIn(tree, account, account.namespace, cluster), tree.project)
            : []),
        ];
      }),
    ],
  };
}

/** The ids of the accounts whose roles objects outside the manifests can bind. */
function uncheckedAccounts(tree: Tree, cluster: ClusterOpened | undefined): string[] {
  return accountsOf(tree, cluster).filter(({ account, namespace, needs }) =>
    needs.length > 0 && bindingsOf(tree.objects, account, namespace).length === 0 &&
    (!hasAccountsOf(tree, namespace) || mayBeBoundElsewhere(tree.objects, account) ||
      isUnread(tree, namespace, cluster))
  ).map(({ account }) => accountId(account));
}

/** Returns whether a cluster has roles of a namespace that the user may not read. */
function isUnread(
  { project }: Tree,
  namespace: string,
  cluster: ClusterOpened | undefined,
): boolean {
  return cluster !== undefined && cluster.rights === undefined &&
    namespace !== project.jobs.namespace && cluster.accessRead?.includes(namespace) !== true;
}

function notChecked(accounts: readonly string[]): string | undefined {
  return accounts.length === 0
    ? undefined
    : `no role of these accounts is in the manifests, so not checked: ${accounts.join(", ")}`;
}

/** A message about the roles whose rules the manifests do not contain. */
function unknownRoles({ objects }: Tree, all: readonly JobAccount[]): string | undefined {
  const unknown = all.flatMap(({ account, namespace }) =>
    bindingsOf(objects, account, namespace).filter(({ rules }) => rules === undefined)
      .map(({ object, role }) => `the rules of ${role} (${objectId(object)})`)
  );
  return unknown.length === 0
    ? undefined
    : `not in the manifests, so not checked: ${[...new Set(unknown)].join(", ")}`;
}

function sourceOf(cluster: ClusterOpened | undefined): string {
  if (cluster === undefined) return "";
  return cluster.rights === undefined
    ? ", by the stored roles only: the user cannot create SubjectAccessReviews"
    : ", as the API server reports them";
}

const NEEDS: Readonly<Record<SparkJob["mode"], readonly Need[]>> = {
  none: [],
  local: [],
  unknown: [],
  client: CLIENT_NEEDS,
  cluster: SUBMIT_NEEDS,
};

function accountsOf(tree: Tree, cluster: ClusterOpened | undefined): JobAccount[] {
  const uses = Map.groupBy(
    tree.jobs.flatMap((job) => usesOf(job, namespaceOfPods(job, tree.objects, cluster))),
    ({ account, namespace }) => `${accountId(account)} in ${namespace}`,
  );
  return [...uses.values()].map((all): JobAccount => {
    const [{ account, namespace, place }] = all.toSorted((a, b) =>
      verbsIn(b.needs) - verbsIn(a.needs)
    ) as [
      AccountUse,
    ];
    const needs = all.reduce<readonly Need[]>((most, each) => unionOf(most, each.needs), []);
    return { account, namespace, place, needs, useful: usefulFor(all) };
  });
}

/** A job, or the driver that it creates, as a user of a service account. */
interface AccountUse extends Omit<JobAccount, "useful"> {
  /** True if a run of the toolkit makes Jobs as this account. */
  readonly makesJobs: boolean;
}

function usesOf(job: SparkJob, namespace: string): AccountUse[] {
  const { mode, driver, toolkit } = job;
  const makesJobs = toolkit === "spark";
  const needs = makesJobs ? TOOLKIT_NEEDS : needsOf(job, NEEDS[mode]);
  const account = ownAccount(job);
  const own = { account, place: ownAccountPlace(job), makesJobs };
  const isElsewhere = namespace !== account.namespace && needs.length > 0 && !makesJobs;
  return [
    { ...own, namespace: account.namespace, needs: isElsewhere ? [] : needs },
    ...(isElsewhere ? [{ ...own, namespace, needs }] : []),
    // In cluster mode, the driver has its own pod and its own account.
    ...(driver === undefined ? [] : [{
      account: { name: driver.account, namespace },
      namespace,
      needs: needsOf(job, CLIENT_NEEDS),
      place: driverPlace(job),
      makesJobs: false,
    }]),
  ];
}

/** The permissions that the jobs of an account can use. */
function usefulFor(uses: readonly AccountUse[]): UsefulVerbs {
  const ofToolkit = uses.filter(({ makesJobs }) => makesJobs);
  if (ofToolkit.length === 0) return USEFUL;
  return ofToolkit.length === uses.length
    ? USEFUL_FOR_TOOLKIT
    : { ...USEFUL, "jobs.batch": USEFUL_FOR_TOOLKIT["jobs.batch"]! };
}

/** The place of the service account of a driver that Spark creates. */
function driverPlace(job: SparkJob): Place {
  const { settings, driver, workload: { object } } = job;
  const { template } = driver ?? {};
  const ofTemplate = template?.spec?.serviceAccountName === undefined ? undefined : template.place;
  return settings.get(DRIVER_ACCOUNT)?.place ?? ofTemplate ??
    placeOf(object, argumentsPath(job));
}

function verbsIn(needs: readonly Need[]): number {
  return needs.reduce((count, { verbs }) => count + verbs.length, 0);
}

/** The permissions that a job needs with its settings. */
function needsOf({ mode, settings }: SparkJob, needs: readonly Need[]): readonly Need[] {
  const isOff = settings.get("spark.kubernetes.executor.disableConfigMap")?.value === "true";
  return isOff && mode === "client"
    ? needs.filter(({ resource }) => resource !== "configmaps")
    : needs;
}

/**
 * A message about the jobs whose namespace is not known: a file outside the manifests can set it, or
 * only roles with unknown rules can let the job create pods there.
 */
function unknownNamespaces({ jobs, objects }: Tree): string | undefined {
  const unknown = jobs.flatMap(({ label, mode, settings, unreadProperties }) => {
    if (mode !== "client" && mode !== "cluster") return [];
    const setting = settings.get(NAMESPACE);
    if (setting?.unknown !== undefined) {
      return [`${NAMESPACE} of ${label}: ${setting.unknown}`];
    }
    return setting === undefined && unreadProperties !== undefined
      ? [`${NAMESPACE} of ${label}, which ${unreadProperties} can set`]
      : [];
  });
  for (const job of jobs) {
    const other = otherNamespaceOf(job, objects);
    for (const { object, role } of other?.unknown ?? []) {
      unknown.push(`the rules of ${role} (${objectId(object)})`);
    }
  }
  return unknown.length === 0
    ? undefined
    : `not in the manifests, so not checked: ${unknown.join(", ")}`;
}

/** Without a setting, Spark creates its pods in the namespace `default`. */
function inOtherNamespace(
  job: SparkJob,
  { objects, project }: Tree,
  cluster: ClusterOpened | undefined,
): Finding[] {
  const other = otherNamespaceOf(job, objects);
  if (other === undefined) return [];
  const { setting, account } = other;
  const isAllowed = mayMakePods(other, cluster);
  // A job that names another namespace means it, if its account may create pods there.
  if (isAllowed !== false && setting !== undefined) return [];
  const { object } = job.workload;
  const meant = meantNamespace(account.namespace, setting?.value, { objects, project });
  const place = setting?.place ?? placeOf(object, argumentsPath(job));
  return [{
    severity: "fail",
    ...(meant === undefined ? place : placeOf(object, "metadata.namespace")),
    problem: setting === undefined
      ? `the job does not set ${NAMESPACE}, so Spark makes its pods in the namespace default`
      : `Spark makes the job's pods in the namespace ${printedValue(setting)}`,
    why: isAllowed === false
      ? `the service account ${accountId(account)} may not create pods in that namespace`
      : "the quota, the policies and the Secrets of the job's namespace do not apply there",
    fix: meant === undefined
      ? `Set the job's own namespace: --conf=${NAMESPACE}=${account.namespace}`
      : `Correct the namespace of the job, ${account.namespace}: metadata.namespace: ${meant}` +
        (setting?.value === meant ? "" : `, and set --conf=${NAMESPACE}=${meant}`),
  }];
}

/** The namespace that a job is most likely meant for; undefined if its own namespace can be right. */
function meantNamespace(
  own: string,
  ofPods: string | undefined,
  { objects, project }: Pick<Tree, "objects" | "project">,
): string | undefined {
  const ofProject = project.jobs.namespace;
  if (ofPods === ofProject) return ofPods;
  const declared = ofKind(objects, "Namespace").map(({ name }) => name);
  if ([ofProject, ...declared].includes(own)) return undefined;
  return closestName(own, [...(ofPods === undefined ? [] : [ofPods]), ofProject, ...declared]);
}
