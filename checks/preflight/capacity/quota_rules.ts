import { runEnds } from "../run_end.ts";
import { changedObject, explained, setInFile } from "../change.ts";
import { shell } from "../../../pipeline/shell.ts";
import type { Finding, Place } from "../../finding.ts";
import { type ManifestObject, namespaceOf, objectId, placeOf } from "../../kubernetes/objects.ts";
import { fieldsIn, isFields, textOf } from "../../kubernetes/fields.ts";
import { formatQuantity, parseQuantity } from "../../kubernetes/quantities.ts";
import { countsPods, type DefaultClass, scopeNames } from "./quota_scopes.ts";
import {
  type ContainerDemand,
  type Counted,
  type Demand,
  ofPod,
  type Pods,
  REQUIRED,
} from "./pod_requests.ts";
import { amountOf, boundedBy, type Limit } from "./limit_range.ts";

/** The keys of a quota for requests, which can leave out `requests.`. */
const SHORT = /^(cpu|memory|ephemeral-storage|hugepages-\w+)$/;

/** The keys of a quota for resources of containers, without claims of storage. */
const OF_CONTAINERS =
  /^(requests|limits)\.(cpu|memory|ephemeral-storage|hugepages-\w+)$|^requests\.[^/]+\/[^/]+$/;

/** The limit of a quota for one resource. */
export interface Hard {
  /** The ResourceQuota. */
  readonly quota: ManifestObject;
  /** The name of the resource in the quota, as in `cpu` or `limits.memory`. */
  readonly key: string;
  /** The counted resource: `pods`, or a resource of containers. */
  readonly counted: Counted | "pods";
  /** The allowed amount in billionths. */
  readonly amount: bigint;
  /** The amount as the quota contains it, as in `8Gi`. */
  readonly text: string;
}

/** The pods that must fit into the quotas of a namespace at the same time. */
export interface ConcurrentPods {
  /** The pods of a job, and the other pods of the manifests. */
  readonly pods: readonly Pods[];
  /** The ResourceQuotas. */
  readonly quotas: readonly ManifestObject[];
  /** The class of pods without a priorityClassName. */
  readonly defaultClass: DefaultClass;
  /** The used amount of a resource, in billionths. */
  readonly used: (hard: Hard) => bigint;
}

/** Judges pods that run at the same time against the quotas of a namespace. */
export function judgeQuotas(
  object: ManifestObject,
  { pods: all, quotas, defaultClass, used: usedOf }: ConcurrentPods,
): Finding[] {
  return quotas.flatMap(hardOf).flatMap((hard) => {
    const { counted, quota, key } = hard;
    const answers = all.map((each) => countsPods(quota, each, defaultClass));
    // Pods that the quota may not count are left out: the others alone can exceed it.
    const pods = all.filter((_, i) => answers[i] === true);
    if (pods.length === 0) return [];
    const used = usedOf(hard);
    const absent = REQUIRED.includes(counted) ? undefined : 0n;
    const requests = pods.map(({ role, count, containers }) => ({
      role,
      count,
      containers,
      each: counted === "pods" ? ONE : ofPod(containers, counted, absent),
    }));
    const incomplete = requests.find(({ count, each }) => count > 0 && each === undefined);
    if (counted !== "pods" && incomplete !== undefined) {
      return [missingAmount(object, incomplete, counted, quota)];
    }
    const sum = requests.reduce(
      (total, { count, each }) => total + BigInt(count) * (each ?? 0n),
      used,
    );
    if (sum <= hard.amount || requests.every(({ each }) => each === 0n)) return [];
    const hasExecutors = pods.some(({ role, count }) => role === "executor" && count > 0);
    const show = (amount: bigint) => formatQuantity(amount, counted);
    const terms = [
      ...(used > 0n ? [`used ${show(used)}`] : []),
      ...requests.filter(({ count, each }) => count > 0 && each !== 0n)
        .map(({ role, count, each }) =>
          `${count === 1 ? "" : `${count} × `}${role} ${show(each!)}`
        ),
    ];
    return [{
      severity: "fail",
      ...placeOfContainer(object, requests.at(-1)!.containers[0]),
      limitOf: objectId(quota),
      problem: `${key}: ${terms.join(" + ")}${terms.length === 1 ? "" : ` = ${show(sum)}`}, and ` +
        `${objectId(quota)}${scopeOf(quota)} allows ${hard.text}`,
      why: hasExecutors
        ? "a pod that exceeds the quota is not created, and Spark waits for it forever; " +
          runEnds("after a wait", "exceeded quota")
        : "a pod that exceeds the quota is not created, and its job waits",
      ...explained(adviceFor(counted, hasExecutors), {
        fix: shell`kubectl -n ${namespaceOf(quota)} patch resourcequota ${quota.name} ` +
          shell`--type merge -p ${JSON.stringify({ spec: { hard: { [key]: show(sum) } } })}`,
        fixInFiles: setInFile(changedObject(quota), "spec.hard", { [key]: show(sum) }),
      }),
    }];
  });
}

const ONE = 1_000_000_000n;

function adviceFor(counted: Hard["counted"], hasExecutors: boolean): string {
  if (counted === "pods") {
    return `${hasExecutors ? "Request fewer executors, or raise" : "Raise"} the quota: `;
  }
  return `Request less${hasExecutors ? " or fewer executors" : ""}, or raise the quota: `;
}

/** The scopes of a quota for people, as in ` for pods with NotTerminating`; empty without any. */
function scopeOf(quota: ManifestObject): string {
  const scopes = scopeNames(quota);
  return scopes.length === 0 ? "" : ` for pods with ${scopes.join(" and ")}`;
}

function placeOfContainer(object: ManifestObject, container: ContainerDemand | undefined): Place {
  return container?.place ?? placeOf(object, container?.path ?? "");
}

function hardOf(quota: ManifestObject): Hard[] {
  const spec = isFields(quota.value.spec) ? quota.value.spec : {};
  return Object.entries(isFields(spec.hard) ? spec.hard : {}).flatMap(([key, value]): Hard[] => {
    const amount = parseQuantity(value);
    const counted = countedBy(key);
    return amount === undefined || counted === undefined
      ? []
      : [{ quota, key, counted, amount, text: String(value) }];
  });
}

/** The resource that a key of a quota counts; undefined for objects other than pods. */
function countedBy(key: string): Hard["counted"] | undefined {
  if (key === "pods" || key === "count/pods") return "pods";
  if (SHORT.test(key)) return `requests.${key}`;
  return OF_CONTAINERS.test(key) ? key as Counted : undefined;
}

function missingAmount(
  object: ManifestObject,
  { role, containers }: Pick<Pods, "role" | "containers">,
  counted: Counted,
  quota: ManifestObject,
): Finding {
  const incomplete = containers.find(({ demand }) => demand[counted] === undefined);
  const [list, name] = counted.split(".");
  const setting = role === "executor" || role === "driver pod";
  const key = `spark.kubernetes.${role === "executor" ? "executor" : "driver"}.limit.cores`;
  return {
    severity: "fail",
    ...placeOfContainer(object, incomplete),
    limitOf: objectId(quota),
    problem: `the ${role} has no ${counted}, and ${objectId(quota)} counts it`,
    why:
      "with this quota, the API server refuses pods without the value, unless a LimitRange sets " +
      "a default",
    fix: setting ? `Add: --conf=${key}=<cores>` : `Add: resources: {${list}: {${name}: …}}`,
  };
}

/** Judges each container and pod against the limits of a namespace, and each request against its limit. */
export function judgeLimits(
  object: ManifestObject,
  pods: Pods,
  limits: readonly Limit[],
): Finding[] {
  return [
    ...pods.containers.flatMap(({ path, demand }) =>
      namesIn(demand).flatMap((name): Finding[] => {
        const [request, limit] = [demand[`requests.${name}`], demand[`limits.${name}`]];
        if (request === undefined || limit === undefined || request <= limit) return [];
        const show = (amount: bigint) => formatQuantity(amount, name);
        return [{
          severity: "fail",
          ...placeOf(object, path),
          problem: `the ${pods.role} requests ${show(request)} of ${name}, and its limit is ` +
            show(limit),
          why: "the API server refuses the pod",
          fix:
            "Raise the limit, or request less. If the container sets no limit, the LimitRange does.",
        }];
      })
    ),
    ...limits.flatMap((limit) => outside(object, pods, limit)),
  ];
}

/** The resources of a demand with a request, as in `cpu`. */
function namesIn(demand: Demand): string[] {
  return Object.keys(demand).filter((counted) => counted.startsWith("requests."))
    .map((counted) => counted.slice("requests.".length));
}

/** The demand of a container, or of all containers of a pod. */
interface Unit {
  readonly path: string;
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
  /** Whether no container sets the request, or the limit. */
  readonly isUnset: { readonly low: boolean; readonly high: boolean };
}

function unitsOf({ containers }: Pods, { type }: Limit, name: string): Unit[] {
  const [request, bound] = [`requests.${name}`, `limits.${name}`] as const;
  if (type === "Container") {
    return containers.map(({ path, demand: { [request]: low, [bound]: high } }) => (
      { path, low, high, isUnset: { low: low === undefined, high: high === undefined } }
    ));
  }
  const isUnset = (counted: Counted) =>
    containers.every(({ demand }) => demand[counted] === undefined);
  return [{
    path: containers[0]?.path ?? "",
    low: ofPod(containers, request),
    high: ofPod(containers, bound),
    isUnset: { low: isUnset(request), high: isUnset(bound) },
  }];
}

function outside(object: ManifestObject, pods: Pods, limit: Limit): Finding[] {
  if (pods.containers.length === 0) return [];
  return boundedBy(limit).flatMap((name) =>
    unitsOf(pods, limit, name).flatMap((unit): Finding[] => {
      const wrong = wrongDemand(unit, limit, name);
      if (wrong === undefined) return [];
      return [{
        severity: "fail",
        ...placeOf(object, unit.path),
        problem: `the ${pods.role} ${wrong}`,
        why: "the API server refuses the pod",
        fix: `Change the ${pods.role}'s resources, or ${limit.path} of ${objectId(limit.object)}.`,
      }];
    })
  );
}

/** Why the API server refuses a demand. It requires the amounts that a LimitRange bounds. */
function wrongDemand(
  { low, high, isUnset }: Unit,
  limit: Limit,
  name: string,
): string | undefined {
  const show = (amount: bigint) => formatQuantity(amount, name);
  const [least, most] = [amountOf(limit, "min", name), amountOf(limit, "max", name)];
  const ratio = amountOf(limit, "maxLimitRequestRatio", name);
  const range = objectId(limit.object);
  if (most !== undefined) {
    const allowed = `${range} allows a ${limit.type} ${show(most)} at most`;
    if (isUnset.high) return `has no limit of ${name}, and ${allowed}`;
    if (high !== undefined && high > most) {
      return `is limited to ${show(high)} of ${name}, and ${allowed}`;
    }
    if (low !== undefined && low > most) return `requests ${show(low)} of ${name}, and ${allowed}`;
  }
  if (least !== undefined) {
    const wanted = `${range} wants at least ${show(least)}`;
    if (isUnset.low) return `requests no ${name}, and ${wanted}`;
    if (low !== undefined && low < least) return `requests ${show(low)} of ${name}, and ${wanted}`;
    if (high !== undefined && high < least) {
      return `is limited to ${show(high)} of ${name}, and ${wanted}`;
    }
  }
  if (ratio === undefined) return undefined;
  const text = `${range} has maxLimitRequestRatio ${
    textOf(fieldsIn(limit.fields.maxLimitRequestRatio)[name])
  }`;
  if (isUnset.low) return `requests no ${name}, and ${text}`;
  if (isUnset.high) return `has no limit of ${name}, and ${text}`;
  if (low === undefined || high === undefined) return undefined;
  return high * 1_000_000_000n > low * ratio
    ? `requests ${show(low)} of ${name} with a limit of ${show(high)}, and ${text}`
    : undefined;
}
