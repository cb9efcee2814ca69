import type { Place } from "../finding.ts";
import { type ManifestObject, namespaceOf, objectId, placeOf } from "../kubernetes/objects.ts";
import {
  accountOf,
  type Container,
  type Environment,
  environmentOf,
  type Lookup,
  type Workload,
} from "../kubernetes/workloads.ts";
import { jobContainers } from "../kubernetes/job_containers.ts";
import { SPARK_CLUSTER } from "../kubernetes/spark_cluster.ts";
import { jobsOf } from "../kubernetes/jobs.ts";
import { type ToolkitEngine, toolkitEngineOf } from "../kubernetes/toolkit.ts";
import { DEFAULT_PROJECT, type Project } from "../../pipeline/contract/project.ts";
import { type ImageProgram, unknownProgram, withImagePrograms } from "./image_program.ts";
import { runsJar, runsSpark } from "./recognition.ts";
import type { Code } from "../source_code/code.ts";
import { codeRunBy } from "../source_code/job_source.ts";
import { settingsOfFiles, unreadSetting } from "./configuration_files.ts";
import { type MountedFile, mountedFiles, type SparkPod, sparkPod } from "./pods.ts";
import {
  settingsIn,
  settingsOfContainer,
  type SparkSetting,
  type SparkSettings,
  startsBySubmit,
  winning,
} from "./settings.ts";
import { propertiesFileOf, unreadProperties } from "./unread_settings.ts";

/**
 * How a job runs Spark:
 *
 * - `none`: the job does not use Spark, such as a job that runs `pg_dump`
 * - `local`: in the job's own pod alone
 * - `client`: the job's own pod is the driver, and requests executors from Kubernetes
 * - `cluster`: the job's own pod requests a driver from Kubernetes, and the driver requests
 *   executors
 * - `unknown`: the manifests do not define where Spark runs
 */
export type SparkMode = "none" | "local" | "client" | "cluster" | "unknown";

/**
 * A job of the pipeline, and how it runs Spark. All checks use this model, so two checks cannot
 * disagree about a job.
 */
export interface SparkJob {
  /** The Job, CronJob or Pod with its containers. */
  readonly workload: Workload;
  /** The code that the pods of the workload run, with the modules that it imports. */
  readonly code: readonly Code[];
  /** The object's name for people, as in `Job analytics-jobs/bronze-ingest-manual`. */
  readonly label: string;
  /** The containers that run the job, without sidecars. */
  readonly containers: readonly Container[];
  /** The variables of these containers. */
  readonly environment: Environment;
  /** The effective settings of Spark. */
  readonly settings: SparkSettings;
  /**
   * The settings on command lines and in the environment, including settings that Spark ignores.
   */
  readonly given: readonly SparkSetting[];
  /** The setting `spark.master`; undefined if not set. */
  readonly master: SparkSetting | undefined;
  /** How the job runs Spark. */
  readonly mode: SparkMode;
  /** The reason why the mode is `unknown`, or why a job with the mode `none` is not judged. */
  readonly unknown?: string;
  /** True if the image of the job decides what it runs, and its program is not known. */
  readonly hasUnknownProgram?: true;
  /** The file with more settings of Spark that is not read, as in `/opt/etl.conf`. */
  readonly unreadProperties?: string;
  /** The engine, if the job runs this toolkit. */
  readonly toolkit?: ToolkitEngine;
  /**
   * The namespace of the pods that Spark creates. A job that sets none is judged in its own
   * namespace; rbac reports that Spark uses `default` then.
   */
  readonly namespace: string;
  /** The service account of the job's own pod; undefined if not set. */
  readonly account: string | undefined;
  /** The driver's pod, if Spark creates it. */
  readonly driver: SparkPod | undefined;
  /** The executors' pods, if Spark creates executors. */
  readonly executor: SparkPod | undefined;
  /** The images of the pods that Spark creates. */
  readonly images: readonly SparkSetting[];
  /** The application file, as in `local:///opt/jobs/bronze.py`, and its place. */
  readonly application: { readonly file: string; readonly place: Place } | undefined;
  /** The Maven coordinates that Spark resolves when the job starts. */
  readonly packages: readonly string[];
  /** The additional jars of the job. */
  readonly jars: readonly string[];
}

/** The source of jobs: the objects of the manifests, and the code next to them. */
export interface JobSource {
  /** The objects, with their files relative to the working directory. */
  readonly objects: readonly ManifestObject[];
  /** The code and the configuration files of jobs. */
  readonly code: readonly Code[];
  /** The names of the platform; those of Robson by default. */
  readonly project?: Project;
  /** The programs of images that were read, by their references. */
  readonly programs?: ReadonlyMap<string, ImageProgram>;
}

/** Reads the jobs among the objects. */
export function sparkJobsOf({ objects, code, project, programs }: JobSource): SparkJob[] {
  const lookup: Lookup = (kind, namespace, name) =>
    objects.find((each) =>
      each.kind === kind && namespaceOf(each) === namespace && each.name === name
    )?.value;
  const source = { objects, code };
  const ours = (project ?? DEFAULT_PROJECT).jobs.image;
  const jobs = jobsOf(objects, project).map((each) =>
    readJob(withImagePrograms(each, code, ours, programs), source, lookup)
  );
  const sparkJobs = jobs.filter(({ mode }) => mode !== "none");
  return jobs.map((job) =>
    isUndecided(job) && !job.containers.some(runsJar) &&
      sparkJobs.some((each) => sharesPods(job, each))
      ? readJob(job.workload, source, lookup, true)
      : job
  );
}

/** Returns whether nothing shows whether a job runs Spark. No check of Spark judges such a job. */
export function isUndecided({ mode, unknown }: Pick<SparkJob, "mode" | "unknown">): boolean {
  return mode === "none" && unknown !== undefined;
}

/** Returns whether a job has an image or the service account of a job that runs Spark. */
function sharesPods(job: SparkJob, sparkJob: SparkJob): boolean {
  const images = [
    ...sparkJob.containers.map(({ image }) => image),
    ...sparkJob.images.map(({ value }) => value),
  ];
  const isSameNamespace = namespaceOf(job.workload.object) ===
    namespaceOf(sparkJob.workload.object);
  return job.containers.some(({ image }) => images.includes(image)) ||
    isSameNamespace && job.account !== undefined && job.account !== "default" &&
      job.account === sparkJob.account;
}

function readJob(
  workload: Workload,
  source: JobSource,
  lookup: Lookup,
  isKnown = false,
): SparkJob {
  const { object } = workload;
  const namespace = namespaceOf(object);
  const own: Workload = { ...workload, containers: jobContainers(workload) };
  const environment = environmentOf(own.containers.map(({ fields }) => fields), namespace, lookup);
  const run = codeRunBy(own, source.code).filter((each) =>
    // Shell code in the job's own object is read with the words of its containers.
    each.language === "python" || each.object !== objectId(object) || each.file !== object.file
  );
  const files = mountedFiles(own, source.objects);
  const isSpark = isKnown || runsSpark(own, run, files.map(({ text }) => text));
  const { given, read } = isSpark
    ? allSettings(own, { source, run, environment }, lookup)
    : { given: [], read: [] };
  const unread = isSpark
    ? unreadProperties({ workload: own, objects: source.objects, code: source.code, environment })
    : undefined;
  const settings = winning([
    ...(unread === undefined ? [] : [unreadSetting(`${unread} ${CAN_HAVE_MORE}`, object)]),
    ...read,
  ]);
  const toolkit = toolkitEngineOf(own.containers);
  const isSubmitted = toolkit === undefined && object.kind !== SPARK_CLUSTER;
  const program = unknownProgram(own);
  const { mode, unknown } = isSpark
    ? modeOf(
      settings,
      unread,
      program ?? (isSubmitted ? unreadApplication(own, run, files) : undefined),
    )
    : {
      mode: "none" as const,
      unknown: isSpark === undefined ? "nothing shows whether it runs Spark" : undefined,
    };
  const pod = (role: SparkPod["role"]) => sparkPod(role, own, settings, source.objects);
  const requestsExecutors = mode === "client" || mode === "cluster";
  const roles = mode === "cluster" ? ["driver", "executor"] : requestsExecutors ? ["executor"] : [];
  const list = (key: string) =>
    (settings.get(key)?.value ?? "").split(",").map((each) => each.trim()).filter((each) => each);
  return {
    workload,
    code: codeRunBy(workload, source.code),
    label: objectId({ ...object, namespace }),
    containers: own.containers,
    environment,
    settings,
    given,
    master: settings.get("spark.master"),
    mode,
    ...(unknown === undefined ? {} : { unknown }),
    ...(mode === "unknown" && unknown === program ? { hasUnknownProgram: true } : {}),
    ...(unread === undefined ? {} : { unreadProperties: unread }),
    ...(toolkit === undefined ? {} : { toolkit }),
    namespace: settings.get("spark.kubernetes.namespace")?.value ?? namespace,
    account: accountOf(workload),
    driver: mode === "cluster" ? pod("driver") : undefined,
    executor: requestsExecutors ? pod("executor") : undefined,
    images: [
      ...new Set(roles.flatMap((role) =>
        settings.get(`spark.kubernetes.${role}.container.image`) ??
          settings.get("spark.kubernetes.container.image") ?? []
      )),
    ],
    application: applicationOf(own),
    packages: list("spark.jars.packages"),
    jars: list("spark.jars"),
  };
}

/** All settings of a job, including settings that another source overrides. */
function allSettings(
  workload: Workload,
  { source: { objects, code }, run, environment: all }: {
    readonly source: JobSource;
    readonly run: readonly Code[];
    readonly environment: Environment;
  },
  lookup: Lookup,
): Readonly<Record<"given" | "read", readonly SparkSetting[]>> {
  const { object, containers } = workload;
  const bySubmit = startsBySubmit(workload, run);
  const environments = containers.map((container) => ({
    container,
    environment: environmentOf([container.fields], namespaceOf(object), lookup),
  }));
  const isRead = defaultsOf(workload, objects, all);
  const ofContainers = (isSubmit: boolean) =>
    environments.flatMap(({ container, environment }) =>
      settingsOfContainer(workload, container, { environment, bySubmit: isSubmit })
    );
  const settings = [
    ...ofContainers(bySubmit),
    ...run.filter((each) => each.language !== "conf" || isRead(each))
      .flatMap((each) => settingsIn(each, { environment: all, bySubmit })),
  ];
  const ofFiles = settingsOfFiles({ workload, objects, code, environment: all, settings });
  return { given: ofContainers(false), read: [...settings, ...ofFiles] };
}

/**
 * Returns whether Spark reads its defaults from a mounted file: the file of `--properties-file`,
 * else `spark-defaults.conf` in `SPARK_CONF_DIR`. If a job sets neither, the image decides, so
 * every file with properties counts.
 */
function defaultsOf(
  workload: Workload,
  objects: readonly ManifestObject[],
  environment: Environment,
): (code: Code) => boolean {
  const named = propertiesFileOf(workload);
  const folder = environment.value("SPARK_CONF_DIR")?.replace(/\/+$/, "");
  const path = named ?? (folder === undefined ? undefined : `${folder}/spark-defaults.conf`);
  const files = mountedFiles(workload, objects);
  const file = files.find((each) => each.path === path);
  return ({ object, field }) => {
    if (file !== undefined) {
      return object === objectId(file.map) && field === `data.${file.key}`;
    }
    // Spark does not read a spark-defaults.conf in another folder.
    const mounted = files.find(({ map, key }) =>
      object === objectId(map) && field === `data.${key}`
    );
    return path === undefined || mounted === undefined ||
      !mounted.path.endsWith("/spark-defaults.conf");
  };
}

/** Returns whether a setting has an effect only on Kubernetes. */
function isForKubernetes(key: string): boolean {
  return key.startsWith("spark.kubernetes.") || key === "spark.executor.instances";
}

const CAN_HAVE_MORE = "can have more settings, and is not read";

/** Returns whether a setting names the image of executors, without which Spark creates none. */
function namesImage(settings: SparkSettings): boolean {
  return ["", "executor."].some((role) => settings.has(`spark.kubernetes.${role}container.image`));
}

/**
 * How a job runs Spark. If the master is unknown, settings for Kubernetes decide: the image or a
 * Secret can contain the master.
 *
 * @param program why the program of the job, which can set the master, is not known
 */
function modeOf(
  settings: SparkSettings,
  unread: string | undefined,
  program: string | undefined,
): Pick<SparkJob, "mode" | "unknown"> {
  const master = settings.get("spark.master");
  const deploy = settings.get("spark.submit.deployMode");
  const onKubernetes = deploy?.value === "cluster" ? "cluster" : "client";
  const isOnKubernetes = [...settings.keys()].some(isForKubernetes);
  const mayBeElsewhere = master === undefined
    ? !isOnKubernetes
    : master.value.startsWith("k8s://") && !namesImage(settings);
  if (unread !== undefined && mayBeElsewhere) {
    return { mode: "unknown", unknown: `${unread} ${CAN_HAVE_MORE}` };
  }
  if (master?.value.startsWith("k8s://")) {
    return deploy?.unknown === undefined
      ? { mode: onKubernetes }
      : { mode: "unknown", unknown: `the deploy mode is not known: ${deploy.unknown}` };
  }
  if (master !== undefined && master.unknown === undefined) return { mode: "local" };
  if (isOnKubernetes) return { mode: onKubernetes };
  if (master === undefined && program !== undefined) return { mode: "unknown", unknown: program };
  return master === undefined
    ? { mode: "local" }
    : { mode: "unknown", unknown: `the master is not known: ${master.unknown}` };
}

/** Programs of Spark that make their own session, which has the master of the settings. */
const OWN_SESSION = /(^|[\s/])(spark-sql|spark-shell|pyspark|sparkR|beeline)(\s|$)/;

/** Why the code of a job that starts Spark was not read; undefined if it was. */
function unreadApplication(
  own: Workload,
  run: readonly Code[],
  mounted: readonly MountedFile[],
): string | undefined {
  const file = applicationOf(own)?.file;
  const name = file?.replace(/^.*\//, "");
  const keys = mounted.filter(({ path }) => name !== undefined && path.endsWith(`/${name}`))
    .map(({ map, key }) => `${objectId(map)} data.${key}`);
  const python = run.filter(({ language }) => language === "python");
  const isRead = name === undefined
    ? python.length > 0
    : python.some(({ file: path = "", target = path, object, field }) =>
      target.endsWith(name) || keys.includes(`${object} ${field}`)
    );
  const words = own.containers.flatMap((each) => each.words.map(({ text }) => text));
  if (isRead || file === undefined && words.some((text) => OWN_SESSION.test(text))) {
    return undefined;
  }
  const code = file === undefined ? "its application" : file;
  return `the master of Spark is not set, and the code of ${code}, which can set it, was not read`;
}

/** The application file: the first argument of spark-submit or Python that names a file. */
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

/** The field with the arguments of the container that runs a job. */
export function argumentsPath(
  { containers, workload }: Pick<SparkJob, "containers" | "workload">,
): string {
  return `${containers[0]?.path ?? `${workload.specPath}.containers[0]`}.args`;
}

/** A message about the jobs whose mode is unknown; undefined if all modes are known. */
export function unknownJobs(
  jobs: readonly Pick<SparkJob, "label" | "mode" | "unknown">[],
): string | undefined {
  const unknown = jobs.filter(({ mode }) => mode === "unknown");
  if (unknown.length === 0) return undefined;
  return unknown.map(({ label, unknown }) => `${label}: ${unknown}`).join("; ");
}
