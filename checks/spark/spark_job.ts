import type { Place } from "../finding.ts";
import { type ManifestObject, namespaceOf, objectId, placeOf } from "../kubernetes/objects.ts";
import {
  accountOf,
  type Container,
  type Environment,
  environmentOf,
  jobsOf,
  type Lookup,
  type Workload,
} from "../kubernetes/workloads.ts";
import type { Code } from "../source_code/code.ts";
import { codeRunBy } from "../source_code/job_source.ts";
import { mountedFiles, type SparkPod, sparkPod } from "./pods.ts";
import {
  settingsIn,
  settingsOfContainer,
  type SparkSetting,
  type SparkSettings,
  startsBySubmit,
  winning,
} from "./settings.ts";

/**
 * How a job runs Spark:
 *
 * - `none`: not at all, such as a job that runs `pg_dump`
 * - `local`: in the job's own pod alone
 * - `client`: the job's own pod is the driver, and asks Kubernetes for executors
 * - `cluster`: the job's own pod asks Kubernetes for a driver, which asks for executors
 * - `unknown`: the manifests do not say where Spark runs
 */
export type SparkMode = "none" | "local" | "client" | "cluster" | "unknown";

/**
 * A job of the pipeline, and how it runs Spark. Every check reads a job from here, so that no two of
 * them can disagree about it.
 */
export interface SparkJob {
  /** The Job, CronJob or Pod with its containers. */
  readonly workload: Workload;
  /** The object's name for people, as in `Job analytics-jobs/bronze-ingest-manual`. */
  readonly label: string;
  /** The variables of the job's own pod. */
  readonly environment: Environment;
  /** The settings that Spark ends up with. */
  readonly settings: SparkSettings;
  /** The settings on the command lines and in the environment, also those that Spark ignores. */
  readonly given: readonly SparkSetting[];
  /** The setting that says where Spark runs; undefined where none does. */
  readonly master: SparkSetting | undefined;
  /** How the job runs Spark. */
  readonly mode: SparkMode;
  /** Why the mode is `unknown`. */
  readonly unknown?: string;
  /**
   * The namespace of the pods that Spark makes. A job that sets none is judged in its own namespace;
   * rbac reports that Spark uses `default` then.
   */
  readonly namespace: string;
  /** The service account of the job's own pod; undefined where none is set. */
  readonly account: string | undefined;
  /** The driver's pod, where Spark makes one. */
  readonly driver: SparkPod | undefined;
  /** The executors' pods, where Spark makes some. */
  readonly executor: SparkPod | undefined;
  /** The images of the pods that Spark makes. */
  readonly images: readonly SparkSetting[];
  /** The file that the job runs, as in `local:///opt/jobs/bronze.py`, and where the job names it. */
  readonly application: { readonly file: string; readonly place: Place } | undefined;
  /** The Maven coordinates that Spark resolves when the job starts. */
  readonly packages: readonly string[];
  /** The jars that the job adds to Spark's own. */
  readonly jars: readonly string[];
}

/** What jobs are read from: the objects of the manifests, and the code beside them. */
export interface JobSource {
  /** The objects, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The texts that jobs run or are configured by. */
  readonly code: readonly Code[];
}

/** Reads all jobs among the objects. */
export function sparkJobsOf({ objects, code }: JobSource): SparkJob[] {
  const lookup: Lookup = (kind, namespace, name) =>
    objects.find((each) =>
      each.kind === kind && namespaceOf(each) === namespace && each.name === name
    )?.value;
  return jobsOf(objects).map((workload) => readJob(workload, { objects, code }, lookup));
}

function readJob(workload: Workload, source: JobSource, lookup: Lookup): SparkJob {
  const { object, containers } = workload;
  const namespace = namespaceOf(object);
  const { given, read } = allSettings(workload, source, lookup);
  const settings = winning(read);
  const isOther = settings.size === 0 && runsNoSpark(workload);
  const { mode, unknown } = isOther ? { mode: "none" as const } : modeOf(settings);
  const pod = (role: SparkPod["role"]) => sparkPod(role, workload, settings, source.objects);
  const asksForExecutors = mode === "client" || mode === "cluster";
  const roles = mode === "cluster" ? ["driver", "executor"] : asksForExecutors ? ["executor"] : [];
  const list = (key: string) =>
    (settings.get(key)?.value ?? "").split(",").map((each) => each.trim()).filter((each) => each);
  return {
    workload,
    label: `${object.kind} ${namespace}/${object.name}`,
    environment: environmentOf(sparkLast(containers), namespace, lookup),
    settings,
    given,
    master: settings.get("spark.master"),
    mode,
    ...(unknown === undefined ? {} : { unknown }),
    namespace: settings.get("spark.kubernetes.namespace")?.value ?? namespace,
    account: accountOf(workload),
    driver: mode === "cluster" ? pod("driver") : undefined,
    executor: asksForExecutors ? pod("executor") : undefined,
    images: [
      ...new Set(roles.flatMap((role) =>
        settings.get(`spark.kubernetes.${role}.container.image`) ??
          settings.get("spark.kubernetes.container.image") ?? []
      )),
    ],
    application: applicationOf(workload),
    packages: list("spark.jars.packages"),
    jars: list("spark.jars"),
  };
}

/** Whether a container shows that Spark runs in it. */
function runsSpark({ words, env }: Container): boolean {
  const texts = [
    ...words.map(({ text }) => text),
    ...env.map(({ name, value = "" }) => `${name}=${value}`),
  ];
  return texts.some((text) => /spark/i.test(text));
}

/** The containers' fields, those that run Spark last: their variables win over a sidecar's. */
function sparkLast(containers: readonly Container[]): Container["fields"][] {
  return containers.toSorted((a, b) => Number(runsSpark(a)) - Number(runsSpark(b)))
    .map(({ fields }) => fields);
}

/**
 * Whether a job cannot run Spark: each container has a command, and neither the command nor the
 * variables nor the image names Spark, or a program or script that could start it.
 */
function runsNoSpark({ containers }: Workload): boolean {
  return containers.length > 0 && containers.every((container) => {
    const { image, words, fields } = container;
    const hasCommand = Array.isArray(fields.command) && fields.command.length > 0;
    const starter = /\b(python[\d.]*|java|Rscript|poetry|uv|make)\b|\.(py|jar|sh|R)\b/;
    return hasCommand && !/spark/i.test(image) && !runsSpark(container) &&
      !words.some(({ text }) => starter.test(text) || /\$/.test(text.split(/\s/)[0]!));
  });
}

/** All settings that a job makes, also those that lose. */
function allSettings(
  workload: Workload,
  { objects, code }: JobSource,
  lookup: Lookup,
): Readonly<Record<"given" | "read", readonly SparkSetting[]>> {
  const { object, containers } = workload;
  const run = codeRunBy(workload, code).filter((each) =>
    // What the job's own object says to a shell is read with the words of its containers.
    each.language === "python" || each.object !== objectId(object) || each.file !== object.file
  );
  const bySubmit = startsBySubmit(workload, run);
  const ofSpark = containers.filter(runsSpark);
  const environments = (ofSpark.length > 0 ? ofSpark : containers).map((container) => ({
    container,
    environment: environmentOf([container.fields], namespaceOf(object), lookup),
  }));
  const all = environmentOf(sparkLast(containers), namespaceOf(object), lookup);
  const isRead = defaultsOf(workload, objects, all);
  const ofContainers = (isSubmit: boolean) =>
    environments.flatMap(({ container, environment }) =>
      settingsOfContainer(workload, container, { environment, bySubmit: isSubmit })
    );
  return {
    given: ofContainers(false),
    read: [
      ...ofContainers(bySubmit),
      ...run.filter((each) => each.language !== "conf" || isRead(each))
        .flatMap((each) => settingsIn(each, { environment: all, bySubmit })),
    ],
  };
}

/**
 * Which mounted files Spark reads its defaults from: the one of `--properties-file`, else
 * `spark-defaults.conf` in `SPARK_CONF_DIR`. Where a job names neither, the image decides, and any
 * file with properties may be the one.
 */
function defaultsOf(
  workload: Workload,
  objects: readonly ManifestObject[],
  environment: Environment,
): (code: Code) => boolean {
  const words = workload.containers.flatMap(({ words }) =>
    words.flatMap(({ text }) => text.split(/\s+/))
  );
  const at = words.findIndex((word) => /^--properties-file(=|$)/.test(word));
  const named = at < 0 ? undefined : words[at]!.split("=")[1] ?? words[at + 1];
  const folder = environment.value("SPARK_CONF_DIR")?.replace(/\/+$/, "");
  const path = named ?? (folder === undefined ? undefined : `${folder}/spark-defaults.conf`);
  const files = mountedFiles(workload, objects);
  const file = files.find((each) => each.path === path);
  return ({ object, field }) => {
    if (file !== undefined) {
      return object === objectId(file.map) && field === `data.${file.key}`;
    }
    // Without such a file, one of that name in another folder is not read.
    const mounted = files.find(({ map, key }) =>
      object === objectId(map) && field === `data.${key}`
    );
    return path === undefined || mounted === undefined ||
      !mounted.path.endsWith("/spark-defaults.conf");
  };
}

/** Whether a setting means nothing unless Spark runs on Kubernetes. */
function isForKubernetes(key: string): boolean {
  return key.startsWith("spark.kubernetes.") || key === "spark.executor.instances";
}

/**
 * Where Spark runs. Without a known master, the settings that mean something only on Kubernetes
 * decide: the image or a Secret may say the master.
 */
function modeOf(settings: SparkSettings): Pick<SparkJob, "mode" | "unknown"> {
  const master = settings.get("spark.master");
  const deploy = settings.get("spark.submit.deployMode");
  const onKubernetes = deploy?.value === "cluster" ? "cluster" : "client";
  if (master?.value.startsWith("k8s://")) {
    return deploy?.unknown === undefined
      ? { mode: onKubernetes }
      : { mode: "unknown", unknown: `the deploy mode is not known: ${deploy.unknown}` };
  }
  if (master !== undefined && master.unknown === undefined) return { mode: "local" };
  if ([...settings.keys()].some(isForKubernetes)) return { mode: onKubernetes };
  return master === undefined
    ? { mode: "local" }
    : { mode: "unknown", unknown: `the master is not known: ${master.unknown}` };
}

/** The job's file: what follows the options of spark-submit, or Python's. */
function applicationOf({ object, containers }: Workload): SparkJob["application"] {
  for (const { words } of containers) {
    for (const { path, text } of words) {
      const file = text.split(/\s+/).find((word) =>
        /^((local|file|https?|s3a):\/\/)?[\w./@+-]+\.(py|jar|R)$/.test(word)
      );
      if (file !== undefined) return { file, place: placeOf(object, path) };
    }
  }
  return undefined;
}

/** The jobs of which the manifests do not say how they run Spark, for a message; undefined where none is. */
export function unknownJobs(
  jobs: readonly Pick<SparkJob, "label" | "mode" | "unknown">[],
): string | undefined {
  const unknown = jobs.filter(({ mode }) => mode === "unknown");
  if (unknown.length === 0) return undefined;
  return unknown.map(({ label, unknown }) => `${label}: ${unknown}`).join("; ");
}
