import { Failure } from "../../../pipeline/errors.ts";
import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import type { Finding, Result } from "../../../checks/finding.ts";
import type { ClusterFact, ClusterOpened } from "../../../checks/facts/cluster.ts";
import { scheduledPodsOf } from "../../../checks/facts/cluster/objects.ts";
import { actionsToReview, type Right } from "../../../checks/facts/cluster/permissions.ts";
import type { Fields } from "../../../checks/kubernetes/fields.ts";
import { type ManifestObject, objectId } from "../../../checks/kubernetes/objects.ts";
import type { ManifestsFact } from "../../../checks/facts/manifests.ts";
import { ALL_NEEDS } from "../../../checks/spark/required_permissions.ts";
import { runChecks } from "../../../checks/runner.ts";
import { assert } from "../../support/assert.ts";
import { applied, liveObjects, othersObjects } from "./cluster_objects.ts";
import { ALL_FILES, factOf, SECRETS } from "./manifests.ts";
import { onlyFindingsOf, type Told } from "./day.ts";
import { DATABASE, LAKE, MANIFESTS } from "./platform.ts";

export { liveObjects } from "./cluster_objects.ts";
export { SECRETS } from "./manifests.ts";

// A cluster with the manifests and all objects that they depend on. Each test adds one fault.

const OBJECTS: readonly ManifestObject[] = [
  // The StatefulSet is not read from a cluster: its pods are.
  ...factOf(ALL_FILES).objects.filter(({ kind }) => kind !== "StatefulSet")
    .map((object) => applied(object)),
  ...othersObjects(),
];

/** The answers of the API server for an account with exactly the rights that Spark needs. */
const ANSWERS: readonly Right[] = actionsToReview({
  namespace: "analytics-jobs",
  name: "spark-jobs",
})
  .map((deed) => {
    const rule = ALL_NEEDS.find(({ resource }) => resource === deed.resource);
    const isNeeded = deed.namespace === "analytics-jobs" && rule?.verbs.includes(deed.verb);
    const reason =
      'RBAC: allowed by RoleBinding "spark-jobs/analytics-jobs" of Role "spark-jobs" ' +
      'to ServiceAccount "spark-jobs/analytics-jobs"';
    return isNeeded ? { ...deed, allowed: true, reason } : { ...deed, allowed: false, reason: "" };
  });

/** A complete cluster. */
export const CLUSTER: ClusterOpened = {
  opened: true,
  name: "robson at https://192.168.1.10:6443",
  version: "v1.34.2+k3s1",
  user: "operator",
  namespace: "default",
  objects: OBJECTS,
  scheduledPods: scheduledPodsOf(OBJECTS.filter(({ kind }) => kind === "Pod")),
  unread: [],
  rights: ANSWERS,
  trials: MANIFESTS.objects.map((object) => (
    object.kind === "Job" ? { object } : { object, applied: applied(object, object) }
  )),
};

/** The cluster with a changed object, also in the result of the dry run. The object must exist. */
export function changed(
  id: string,
  change: (value: Fields) => Fields,
  cluster: ClusterOpened = CLUSTER,
): ClusterOpened {
  assert(cluster.objects.some((object) => objectId(object) === id), `there is no ${id}`);
  const edit = (object: ManifestObject): ManifestObject =>
    objectId(object) === id ? { ...object, value: change(object.value) } : object;
  return withObjects(cluster.objects.map(edit), {
    ...cluster,
    trials: cluster.trials.map(({ object, applied, ...rest }) => (
      applied === undefined ? { object, ...rest } : { object, ...rest, applied: edit(applied) }
    )),
  });
}

/** The cluster without one of its objects. */
export function without(id: string, cluster: ClusterOpened = CLUSTER): ClusterOpened {
  const objects = cluster.objects.filter((object) => objectId(object) !== id);
  assert(objects.length < cluster.objects.length, `there is no ${id}`);
  return withObjects(objects, cluster);
}

/** The cluster with more objects, in YAML. */
export function plus(yaml: string, cluster: ClusterOpened = CLUSTER): ClusterOpened {
  return withObjects([...cluster.objects, ...liveObjects(yaml)], cluster);
}

function withObjects(objects: readonly ManifestObject[], cluster: ClusterOpened): ClusterOpened {
  const pods = scheduledPodsOf(objects.filter(({ kind }) => kind === "Pod"));
  return {
    ...cluster,
    objects,
    ...(cluster.scheduledPods === undefined ? {} : { scheduledPods: pods }),
  };
}

/** The cluster for a user who cannot read a kind, in one namespace or in all namespaces. */
export function forbidding(kind: string, namespace?: string): ClusterOpened {
  const isHidden = (object: ManifestObject) =>
    object.kind === kind && (namespace === undefined || object.namespace === namespace);
  const hidden = CLUSTER.objects.filter(isHidden);
  const { scheduledPods, ...rest } = CLUSTER;
  return {
    ...rest,
    ...(kind === "Pod" ? {} : { scheduledPods: scheduledPods! }),
    objects: CLUSTER.objects.filter((object) => !isHidden(object)),
    unread: [...new Set(hidden.map((each) => each.namespace))].map((namespace) => ({
      kind,
      ...(namespace === undefined ? {} : { namespace }),
      failure: new Failure({
        kind: "configuration",
        task: `list ${kind} objects`,
        problem: "the server says: forbidden",
        remedy: "Have it allowed.",
      }),
    })),
  };
}

/** Runs all checks of the catalog on a cluster, by default with our manifests. */
export async function judgeCluster(
  cluster: ClusterFact,
  manifests: ManifestsFact | undefined = MANIFESTS,
): Promise<Result[]> {
  const results = await runChecks(PREFLIGHT, {
    manifests: manifests.objects.length === 0
      ? { absent: "left out", requested: true }
      : () => Promise.resolve(manifests),
    cluster: () => Promise.resolve(cluster),
    database: () => Promise.resolve(DATABASE),
    lake: () => Promise.resolve(LAKE),
    image: { absent: "left out", requested: true },
  }, { timeoutMs: 120_000 });
  const told = JSON.stringify(results);
  for (const secret of Object.values(SECRETS)) assert(!told.includes(secret), "a secret was told");
  return results;
}

/** No manifests: the checks judge the cluster as it is. */
export const NONE: ManifestsFact = {
  directory: "",
  files: 0,
  objects: [],
  scripts: [],
  problems: [],
  ignored: [],
};

/** Asserts that only one check has findings about a cluster, and exactly these. */
export async function assertOnlyIn(
  id: string,
  cluster: ClusterFact,
  expected: readonly Partial<Finding>[],
  manifests?: ManifestsFact,
): Promise<Told> {
  return onlyFindingsOf(id, await judgeCluster(cluster, manifests), expected);
}
