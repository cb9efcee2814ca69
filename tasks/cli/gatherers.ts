import type { ClusterFact, ClusterOpened } from "../../checks/facts/cluster.ts";
import type { DatabaseFact } from "../../checks/facts/database.ts";
import type { Credentials, ImageFact } from "../../checks/facts/image.ts";
import type { LakeFact } from "../../checks/facts/lake.ts";
import { gatherManifests, type ManifestsFact } from "../../checks/facts/manifests.ts";
import { isRefusal, type Refusal, refusal } from "../../checks/facts/refusal.ts";
import { imagesOf, requestsFor } from "../../checks/preflight/image/image_uses.ts";
import { dataOf } from "../../checks/kubernetes/workloads.ts";
import { poolPlatform } from "../../checks/preflight/capacity/analytics_nodes.ts";
import { platformOf } from "../../checks/preflight/platform.ts";
import { waitAtMost } from "../../checks/gather.ts";
import type { Absent, Gatherer, Gatherers } from "../../checks/runner.ts";
import { ofKind } from "../../checks/kubernetes/objects.ts";
import {
  databaseOfSecret,
  lakeOfSecret,
  type SecretTexts,
} from "../../pipeline/cluster/job_secrets.ts";
import type { ClusterConfig } from "../../pipeline/cluster/locate_kubeconfig.ts";
import {
  cacheFolder,
  type DatabaseConfig,
  databaseConfig,
  dockerConfigFile,
  isDirectoryLake,
  type LakeConfig,
  lakeConfig,
  sealGrace,
  unsetForDatabase,
  unsetForLake,
} from "../../pipeline/config.ts";
import { DEFAULT_PROJECT, type Project, secretsCommand } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { LookedAt } from "./about.ts";
import type { FactChoice } from "./preflight_options.ts";

// The modules that reach a cluster, registries, Postgres and S3 take most of the time to start.
// Therefore a gatherer loads its module when the fact is gathered.

/**
 * Loads a module. With a literal `import()`, Deno would read the module and all its imports at the
 * start of the program.
 *
 * @param specifier the same as in the type `M`, which is the type of the module
 */
type Load = <M>(specifier: string) => Promise<M>;

/**
 * Returns a function that loads one module at a time. The first gatherer then sends its requests
 * before the modules of the next one are compiled.
 */
function loadInTurn(): Load {
  let last: Promise<unknown> = Promise.resolve();
  return (specifier) => {
    const module = last.then(() => import(specifier));
    last = module.catch(() => {});
    return module;
  };
}

/** The sources of the facts for preflight. */
export interface Sources {
  /** The facts to gather. */
  readonly chosen: ReadonlySet<FactChoice>;
  /** The directory of the manifests, if any. */
  readonly manifests: string | undefined;
  /** Whether the manifests have a kustomization, which a program renders. */
  readonly rendersManifests: boolean;
  /** The names of the platform, if there is a project file. */
  readonly project?: Project | undefined;
  /** How to open the cluster, or why there is no cluster. */
  readonly cluster: ClusterConfig | Absent;
  /**
   * The source of the credentials for database and lake: the environment or the cluster's Secrets.
   */
  readonly credentials: "environment" | "cluster";
  /** Whether to connect to the database through the cluster. */
  readonly portForward: boolean;
  /** The path of an image archive to use instead of registries. */
  readonly archive: string | undefined;
  /** The path of a file with CA certificates for registries. */
  readonly registryCa: string | undefined;
}

/** Facts that are also inputs of other facts, and the function that loads modules. */
interface Platforms {
  readonly manifests: Shared<ManifestsFact> | Absent;
  readonly cluster: Gatherer<ClusterFact> | Absent;
  readonly load: Load;
}

/** Returns a gatherer for each chosen fact, and a reason for each other fact. */
export function gatherersBefore(sources: Sources): Gatherers {
  const { chosen } = sources;
  const load = loadInTurn();
  const manifests = manifestsOf(sources, load);
  const cluster = clusterOf(sources, manifests, load);
  const platforms = { manifests, cluster, load };
  const fact = <T>(name: FactChoice, gatherer: Gatherer<T> | Absent) =>
    chosen.has(name) ? gatherer : absentByChoice(name, chosen);
  return {
    manifests: fact("manifests", manifests),
    cluster: fact("cluster", cluster),
    image: fact("image", imageOf(sources, platforms)),
    database: fact("database", databaseOf(sources, platforms)),
    lake: fact("lake", lakeOf(sources, platforms)),
  };
}

/**
 * Returns the permissions that no chosen fact needs.
 *
 * @param writesLake whether the lake is a directory, which preflight writes to
 */
export function unneededPermissions(
  sources: Sources,
  writesLake: boolean = isDirectoryLake(),
): Deno.PermissionName[] {
  const { chosen, cluster, credentials, portForward, rendersManifests } = sources;
  const asksCluster = !("absent" in cluster) &&
    (chosen.has("cluster") || credentials === "cluster" || portForward);
  const isNeeded = {
    net: asksCluster || chosen.has("image") || chosen.has("database") || chosen.has("lake"),
    run: asksCluster || rendersManifests, // a kubeconfig can name an exec plugin
    write: chosen.has("image") || (chosen.has("lake") && writesLake),
  };
  return (["net", "run", "write"] as const).filter((name) => !isNeeded[name]);
}

/** Returns what the chosen facts are read from, for people. */
export function lookedAtBefore(sources: Sources): LookedAt {
  const { chosen, manifests, cluster, credentials } = sources;
  const bySecret = credentials === "cluster" ? "the login in the Secret of the cluster" : undefined;
  const project = namesOf(sources);
  return {
    ...(chosen.has("manifests") && { manifests }),
    ...(chosen.has("cluster") && !("absent" in cluster) && { cluster }),
    ...(chosen.has("database") && {
      database: bySecret ??
        unlessRefused(unsetForDatabase(), () => databaseConfig(undefined, project)),
    }),
    ...(chosen.has("lake") && {
      lake: bySecret ?? unlessRefused(unsetForLake(), () => lakeConfig(undefined, project)),
    }),
  };
}

/** Returns a configuration; undefined if it is not set, or cannot be used. */
function unlessRefused<T>(unset: readonly string[], read: () => T): T | undefined {
  if (unset.length > 0) return undefined;
  try {
    return read();
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

function manifestsOf(
  { manifests, project, chosen, archive }: Sources,
  load: Load,
): Shared<ManifestsFact> | Absent {
  if (manifests === undefined) {
    return { absent: "there is no directory manifests/ here: name one with --manifests DIR" };
  }
  return gatherOnce(async (signal) => {
    const fact = await gatherManifests(manifests, signal, project);
    return archive === undefined || !chosen.has("image")
      ? fact
      : await withPrograms(fact, archive, signal, load);
  });
}

/** Adds the programs of the images of jobs. The image checks report an archive that cannot be read. */
async function withPrograms(
  fact: ManifestsFact,
  archive: string,
  signal: AbortSignal,
  load: Load,
): Promise<ManifestsFact> {
  const { gatherPrograms } = await load<typeof import("../../checks/facts/image.ts")>(
    "../../checks/facts/image.ts",
  );
  const images = platformOf(fact, undefined).tree.jobs
    .flatMap(({ containers }) => containers.map(({ image }) => image));
  try {
    return { ...fact, programs: await gatherPrograms(images, archive, { signal }) };
  } catch (error) {
    if (error instanceof Failure) return fact;
    throw error;
  }
}

/** The names of the platform. */
function namesOf({ project = DEFAULT_PROJECT }: Sources): Project {
  return project;
}

function clusterOf(
  sources: Sources,
  manifests: Gatherer<ManifestsFact> | Absent,
  load: Load,
): Gatherer<ClusterFact> | Absent {
  const { cluster, chosen } = sources;
  if ("absent" in cluster) {
    return { absent: `${cluster.absent}; use --kubeconfig, or only --facts manifests` };
  }
  return gatherOnce(async (signal) => {
    const { objects } = typeof manifests === "function" && chosen.has("manifests")
      ? await manifests(signal)
      : { objects: [] };
    const [{ gatherCluster }, { openCluster }] = await Promise.all([
      load<typeof import("../../checks/facts/cluster.ts")>("../../checks/facts/cluster.ts"),
      load<typeof import("../../pipeline/cluster/open.ts")>("../../pipeline/cluster/open.ts"),
    ]);
    return await gatherCluster(() => openCluster(cluster), objects, signal, namesOf(sources));
  });
}

/**
 * Reads the images of the jobs as the cluster's nodes would pull them. Without a cluster, the pull
 * secrets are unknown, so the operator's own credentials are used.
 */
function imageOf(
  sources: Sources,
  { manifests, cluster, load }: Platforms,
): Gatherer<ImageFact> | Absent {
  const { chosen, archive, registryCa } = sources;
  const withCluster = typeof cluster === "function" && chosen.has("cluster");
  const withManifests = typeof manifests === "function" &&
    (chosen.has("manifests") || !chosen.has("cluster"));
  if (!withCluster && !withManifests && archive === undefined) {
    return { absent: "no manifests and no cluster name the images of the jobs" };
  }
  return async (signal) => {
    const [files, opened] = await Promise.all([
      withManifests ? manifests(signal) : undefined,
      withCluster ? openedOf(cluster, signal) : undefined,
    ]);
    const isRead = files !== undefined || opened !== undefined;
    const uses = isRead ? imagesOf(platformOf(files, opened).tree) : [];
    const own = opened === undefined ? await ownCredentials() : [];
    const architecture = opened && poolPlatform(opened.objects, namesOf(sources));
    const { gatherImages } = await load<typeof import("../../checks/facts/image.ts")>(
      "../../checks/facts/image.ts",
    );
    return await gatherImages(requestsFor(uses, own), {
      ...(architecture === undefined ? {} : { platform: architecture }),
      ...(archive === undefined ? {} : { archive }),
      caCertificates: registryCa === undefined ? [] : [await readCertificates(registryCa)],
      cache: cacheFolder(),
      signal,
    });
  };
}

function databaseOf(
  sources: Sources,
  { manifests, cluster, load }: Platforms,
): Gatherer<DatabaseFact> | Absent {
  const look = async (config: DatabaseConfig, signal: AbortSignal) => {
    await afterStart(manifests);
    const [{ gatherDatabase }, { throughCluster }] = await Promise.all([
      load<typeof import("../../checks/facts/database.ts")>("../../checks/facts/database.ts"),
      load<typeof import("./through_cluster.ts")>("./through_cluster.ts"),
    ]);
    return await throughCluster(
      sources,
      config,
      signal,
      (reached) => gatherDatabase(reached, sealGrace(), signal),
    );
  };
  if (sources.credentials === "cluster") {
    const project = namesOf(sources);
    return bySecret(
      cluster,
      project.jobs.namespace,
      project.database.secret,
      async (texts, signal) =>
        withStoring(await look(databaseOfSecret(texts, undefined, project), signal), project),
    );
  }
  return unlessUnset(unsetForDatabase(), () => {
    const config = databaseConfig(undefined, namesOf(sources));
    sealGrace();
    return (signal) => look(config, signal);
  });
}

/** Adds the command that stores another login, if a login with a Secret was refused. */
function withStoring(fact: DatabaseFact, project: Project): DatabaseFact {
  if (fact.opened) return fact;
  const { kind, task, problem, remedy, cause } = fact.failure;
  const store = `To store another login in the Secret: ${secretsCommand(project)}`;
  const failure = new Failure({ kind, task, problem, remedy: `${remedy} ${store}`, cause });
  return { ...fact, failure };
}

function lakeOf(
  sources: Sources,
  { manifests, cluster, load }: Platforms,
): Gatherer<LakeFact> | Absent {
  const look = async (config: LakeConfig, signal: AbortSignal) => {
    await afterStart(manifests);
    const { gatherLake } = await load<typeof import("../../checks/facts/lake.ts")>(
      "../../checks/facts/lake.ts",
    );
    return await gatherLake(config, signal);
  };
  if (sources.credentials === "cluster") {
    const project = namesOf(sources);
    return bySecret(
      cluster,
      project.jobs.namespace,
      project.lake.secret,
      (texts, signal) => look(lakeOfSecret(texts, undefined, project), signal),
    );
  }
  return unlessUnset(unsetForLake(), () => {
    const config = lakeConfig(undefined, namesOf(sources));
    return (signal) => look(config, signal);
  });
}

/** Logs in with a Secret of the cluster, which also checks the Secret. */
function bySecret<T>(
  cluster: Gatherer<ClusterFact> | Absent,
  namespace: string,
  name: string,
  look: (texts: SecretTexts | undefined, signal: AbortSignal) => Promise<T>,
): Gatherer<T | Refusal> | Absent {
  if (typeof cluster !== "function") return { absent: `--credentials cluster: ${cluster.absent}` };
  return async (signal) => {
    const { objects, unread } = await openedOf(cluster, signal);
    const forbidden = unread.find(({ kind }) => kind === "Secret");
    if (forbidden !== undefined) {
      const { task, problem, remedy } = forbidden.failure;
      throw new Failure({ kind: "unreachable", task, problem, remedy, cause: forbidden.failure });
    }
    const secret = ofKind(objects, "Secret", namespace).find((each) => each.name === name);
    try {
      return await look(secret && dataOf(secret.value), signal);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return refusal(`Secret ${namespace}/${name}`, error);
    }
  };
}

/** Throws if the cluster refused the login, because no other facts can be gathered. */
async function openedOf(
  cluster: Gatherer<ClusterFact>,
  signal: AbortSignal,
): Promise<ClusterOpened> {
  const fact = await cluster(signal);
  if (fact.opened) return fact;
  const { task, problem, remedy } = fact.failure;
  throw new Failure({ kind: "unreachable", task, problem, remedy, cause: fact.failure });
}

/** A gatherer that gathers its fact only once, even if other facts depend on it. */
interface Shared<T> extends Gatherer<T> {
  /** The fact, if a caller has asked for it. */
  readonly started: () => Promise<T> | undefined;
}

function gatherOnce<T>(gatherer: Gatherer<T>): Shared<T> {
  let once: Promise<T> | undefined;
  const ask = (signal: AbortSignal) => once ??= gatherer(signal);
  return Object.assign(ask, { started: () => once });
}

/** The longest wait for the manifests before another fact is gathered, in milliseconds. */
const HEAD_START = 1_000;

/**
 * Waits until the manifests are read, if they are being read. The first result depends on the
 * manifests alone, and loading a client library would delay it.
 */
async function afterStart(manifests: Shared<ManifestsFact> | Absent): Promise<void> {
  const reading = typeof manifests === "function" ? manifests.started() : undefined;
  if (reading !== undefined) await waitAtMost(HEAD_START, [reading.catch(() => {})]);
}

function absentByChoice(name: FactChoice, chosen: ReadonlySet<FactChoice>): Absent {
  return { absent: `${name} not checked (--facts ${[...chosen].join(",")})`, requested: true };
}

/**
 * Returns no gatherer if the variables are not set. An invalid variable becomes part of the fact,
 * so that a check reports the variable.
 */
function unlessUnset<T>(
  unset: readonly string[],
  gatherer: () => Gatherer<T | Refusal>,
): Gatherer<T | Refusal> | Absent {
  if (unset.length > 0) {
    return { absent: `${unset.join(" and ")} ${unset.length === 1 ? "is" : "are"} not set` };
  }
  try {
    return gatherer();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return () => Promise.resolve(refusal("the environment", error));
  }
}

/** Reads the operator's own credentials for registries. */
async function ownCredentials(): Promise<Credentials[]> {
  const file = dockerConfigFile();
  if (file === undefined) return [];
  const config = await Deno.readFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw unreadable("the credentials for registries", file, error);
  });
  return config === undefined ? [] : [{ from: file, config }];
}

/** Reads PEM certificates. */
async function readCertificates(file: string): Promise<string> {
  const text = await Deno.readTextFile(file).catch((error) => {
    throw unreadable("--registry-ca", file, error);
  });
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Failure({
    kind: "configuration",
    task: `use --registry-ca ${file}`,
    problem: "it has no PEM certificate",
    remedy: "Use a file with PEM certificates.",
  });
}

function unreadable(what: string, file: string, error: Error): Failure {
  const why = `${file} cannot be read (${error.name})`;
  return new Failure({
    kind: "configuration",
    task: `use ${what}`,
    problem: why,
    remedy: "Allow this user to read the file, or use another file.",
  });
}
