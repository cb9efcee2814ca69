import type { Place } from "../finding.ts";
import { type Fields, isFields, listOf, textOf } from "../kubernetes/fields.ts";
import { type ManifestObject, namespaceOf, ofKind, placeOf } from "../kubernetes/objects.ts";
import { mebibytes, parseQuantity, sparkMebibytes } from "../kubernetes/quantities.ts";
import type { Workload } from "../kubernetes/workloads.ts";
import { parseDocuments } from "../kubernetes/yaml.ts";
import { printedValue, type SparkSetting, type SparkSettings } from "./settings.ts";

/** The roles of pods that Spark creates. */
export type Role = "driver" | "executor";

/** The label with the role of a pod that Spark creates. */
export const ROLE_LABEL = "spark-role";

/** The pods of one role that Spark creates. */
export interface SparkPod {
  /** The role of the pods. */
  readonly role: Role;
  /** The number of pods; with dynamic allocation the number at the start, at least one. */
  readonly count: number;
  /** The setting that decides the number; absent for a default. */
  readonly counted?: SparkSetting;
  /** The most pods of dynamic allocation, and the setting that limits them. */
  readonly most?: { readonly count: number; readonly setting: SparkSetting };
  /** The setting that allows any number of pods; absent if the number has a limit. */
  readonly unlimited?: SparkSetting;
  /** The CPU request and limit of each pod, as in `1` or `500m`. */
  readonly cpu: { readonly request: string; readonly limit: string | undefined };
  /** The memory of each pod in billionths of a byte, including overhead. Request and limit are equal. */
  readonly memory: bigint;
  /** The labels from settings and template, and Spark's own label for the role. */
  readonly labels: ReadonlyMap<string, string>;
  /** The annotations from settings and template. */
  readonly annotations: ReadonlyMap<string, string>;
  /** The devices that each pod requests, as in `nvidia.com/gpu`, with their number. */
  readonly devices: Readonly<Record<string, string>>;
  /** The pod template, if one is set. */
  readonly template: PodTemplateFile | undefined;
  /** The service account of the pods. */
  readonly account: string;
}

/** A pod template file of Spark. */
export interface PodTemplateFile {
  /** The spec of the pod, not validated; undefined if the file is not in the manifests. */
  readonly spec: Fields | undefined;
  /** The reason why there is no spec. `isLost` means that the pod cannot contain the file. */
  readonly absent?: { readonly reason: string; readonly isLost: boolean };
  /** The labels in the template. */
  readonly labels: ReadonlyMap<string, string>;
  /** The annotations in the template. */
  readonly annotations?: ReadonlyMap<string, string>;
  /** The place of the file in a ConfigMap, or of the setting that names the file. */
  readonly place: Place;
}

/** Reads the pods of a role that Spark creates. An invalid amount counts as the default. */
export function sparkPod(
  role: Role,
  job: Workload,
  settings: SparkSettings,
  objects: readonly ManifestObject[],
): SparkPod {
  const text = (key: string) => settings.get(key)?.value;
  const template = templateOf(role, job, settings, objects);
  return {
    role,
    ...(role === "driver" ? { count: 1 } : executorCount(settings)),
    cpu: {
      request: text(`spark.kubernetes.${role}.request.cores`) ?? text(`spark.${role}.cores`) ?? "1",
      limit: text(`spark.kubernetes.${role}.limit.cores`),
    },
    memory: mebibytes(memoryOf(role, settings)),
    labels: new Map([
      ...template?.labels ?? [],
      ...settingsBelow(settings, `spark.kubernetes.${role}.label.`),
      [ROLE_LABEL, role],
    ]),
    annotations: new Map([
      ...template?.annotations ?? [],
      ...settingsBelow(settings, `spark.kubernetes.${role}.annotation.`),
    ]),
    template,
    devices: devicesOf(role, settings),
    account: accountOfPod(role, settings, template),
  };
}

/** The devices that each pod of a role requests, as in `nvidia.com/gpu`, with their number. */
function devicesOf(role: Role, settings: SparkSettings): Readonly<Record<string, string>> {
  const prefix = `spark.${role}.resource.`;
  const found = [...settingsBelow(settings, prefix)].flatMap(([key, amount]) => {
    const name = /^([\w-]+)\.amount$/.exec(key)?.[1];
    const vendor = settings.get(`${prefix}${name}.vendor`)?.value;
    return name === undefined || vendor === undefined
      ? []
      : [[`${vendor}/${name}`, amount] as const];
  });
  return Object.fromEntries(found);
}

/** The values of the settings with a prefix, by the rest of the key, such as labels of executors. */
export function settingsBelow(settings: SparkSettings, prefix: string): Map<string, string> {
  const below = [...settings.values()].filter(({ key }) => key.startsWith(prefix));
  return new Map(below.map(({ key, value }) => [key.slice(prefix.length), value]));
}

/** Chooses the account as Spark 3.5 does (ExecutorKubernetesCredentialsFeatureStep). */
function accountOfPod(
  role: Role,
  settings: SparkSettings,
  template: PodTemplateFile | undefined,
): string {
  const ofRole = (each: Role) =>
    settings.get(`spark.kubernetes.authenticate.${each}.serviceAccountName`)?.value;
  const ofTemplate = textOf(template?.spec?.serviceAccountName);
  if (role === "driver") return ofRole("driver") ?? ofTemplate ?? "default";
  return ofTemplate ?? ofRole("executor") ?? ofRole("driver") ?? "default";
}

/** Finds the pod template of a role in the ConfigMap that the job mounts. */
function templateOf(
  role: Role,
  job: Workload,
  settings: SparkSettings,
  objects: readonly ManifestObject[],
): PodTemplateFile | undefined {
  const { executor } = job;
  if (role === "executor" && executor !== undefined) {
    const labels = Object.entries(executor.labels).map((
      [key, value],
    ): [string, string] => [key, String(value)]);
    return {
      spec: executor.spec,
      labels: new Map(labels),
      place: placeOf(job.object, executor.path),
    };
  }
  const setting = settings.get(`spark.kubernetes.${role}.podTemplateFile`);
  if (setting === undefined) return undefined;
  const path = setting.value.replace(/^(local|file):\/\//, "");
  const file = mountedFiles(job, objects).find((each) => each.path === path);
  if (file === undefined) {
    const absent = setting.unknown === undefined
      ? absenceOf(path, job, objects)
      : { reason: setting.unknown, isLost: false };
    return { spec: undefined, absent, labels: new Map(), place: setting.place };
  }
  const pod = parseDocuments(file.text).documents[0]?.value;
  const { spec, metadata } = isFields(pod) ? pod : {};
  const textsOf = (field: "labels" | "annotations") => {
    const values = isFields(metadata) ? metadata[field] : undefined;
    return new Map(
      Object.entries(isFields(values) ? values : {}).map(([key, value]) => [key, String(value)]),
    );
  };
  return {
    spec: isFields(spec) ? spec : {},
    labels: textsOf("labels"),
    annotations: textsOf("annotations"),
    place: placeOf(file.map, `data.${file.key}`),
  };
}

/** The reason why no mounted ConfigMap of the manifests has a file. */
export function absenceOf(
  path: string,
  { object, spec, containers }: Workload,
  objects: readonly ManifestObject[],
): NonNullable<PodTemplateFile["absent"]> {
  const mount = containers.flatMap(({ fields }) => listOf(fields.volumeMounts))
    .find(({ mountPath }) => path.startsWith(`${textOf(mountPath)?.replace(/\/+$/, "")}/`));
  const volume = listOf(spec.volumes).find(({ name }) =>
    mount !== undefined && name === mount.name
  );
  const name = isFields(volume?.configMap) ? textOf(volume.configMap.name) : undefined;
  if (name === undefined) {
    return { reason: `no ConfigMap that the job mounts has the file ${path}`, isLost: false };
  }
  const isThere = ofKind(objects, "ConfigMap", namespaceOf(object)).some((map) =>
    map.name === name
  );
  return isThere
    ? { reason: `the mounted ConfigMap ${name} does not have the file ${path}`, isLost: true }
    : {
      reason: `the manifests do not have ConfigMap ${name} with the file ${path}`,
      isLost: false,
    };
}

/** A file that a pod mounts from a ConfigMap. */
export interface MountedFile {
  /** The absolute path in the container. */
  readonly path: string;
  /** The ConfigMap. */
  readonly map: ManifestObject;
  /** The key in the ConfigMap. */
  readonly key: string;
  /** The content. */
  readonly text: string;
}

/** The files that the containers of a workload mount from ConfigMaps. */
export function mountedFiles(
  { object, spec, containers }: Workload,
  objects: readonly ManifestObject[],
): MountedFile[] {
  const volumes = new Map(
    listOf(spec.volumes).map((volume) => {
      const projected = isFields(volume.projected) ? listOf(volume.projected.sources) : [];
      const sources = [volume, ...projected].map(({ configMap }) => configMap).filter(isFields);
      return [volume.name, sources.flatMap((source) => filesOf(source, object, objects))];
    }),
  );
  return containers.flatMap(({ fields }) =>
    listOf(fields.volumeMounts).flatMap(({ name, mountPath, subPath }) => {
      const folder = textOf(mountPath)?.replace(/\/+$/, "");
      if (folder === undefined) return [];
      const files = volumes.get(name) ?? [];
      const only = textOf(subPath);
      return only === undefined
        ? files.map((file) => ({ ...file, path: `${folder}/${file.path}` }))
        : files.filter(({ path }) => path === only).map((file) => ({ ...file, path: folder }));
    })
  );
}

/** The files of a volume's ConfigMap, by their path within the volume. */
function filesOf(
  source: Fields,
  job: ManifestObject,
  objects: readonly ManifestObject[],
): MountedFile[] {
  const map = ofKind(objects, "ConfigMap", namespaceOf(job))
    .find(({ name }) => name === textOf(source.name));
  const data = isFields(map?.value.data) ? map.value.data : {};
  const items = listOf(source.items);
  return Object.entries(data).flatMap(([key, value]): MountedFile[] => {
    const text = textOf(value);
    const item = items.find((each) => each.key === key);
    if (map === undefined || text === undefined || items.length > 0 && item === undefined) {
      return [];
    }
    return [{ path: textOf(item?.path) ?? key, map, key, text }];
  });
}

/**
 * The number of executors. Dynamic allocation starts with the largest of three settings, and ends the
 * job if this is more than its limit.
 */
function executorCount(
  settings: SparkSettings,
): Pick<SparkPod, "count" | "counted" | "most" | "unlimited"> {
  const read = (key: string) => {
    const setting = settings.get(key);
    return /^\d+$/.test(setting?.value ?? "")
      ? [{ count: Number(setting!.value), counted: setting! }]
      : [];
  };
  const instances = read("spark.executor.instances");
  const dynamic = settings.get("spark.dynamicAllocation.enabled");
  if (dynamic?.value.toLowerCase() !== "true") return instances[0] ?? { count: 2 };
  const [largest] = [
    ...read("spark.dynamicAllocation.minExecutors"),
    ...read("spark.dynamicAllocation.initialExecutors"),
    ...instances,
  ].sort((a, b) => b.count - a.count);
  const start = largest === undefined || largest.count === 0 ? { count: 1 } : largest;
  const [most] = read("spark.dynamicAllocation.maxExecutors");
  return most === undefined
    ? { ...start, unlimited: dynamic }
    : { ...start, most: { count: most.count, setting: most.counted } };
}

/** The settings that decide how much a role's pods request. */
function amountsOf(role: Role, settings: SparkSettings): SparkSetting[] {
  const keys = [
    "cores",
    "memory",
    "memoryOverhead",
    "memoryOverheadFactor",
    ...(role === "executor" ? ["instances", "pyspark.memory"] : []),
  ].map((key) => `spark.${role}.${key}`);
  const all = [
    ...keys,
    `spark.kubernetes.${role}.request.cores`,
    `spark.kubernetes.${role}.limit.cores`,
    "spark.kubernetes.memoryOverheadFactor",
    ...(role === "executor"
      ? [
        "spark.memory.offHeap.enabled",
        "spark.memory.offHeap.size",
        "spark.dynamicAllocation.enabled",
        "spark.dynamicAllocation.maxExecutors",
        "spark.dynamicAllocation.minExecutors",
        "spark.dynamicAllocation.initialExecutors",
      ]
      : []),
  ];
  return all.flatMap((key) => settings.get(key) ?? []);
}

/**
 * The reason why the amounts that a role's pods request are not known; undefined if they are known.
 */
export function unknownAmount(role: Role, settings: SparkSettings): string | undefined {
  const setting = amountsOf(role, settings).find(({ unknown }) => unknown !== undefined);
  return setting && `${setting.key} is not known: ${setting.unknown}`;
}

/** A setting whose amount Spark or Kubernetes rejects, and the form that the amount needs. */
export interface WrongAmount {
  /** The setting. */
  readonly setting: SparkSetting;
  /** The problem, as in `spark.executor.memory=2Gi is not a size that Spark reads`. */
  readonly problem: string;
  /** The correction. */
  readonly fix: string;
}

/** The settings of a role with amounts that make the job fail. */
export function wrongAmounts(role: Role, settings: SparkSettings): WrongAmount[] {
  const isDynamic = settings.get("spark.dynamicAllocation.enabled")?.value.toLowerCase() === "true";
  return amountsOf(role, settings).flatMap((setting): WrongAmount[] => {
    const { key, value, unknown } = setting;
    if (unknown !== undefined) return [];
    const wrong = (what: string, fix: string): WrongAmount[] => [
      { setting, problem: `${key}=${printedValue(setting)} is not ${what}`, fix },
    ];
    if (/memory$|memoryOverhead$|offHeap\.size$/.test(key) && sparkMebibytes(value) === undefined) {
      return wrong("a size that Spark reads", `Write it like 2g or 1536m: --conf=${key}=2g`);
    }
    if (/\.(request|limit)\.cores$/.test(key) && parseQuantity(value) === undefined) {
      return wrong("a quantity of Kubernetes", `Write it like 2 or 500m: --conf=${key}=2`);
    }
    const isCount = key === `spark.${role}.cores` || key === "spark.executor.instances";
    if (isCount && !/^0*[1-9]\d*$/.test(value) && !(isDynamic && /^0+$/.test(value))) {
      return wrong("a positive whole number", `Write it like 2: --conf=${key}=2`);
    }
    return [];
  });
}

/** The minimum overhead in MiB (BasicDriverFeatureStep and BasicExecutorFeatureStep of Spark 3.5). */
const MIN_OVERHEAD = 384n;

/** The memory of a role's pod in MiB: heap, overhead, off-heap memory, and Python's memory if set. */
export function memoryOf(role: Role, settings: SparkSettings): bigint {
  const text = (key: string) => settings.get(key)?.value;
  const heap = sparkMebibytes(text(`spark.${role}.memory`)) ?? 1024n;
  const fixed = sparkMebibytes(text(`spark.${role}.memoryOverhead`));
  // In cluster mode, Spark knows that the job is a Python job and adds more overhead.
  const defaultFactor = text("spark.submit.deployMode") === "cluster" ? "0.4" : "0.1";
  const factor = Number(
    text(`spark.${role}.memoryOverheadFactor`) ?? text("spark.kubernetes.memoryOverheadFactor") ??
      defaultFactor,
  );
  const share = BigInt(Math.floor(Number(heap) * (Number.isFinite(factor) ? factor : 0.1)));
  const overhead = fixed ?? (share > MIN_OVERHEAD ? share : MIN_OVERHEAD);
  const python = role === "executor"
    ? sparkMebibytes(text("spark.executor.pyspark.memory"))
    : undefined;
  const isOffHeap = role === "executor" && text("spark.memory.offHeap.enabled") === "true";
  const offHeap = isOffHeap ? sparkMebibytes(text("spark.memory.offHeap.size"), "b") : undefined;
  return heap + overhead + (python ?? 0n) + (offHeap ?? 0n);
}
