import type { Finding } from "../../finding.ts";
import { isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, objectId, placeOf } from "../../kubernetes/objects.ts";
import { parseQuantity } from "../../kubernetes/quantities.ts";
import { closestWord } from "../../kubernetes/spelling.ts";

/** The keys of a ResourceQuota that need no group of an API. */
const QUOTA_KEYS = [
  "cpu",
  "memory",
  "ephemeral-storage",
  "requests.cpu",
  "requests.memory",
  "requests.ephemeral-storage",
  "requests.storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
  "pods",
  "services",
  "services.loadbalancers",
  "services.nodeports",
  "replicationcontrollers",
  "resourcequotas",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
];

/** The objects that `count/` counts, with the group of their API. */
const COUNTED_OBJECTS = [
  "pods",
  "services",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "replicationcontrollers",
  "resourcequotas",
  "serviceaccounts",
  "endpoints",
  "events",
  "limitranges",
  "podtemplates",
  "deployments.apps",
  "replicasets.apps",
  "statefulsets.apps",
  "daemonsets.apps",
  "controllerrevisions.apps",
  "jobs.batch",
  "cronjobs.batch",
  "horizontalpodautoscalers.autoscaling",
  "poddisruptionbudgets.policy",
  "ingresses.networking.k8s.io",
  "networkpolicies.networking.k8s.io",
  "roles.rbac.authorization.k8s.io",
  "rolebindings.rbac.authorization.k8s.io",
  "leases.coordination.k8s.io",
  "resourceclaims.resource.k8s.io",
];

const COUNTS = COUNTED_OBJECTS.map((each) => `count/${each}`);

const HUGEPAGES = /^((requests|limits)\.)?hugepages-\w+$/;

/** The suffixes of the keys for a class of storage, volumes or devices. */
const OF_CLASS =
  /^[a-z0-9.-]+\.(storageclass|volumeattributesclass)\.storage\.k8s\.io\/(requests\.storage|persistentvolumeclaims)$|^[a-z0-9.-]+\.deviceclass\.resource\.k8s\.io\/devices$/;

/** The findings about keys that Kubernetes does not know, in ResourceQuotas and LimitRanges. */
export function wrongBounds(objects: readonly ManifestObject[]): Finding[] {
  const found = objects.flatMap((object) =>
    object.kind === "ResourceQuota"
      ? wrongQuota(object)
      : object.kind === "LimitRange"
      ? wrongRange(object)
      : []
  );
  return [...found, ...differentDefaults(objects)];
}

/** Warns about LimitRanges of one namespace with different defaults for the same resource. */
function differentDefaults(objects: readonly ManifestObject[]): Finding[] {
  const defaults = objects.filter(({ kind }) => kind === "LimitRange").flatMap((range) =>
    listOf(isFields(range.value.spec) ? range.value.spec.limits : undefined).flatMap((limit, i) =>
      limit.type !== "Container"
        ? []
        : (["default", "defaultRequest"] as const).flatMap((list) =>
          Object.entries(isFields(limit[list]) ? limit[list] : {}).map(([name, value]) => ({
            range,
            value,
            name: `${list}.${name}`,
            path: `spec.limits[${i}].${list}.${name}`,
          }))
        )
    )
  );
  const groups = Map.groupBy(defaults, ({ range, name }) => `${namespaceOf(range)} ${name}`);
  return [...groups.values()].flatMap(([first, ...others]): Finding[] => {
    const other = others.find(({ value }) => parseQuantity(value) !== parseQuantity(first!.value));
    if (other === undefined) return [];
    return [{
      severity: "warn",
      ...placeOf(other.range, other.path),
      problem: `${other.name} is ${String(other.value)}, and ${objectId(first!.range)} sets ` +
        String(first!.value),
      why: "the API server applies one of the two defaults, and does not define which one",
      fix: "Keep the default in one LimitRange only.",
    }];
  });
}

function wrongQuota(quota: ManifestObject): Finding[] {
  const spec = isFields(quota.value.spec) ? quota.value.spec : {};
  return Object.entries(isFields(spec.hard) ? spec.hard : {}).flatMap(([key, value]): Finding[] => {
    const meant = meantQuotaKey(key);
    if (meant === key) return wrongAmount(quota, key, value);
    return [{
      severity: "fail",
      ...placeOf(quota, `spec.hard.${key}`),
      problem: `a quota has no key ${key}${meant === undefined ? "" : `; did you mean ${meant}?`}`,
      why: "Kubernetes refuses the key, or counts nothing with it, so the quota limits nothing",
      fix: meant === undefined
        ? "Use a key such as requests.cpu, limits.memory, pods or count/jobs.batch."
        : `Write ${meant} instead of ${key}.`,
    }];
  });
}

/** The keys of a quota that count objects, and need a whole number. */
const OF_OBJECTS =
  /^(pods|services(\.\w+)?|replicationcontrollers|resourcequotas|secrets|configmaps|persistentvolumeclaims|count\/.+)$/;

/** Finds an amount that is negative, or no whole number of objects. */
function wrongAmount(quota: ManifestObject, key: string, value: unknown): Finding[] {
  const amount = parseQuantity(value);
  if (amount === undefined) return [];
  const problem = amount < 0n
    ? `must not be negative, but is ${String(value)}`
    : OF_OBJECTS.test(key) && amount % 1_000_000_000n !== 0n
    ? `must be a whole number, but is ${String(value)}`
    : undefined;
  if (problem === undefined) return [];
  return [{
    severity: "fail",
    ...placeOf(quota, `spec.hard.${key}`),
    problem: `${key} ${problem}`,
    why: "the API server refuses the quota, so it limits nothing",
    fix: "Write a whole number, as in 10.",
  }];
}

/** The key that a key of a quota is meant as: itself, if Kubernetes knows it. */
function meantQuotaKey(key: string): string | undefined {
  if (QUOTA_KEYS.includes(key) || HUGEPAGES.test(key) || OF_CLASS.test(key)) return key;
  const counted = /^count\/(.+)$/.exec(key)?.[1];
  if (counted !== undefined) {
    if (COUNTED_OBJECTS.includes(counted)) return key;
    const plural = COUNTS.find((each) =>
      each === `count/${counted}s` || each.startsWith(`count/${counted}.`) ||
      each.startsWith(`count/${counted}s.`)
    );
    if (plural !== undefined) return plural;
    const close = closestWord(key, COUNTS);
    if (close !== undefined) return close;
    // An object of another API has a group with a dot.
    return /^[a-z0-9-]+\.[a-z0-9.-]*\.[a-z0-9.-]+$/.test(counted) ? key : undefined;
  }
  // An extended resource has a domain with a dot, and only its requests are counted.
  const [, list, resource] = /^(?:(requests|limits)\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+\/[\w.-]+)$/
    .exec(key) ?? [];
  if (resource !== undefined && !/^(requests|limits|count)\./.test(resource)) {
    return list === "requests" ? key : `requests.${resource}`;
  }
  const inner = key.replace(/^(requests|limits|count)[./]/, "");
  if (inner !== key && (COUNTS.includes(inner) || QUOTA_KEYS.includes(inner))) return inner;
  return closestWord(key, [...QUOTA_KEYS, ...COUNTS]);
}

const LIMITED = ["cpu", "memory", "ephemeral-storage", "storage"];

const TYPES = ["Container", "Pod", "PersistentVolumeClaim"];

const LISTS = ["default", "defaultRequest", "max", "maxLimitRequestRatio", "min"] as const;

function wrongRange(range: ManifestObject): Finding[] {
  const spec = isFields(range.value.spec) ? range.value.spec : {};
  return listOf(spec.limits).flatMap((limit, i): Finding[] => {
    const path = `spec.limits[${i}]`;
    const fail = (field: string, problem: string, fix: string): Finding => ({
      severity: "fail",
      ...placeOf(range, `${path}.${field}`),
      problem,
      why: "the API server refuses the LimitRange, so its limits and defaults do not apply",
      fix,
    });
    const type = textOf(limit.type) ?? "";
    if (!TYPES.includes(type) && !type.includes("/")) {
      const meant = closestWord(type, TYPES);
      return [fail(
        "type",
        `a LimitRange has no type ${JSON.stringify(type)}`,
        meant === undefined ? `Write one of ${TYPES.join(", ")}.` : `Write type: ${meant}`,
      )];
    }
    const amounts = LISTS.flatMap((list) => {
      const all = limit[list];
      return Object.entries(isFields(all) ? all : {}).map(([name, value]) => ({
        list,
        name,
        value,
      }));
    });
    const keys = amounts.filter(({ name }) =>
      !LIMITED.includes(name) && !name.includes("/") && !HUGEPAGES.test(name)
    ).map(({ list, name }) => {
      const meant = closestWord(name.replace(/^(requests|limits)\./, ""), LIMITED);
      return fail(
        `${list}.${name}`,
        `a LimitRange has no resource ${name}`,
        meant === undefined ? `Write one of ${LIMITED.join(", ")}.` : `Write ${meant}`,
      );
    });
    const defaults = type !== "Container"
      ? amounts.filter(({ list }) => list === "default" || list === "defaultRequest")
        .map(({ list, name }) =>
          fail(
            `${list}.${name}`,
            `a LimitRange sets ${list} only for type Container, not for ${type}`,
            `Remove ${list}, or write type: Container`,
          )
        )
      : [];
    return [...keys, ...defaults, ...wrongOrder(limit, fail), ...wrongRatios(limit, fail)];
  });
}

/** A ratio of limit to request is one or more, and `max` and `min` must allow it. */
function wrongRatios(
  limit: Readonly<Record<string, unknown>>,
  fail: (field: string, problem: string, fix: string) => Finding,
): Finding[] {
  const list = "maxLimitRequestRatio";
  const ratios = isFields(limit[list]) ? limit[list] : {};
  return Object.entries(ratios).flatMap(([name, value]): Finding[] => {
    const ratio = parseQuantity(value);
    if (ratio === undefined || ratio >= 1_000_000_000n) return [];
    const problem = `${list} of ${name} is ${String(value)}, and must be 1 or more`;
    return [
      fail(`${list}.${name}`, problem, "Write 1 or more: a limit is never below its request."),
    ];
  });
}

/** The pairs of lists whose first amount must not exceed the second. */
const ORDER = [
  ["min", "max"],
  ["min", "default"],
  ["min", "defaultRequest"],
  ["defaultRequest", "default"],
  ["default", "max"],
  ["defaultRequest", "max"],
] as const;

function wrongOrder(
  limit: Readonly<Record<string, unknown>>,
  fail: (field: string, problem: string, fix: string) => Finding,
): Finding[] {
  return ORDER.flatMap(([low, high]) => {
    const [lows, highs] = [limit[low], limit[high]];
    if (!isFields(lows) || !isFields(highs)) return [];
    return Object.keys(lows).flatMap((name): Finding[] => {
      const [least, most] = [parseQuantity(lows[name]), parseQuantity(highs[name])];
      if (least === undefined || most === undefined || least <= most) return [];
      return [fail(
        `${low}.${name}`,
        `${low} of ${name} is ${String(lows[name])}, more than ${high}: ${String(highs[name])}`,
        `Lower ${low}, or raise ${high}.`,
      )];
    });
  });
}
