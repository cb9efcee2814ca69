import { runEnds } from "../run_end.ts";
import { shell, shellQuote } from "../../../pipeline/shell.ts";
import type { Finding, Place } from "../../finding.ts";
import { type ManifestObject, objectId, placeOf } from "../../kubernetes/objects.ts";
import { fieldsIn, isFields, textOf } from "../../kubernetes/fields.ts";
import { formatQuantity, parseQuantity } from "../../kubernetes/quantities.ts";
import { countsPods, type DefaultClass } from "./quota_scopes.ts";
import { type ContainerDemand, COUNTED, type Counted, ofPod, type Pods } from "./pod_requests.ts";
import { amountOf, type Limit } from "./limit_range.ts";

const SHORT: Readonly<Record<string, Counted>> = {
  cpu: "requests.cpu",
  memory: "requests.memory",
};

/** The limit of a quota for one resource. */
export interface Hard {
  /** The ResourceQuota. */
  readonly quota: ManifestObject;
  /** The name of the resource in the quota, as in `cpu` or `limits.memory`. */
  readonly key: string;
  /** The counted resource: `pods`, or a resource of cpu or memory. */
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
    if (answers.includes(undefined)) return [];
    const pods = all.filter((_, i) => answers[i] === true);
    if (pods.length === 0) return [];
    const used = usedOf(hard);
    if (counted === "pods") return overCount(object, pods, hard, used);
    const requests = pods.map(({ role, count, containers }) => (
      { role, count, containers, each: ofPod(containers, counted) }
    ));
    const incomplete = requests.find(({ count, each }) => count > 0 && each === undefined);
    if (incomplete !== undefined) return [missingAmount(object, incomplete, counted, quota)];
    const sum = requests.reduce(
      (total, { count, each }) => total + BigInt(count) * (each ?? 0n),
      used,
    );
    if (sum <= hard.amount) return [];
    const show = (amount: bigint) => formatQuantity(amount, counted);
    const terms = [
      ...(used > 0n ? [`used ${show(used)}`] : []),
      ...requests.filter(({ count }) => count > 0)
        .map(({ role, count, each }) =>
          `${count === 1 ? "" : `${count} × `}${role} ${show(each!)}`
        ),
    ];
    return [{
      severity: "fail",
      ...placeOfContainer(object, requests.at(-1)!.containers[0]),
      problem: `${key}: ${terms.join(" + ")} = ${show(sum)}, and ${objectId(quota)} allows ` +
        hard.text,
      why: "a pod that exceeds the quota is not created, and Spark waits for it forever; " +
        runEnds("after a wait", "exceeded quota"),
      fix:
        shell`Request less or fewer executors, or raise the quota: kubectl -n ${
          quota.namespace ?? "default"
        } patch resourcequota ${quota.name} --type merge -p ` +
        shellQuote(JSON.stringify({ spec: { hard: { [key]: show(sum) } } })),
    }];
  });
}

function placeOfContainer(object: ManifestObject, container: ContainerDemand | undefined): Place {
  return container?.place ?? placeOf(object, container?.path ?? "");
}

function hardOf(quota: ManifestObject): Hard[] {
  const spec = isFields(quota.value.spec) ? quota.value.spec : {};
  return Object.entries(isFields(spec.hard) ? spec.hard : {}).flatMap(([key, value]): Hard[] => {
    const amount = parseQuantity(value);
    const counted = key === "pods" || key === "count/pods"
      ? "pods"
      : SHORT[key] ?? COUNTED.find((each) => each === key);
    return amount === undefined || counted === undefined
      ? []
      : [{ quota, key, counted, amount, text: String(value) }];
  });
}

function overCount(
  object: ManifestObject,
  pods: readonly Pods[],
  hard: Hard,
  used: bigint,
): Finding[] {
  const count = pods.reduce((total, each) => total + each.count, 0);
  if (used + BigInt(count) * 1_000_000_000n <= hard.amount) return [];
  const there = used > 0n ? `${formatQuantity(used, "pods")} are there, ` : "";
  return [{
    severity: "fail",
    ...placeOf(object, ""),
    problem: `${hard.key}: ${there}it has ${count} pods, and ${objectId(hard.quota)} allows ` +
      hard.text,
    why: "pods that exceed the quota are not created, and Spark waits for them forever",
    fix: "Lower spark.executor.instances, or raise the quota.",
  }];
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
      (["cpu", "memory"] as const).flatMap((name): Finding[] => {
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

/** The demand of a container, or of all containers of a pod. */
interface Unit {
  readonly path: string;
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
  /** Whether no container sets the request, or the limit. */
  readonly isUnset: { readonly low: boolean; readonly high: boolean };
}

function unitsOf({ containers }: Pods, { type }: Limit, name: "cpu" | "memory"): Unit[] {
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
  return (["cpu", "memory"] as const).flatMap((name) =>
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
  name: "cpu" | "memory",
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
