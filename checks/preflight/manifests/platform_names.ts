import { DATABASE_KEYS, DEFAULT_PROJECT, LAKE_KEYS } from "../../../pipeline/contract/project.ts";
import { plural } from "../../../pipeline/progress.ts";
import { shellPath } from "../../../pipeline/shell.ts";
import type { Finding } from "../../finding.ts";
import type { Tree } from "../../facts/tree.ts";
import { parseImage } from "../../image/reference.ts";
import { fieldsIn, listOf, textOf } from "../../kubernetes/fields.ts";
import { callsSpark } from "../../kubernetes/job_containers.ts";
import { isInProject, jobsOf } from "../../kubernetes/jobs.ts";
import { type ManifestObject, namespaceOf, placeOf } from "../../kubernetes/objects.ts";
import { isSlip } from "../../kubernetes/spelling.ts";
import { toolkitEngineOf } from "../../kubernetes/toolkit.ts";
import type { Workload } from "../../kubernetes/workloads.ts";
import { secretReadsOf } from "../secrets/secret_references.ts";

/** The objects of the manifests, and the names of the project. */
export type Names = Pick<Tree, "all" | "project">;

/**
 * The places where the manifests have other names than the project. The commands and the checks look
 * only for the names of the project, so they would judge nothing, or something else than what runs.
 */
export function otherNames(tree: Names, directory: string): Finding[] {
  const elsewhere = otherNamespaces(tree, directory);
  return [
    ...elsewhere,
    ...misspelledNamespaces(tree, directory).filter(({ file, line }) =>
      !elsewhere.some((each) => each.file === file && each.line === line)
    ),
    ...otherSecrets(tree, directory),
    ...otherImage(tree, directory),
  ];
}

/**
 * Finds the objects in other namespaces than `jobs.namespace`. It is a failure if jobs of the pipeline
 * are only there, and if the project has a file, but objects still have the default namespace. Other
 * jobs can belong to another project, so the finding is a warning, and only if no job is in the jobs'
 * namespace.
 */
function otherNamespaces({ all, project }: Names, directory: string): Finding[] {
  const declared = all.filter(({ file }) => file !== undefined);
  const jobs = jobsOf(declared, project);
  const own = jobs.filter(isOfPipeline).map(({ object }) => object);
  const isAlone = !jobs.some(({ object }) => isInProject(object, project));
  const elsewhere = isAlone ? [...jobs.map(({ object }) => object), ...declared.filter(isJob)] : [];
  const left = project.file === undefined
    ? []
    : declared.filter((object) =>
      !isInProject(placed(object), project) &&
      (own.includes(object) || placed(object).namespace === DEFAULT_PROJECT.jobs.namespace) &&
      !hasCounterpart(object, declared, project.jobs.namespace)
    );
  const groups = Map.groupBy(
    new Set([...elsewhere, ...left]),
    (object) => namespaceOf(placed(object)),
  );
  const { namespace } = project.jobs;
  return [...groups].map(([other, objects]): Finding => {
    const counted = objects.filter((object) => elsewhere.includes(object));
    const [word, those] = counted.length > 0 ? ["job", counted] : ["object", objects];
    // Two platforms may differ in some objects.
    const isPlatform = objects.every((object) => left.includes(object)) &&
      own.some((object) =>
        namespaceOf(object) === other && hasCounterpart(object, declared, namespace)
      );
    const isOurs = !isPlatform &&
      objects.some((object) => own.includes(object) || left.includes(object));
    const { file = "the default project" } = project;
    return {
      severity: isOurs ? "fail" : "warn",
      ...placeOf(
        those[0]!,
        those[0]!.kind === "Namespace" ? "metadata.name" : "metadata.namespace",
      ),
      problem: `${plural(those.length, word)} of the manifests ${
        those.length === 1 ? "is" : "are"
      } in the namespace ${other}, ${
        isAlone ? `and no job is in ${namespace}, which is` : `but ${namespace} is`
      } jobs.namespace of ${file}`,
      why: `the commands and the checks look for the jobs only in ${namespace}`,
      fix: project.file === undefined
        ? `Write a project file, ${fileIn(directory)}, with ${projectWith(other)}`
        : rename(other, namespace, directory, `${project.file}: ${projectWith(other)}`),
    };
  });
}

/**
 * Warns about namespaces that can be misspelled: no manifest declares them, and their names are those
 * of a known namespace but for a letter or two. Both can exist, so it is no failure.
 */
function misspelledNamespaces({ all, project }: Names, directory: string): Finding[] {
  const declared = all.filter(({ file }) => file !== undefined);
  const known = new Set([
    ...declared.filter(({ kind }) => kind === "Namespace").map(({ name }) => name),
    project.jobs.namespace,
    project.database.namespace,
  ]);
  return [...Map.groupBy(declared, ({ namespace = "" }) => namespace)]
    .flatMap(([namespace, objects]): Finding[] => {
      const meant = known.has(namespace)
        ? undefined
        : [...known].find((each) => isSlip(namespace, each));
      if (meant === undefined) return [];
      return [{
        severity: "warn",
        ...placeOf(objects[0]!, "metadata.namespace"),
        problem: `${plural(objects.length, "object")} of the manifests ${
          objects.length === 1 ? "is" : "are"
        } in the namespace ${namespace}; did you mean ${meant}?`,
        why: `an object in another namespace has no effect in ${meant}`,
        fix: `Write ${meant}, or declare the Namespace ${namespace}.${
          places(namespace, directory)
        }`,
      }];
    });
}

/** The Secrets with other names than those of the project file, which `deno task secrets` stores. */
function otherSecrets({ all, project }: Names, directory: string): Finding[] {
  const jobs = jobsOf(all.filter(({ file }) => file !== undefined), project)
    .filter((job) => isOfPipeline(job) && isInProject(job.object, project));
  const reads = jobs.flatMap((job) => secretReadsOf(job).map((read) => ({ job, ...read })));
  return ([["database", DATABASE_KEYS], ["lake", LAKE_KEYS]] as const).flatMap(([group, keys]) => {
    const [wanted, byDefault] = [project[group].secret, DEFAULT_PROJECT[group].secret];
    if (wanted === byDefault) return [];
    const isRead = reads.some(({ secret }) => secret === wanted);
    const wrong = reads.filter(({ secret, key }) =>
      secret !== wanted &&
      (key === undefined
        ? secret === byDefault
        : (keys as readonly string[]).includes(key) && (secret === byDefault || !isRead))
    );
    return [...Map.groupBy(wrong, ({ secret }) => secret)].map(([secret, [first]]): Finding => ({
      severity: "fail",
      ...placeOf(first!.job.object, first!.path),
      problem:
        `jobs read the Secret ${secret}, but ${wanted} is ${group}.secret of ${project.file}`,
      why: `the commands store and test the login in ${wanted}, and the jobs do not use it`,
      fix: rename(
        secret,
        wanted,
        directory,
        `${project.file}: ${JSON.stringify({ [group]: { secret } })}`,
      ),
    }));
  });
}

/**
 * Warns about an image of the project file that no Spark job of the pipeline has. The jobs run with
 * the image of the manifests all the same. An image with only a digest can be any release of its
 * repository.
 */
function otherImage({ all, project }: Names, directory: string): Finding[] {
  const { file, jobs: { image: wanted } } = project;
  if (file === undefined || wanted === DEFAULT_PROJECT.jobs.image) return [];
  const found = jobsOf(all.filter((object) => object.file !== undefined), project)
    .filter((job) => isOfPipeline(job) && isInProject(job.object, project))
    .flatMap(({ object, containers }) =>
      containers.filter(callsSpark).map(({ path, fields }) => (
        { object, path: `${path}.image`, image: textOf(fields.image) ?? "" }
      ))
    );
  const [first] = found;
  if (first === undefined || found.some(({ image }) => canBe(image, wanted))) return [];
  const setting = JSON.stringify({ jobs: { image: first.image } });
  return [{
    severity: "warn",
    ...placeOf(first.object, first.path),
    problem: `no Spark job has the image ${wanted}, which is jobs.image of ${file}`,
    why: "fixes and blocks of the runbook name this image, and the jobs run with another one",
    fix: rename(first.image, wanted, directory, `${file}: ${setting}`),
  }];
}

/** Returns whether an image can be the one of the project. */
function canBe(image: string, wanted: string): boolean {
  if (image === "" || /\{\{|\$[({]/.test(image)) return true;
  const [ours, theirs] = [parseImage(wanted), parseImage(image)];
  if (ours.repository !== theirs.repository) return false;
  if (ours.digest !== undefined && theirs.digest !== undefined) {
    return ours.digest === theirs.digest;
  }
  return ours.tag === undefined || theirs.tag === undefined || ours.tag === theirs.tag;
}

/** Returns whether a workload runs this toolkit, or is a Spark job with both logins of the pipeline. */
function isOfPipeline({ containers }: Workload): boolean {
  if (toolkitEngineOf(containers) !== undefined) return true;
  const names = new Set(containers.flatMap(({ env }) => env.map(({ name }) => name)));
  const sources = new Set(
    containers.flatMap(({ fields }) =>
      listOf(fields.envFrom).map(({ secretRef }) => textOf(fieldsIn(secretRef).name))
    ),
  );
  const has = (keys: readonly string[], secret: string) =>
    keys.some((key) => names.has(key)) || sources.has(secret);
  return containers.some(callsSpark) &&
    has(DATABASE_KEYS, DEFAULT_PROJECT.database.secret) &&
    has(LAKE_KEYS, DEFAULT_PROJECT.lake.secret);
}

/** Returns whether the jobs' namespace has the same object, so that this one is another platform's. */
function hasCounterpart(
  object: ManifestObject,
  declared: readonly ManifestObject[],
  namespace: string,
): boolean {
  const { kind, name } = object;
  const other = placed(object).namespace;
  return declared.some((each) =>
    each.kind === kind && placed(each).namespace === namespace &&
    each.name === (name === other ? namespace : name)
  );
}

/** A Namespace is in itself here. */
function placed(object: ManifestObject): ManifestObject {
  return object.kind === "Namespace" ? { ...object, namespace: object.name } : object;
}

function isJob({ kind }: ManifestObject): boolean {
  return kind === "Job" || kind === "CronJob";
}

/** The fix that replaces a name in the manifests, or else in the project file. */
function rename(from: string, to: string, directory: string, setting: string): string {
  return `Write ${to} instead of ${from} in the manifests, or set in ${setting}.${
    places(from, directory)
  }`;
}

/** The command that finds a name in the manifests. */
function places(name: string, directory: string): string {
  return directory === "-" ? "" : ` To find the places: grep -rnwF ${name} ${shellPath(directory)}`;
}

function projectWith(namespace: string): string {
  return JSON.stringify({ jobs: { namespace } });
}

/** The project file that preflight finds by itself; any name if there is no directory. */
function fileIn(directory: string): string {
  return directory === "-"
    ? "deep-storage.json (--project deep-storage.json)"
    : `${directory.replace(/\/$/, "")}/deep-storage.json`;
}
