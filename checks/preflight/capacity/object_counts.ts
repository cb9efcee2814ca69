import type { Tree } from "../../facts/tree.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import { entryOf, fieldsIn } from "../../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, objectId, placeOf } from "../../kubernetes/objects.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import { naming } from "../../list_names.ts";
import type { SparkJob } from "../../spark/spark_job.ts";

// Quotas of objects, as in `count/jobs.batch` and `configmaps`. Pods are judged with cpu and memory.

/** The kind of the objects that a key of a quota counts. */
const KINDS: Readonly<Record<string, string>> = {
  configmaps: "ConfigMap",
  secrets: "Secret",
  services: "Service",
  persistentvolumeclaims: "PersistentVolumeClaim",
  serviceaccounts: "ServiceAccount",
  "jobs.batch": "Job",
  "cronjobs.batch": "CronJob",
  "roles.rbac.authorization.k8s.io": "Role",
  "rolebindings.rbac.authorization.k8s.io": "RoleBinding",
  "networkpolicies.networking.k8s.io": "NetworkPolicy",
};

/** The types of Services that a key of a quota counts. A load balancer usually has ports of nodes, too. */
const SERVICE_TYPES: Readonly<Record<string, readonly string[]>> = {
  "services.loadbalancers": ["LoadBalancer"],
  "services.nodeports": ["NodePort", "LoadBalancer"],
};

/** The Services of the types that a key counts. */
function servicesOf(
  key: string,
  quota: ManifestObject,
  objects: readonly ManifestObject[],
): Term[] | undefined {
  const types = entryOf(SERVICE_TYPES, key);
  return types && objects.filter((object) => {
    const { kind, value } = object;
    const { type, ports, allocateLoadBalancerNodePorts } = fieldsIn(value.spec);
    const isCounted = kind === "Service" && types.includes(String(type)) &&
      !(key === "services.nodeports" && allocateLoadBalancerNodePorts === false);
    return isCounted && Array.isArray(ports) &&
      namespaceOf(object) === namespaceOf(quota);
  }).map(({ name, value }) => ({
    name: `Service ${name}`,
    count: key === "services.nodeports" ? (fieldsIn(value.spec).ports as unknown[]).length : 1,
  }));
}

/** The objects that Kubernetes itself has in each namespace. */
const OF_KUBERNETES: Readonly<Record<string, string>> = {
  ConfigMap: "kube-root-ca.crt",
  ServiceAccount: "default",
};

/** Judges the quotas of objects: those of the manifests, and those that Spark creates for a job. */
export function judgeCounts({ objects, jobs }: Pick<Tree, "objects" | "jobs">): Finding[] {
  return objects.filter(({ kind }) => kind === "ResourceQuota").flatMap((quota) =>
    Object.entries(fieldsIn(fieldsIn(quota.value.spec).hard)).flatMap(([key, value]): Finding[] => {
      const kind = KINDS[key.replace(/^count\//, "")];
      const amount = parseQuantity(value);
      const services = servicesOf(key, quota, objects);
      if (kind === undefined && services === undefined || amount === undefined) return [];
      const terms = services ?? termsOf(kind!, quota, { objects, jobs });
      const count = terms.reduce((sum, term) => sum + term.count, 0);
      if (BigInt(count) * 1_000_000_000n <= amount) return [];
      return [{
        severity: "fail",
        ...placeOf(quota, `spec.hard.${key}`),
        limitOf: objectId(quota),
        problem: `${objectId(quota)} allows ${String(value)}, and there are ${count}: ${
          naming(terms.map(({ name }) => name))
        }`,
        why: kind === undefined
          ? "the API server refuses the next such Service"
          : `the API server refuses the next ${kind}, so a job does not start`,
        fix: `Write ${key}: "${count}", or more.`,
      }];
    })
  );
}

/** Objects that a quota counts. */
interface Term {
  readonly name: string;
  readonly count: number;
}

function termsOf(
  kind: string,
  quota: ManifestObject,
  { objects, jobs }: Pick<Tree, "objects" | "jobs">,
): Term[] {
  const namespace = namespaceOf(quota);
  const own = objects.filter((each) => namespaceOf(each) === namespace);
  const declared = own.filter((each) => each.kind === kind).map(({ name }) => name);
  const ofKubernetes = entryOf(OF_KUBERNETES, kind);
  const all = new Set([...declared, ...ofKubernetes === undefined ? [] : [ofKubernetes]]);
  const made = [
    ...(kind === "Job"
      ? [...own.flatMap(jobsOfCronJob), ...jobsOfEngine(own, namespace, jobs)]
      : []),
    ...largest(
      jobs.filter((job) => job.namespace === namespace).map((job) => madeBySpark(kind, job)),
    ),
  ];
  return [...[...all].map((name) => ({ name, count: 1 })), ...made];
}

/** The numbers of finished Jobs that a CronJob keeps if its spec sets none. */
const HISTORY = { successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 };

/**
 * The Jobs of a CronJob: the finished Jobs that the CronJob keeps, and the Job that runs. A
 * suspended CronJob keeps its finished Jobs, and can continue.
 */
function jobsOfCronJob({ kind, name, value }: ManifestObject): Term[] {
  if (kind !== "CronJob") return [];
  const spec = fieldsIn(value.spec);
  const finished = Object.entries(HISTORY).reduce((sum, [field, usual]) => {
    const limit = spec[field] ?? usual;
    return sum + (typeof limit === "number" && limit >= 0 ? limit : usual);
  }, 0);
  const count = finished + 1;
  const jobs = plural(count, "Job");
  return [{
    name: `${jobs} of CronJob ${name}${count === 1 ? "" : " with its finished Jobs"}`,
    count,
  }];
}

/**
 * The Jobs that the toolkit makes with the engine `spark` for a day: one after the other, one for each
 * layer. They stay until their TTL is over.
 */
function jobsOfEngine(
  own: readonly ManifestObject[],
  namespace: string | undefined,
  jobs: readonly SparkJob[],
): Term[] {
  const runs = jobs.filter((job) => job.namespace === namespace && job.toolkit === "spark");
  if (runs.length === 0) return [];
  const vanish = own.some(({ kind, value }) =>
    kind === "Job" && fieldsIn(value.spec).ttlSecondsAfterFinished === 0
  );
  const count = vanish ? 1 : 2;
  return [{ name: `${plural(count, "Job")} that ${runs[0]!.label} makes for a day`, count }];
}

/** The objects that Spark creates for the pods of a job. */
function madeBySpark(kind: string, { label, mode, executor, settings }: SparkJob): Term[] {
  if (mode !== "client" && mode !== "cluster") return [];
  const of = (what: string, count: number) => [{ name: `${what} of ${label}`, count }];
  if (kind === "ConfigMap") {
    const isDisabled = settings.get("spark.kubernetes.executor.disableConfigMap")?.value === "true";
    const executors = isDisabled ? 0 : 1;
    const count = executors + (mode === "cluster" ? 1 : 0);
    return count === 0 ? [] : of("Spark's ConfigMap", count);
  }
  if (kind === "Service" && mode === "cluster") return of("the driver's Service", 1);
  if (kind === "PersistentVolumeClaim") {
    const claims = settings.values().filter(({ key, value }) =>
      /^spark\.kubernetes\.executor\.volumes\.persistentVolumeClaim\.[\w-]+\.options\.claimName$/
        .test(key) && /^OnDemand$/i.test(value)
    ).toArray().length * (executor?.count ?? 0);
    return claims === 0 ? [] : of("the executors' claims", claims);
  }
  return [];
}

/** The objects of the job with the most of them, because jobs do not run in parallel. */
function largest(all: readonly (readonly Term[])[]): readonly Term[] {
  const countOf = (terms: readonly Term[]) => terms.reduce((sum, { count }) => sum + count, 0);
  return all.reduce<readonly Term[]>(
    (most, each) => countOf(each) > countOf(most) ? each : most,
    [],
  );
}
