import type { Tree } from "../../facts/tree.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { namespaceOf, objectId } from "../../kubernetes/objects.ts";
import { mountedFiles } from "../../spark/pods.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { Needs } from "./dockerfile_jars.ts";
import { withoutLogin } from "./download_commands.ts";
import type { ImageUse } from "./image_uses.ts";
import { isClosed } from "./runtime_downloads.ts";

// What jobs need jars for. Of a job of another project, its texts show that.

/** What a job that reads or writes a bucket names in its object, its values or its code. */
const LAKE = /s3a|\bs3[nt]?:|(^|\W)(AWS|S3)_?[A-Z]/im;

/** What a job that reads or writes a database names in its object, its values or its code. */
const DATABASE = /\bjdbc\b|postgres|psycopg|(^|\W)(PG|DJANGO_DB)_?[A-Z]/im;

/**
 * What a job can need jars for. A job of another namespace that names neither a bucket nor a database,
 * such as an example of Spark, needs none of them, if its code and its values are known.
 */
export function needsOf(job: SparkJob, tree: Tree): Needs {
  const { object } = job.workload;
  // Spark downloads the jars, which is a finding of its own.
  if (job.packages.length > 0 && !isClosed(tree, namespaceOf(object))) {
    return { lake: false, database: false };
  }
  if (object.namespace === tree.project.jobs.namespace) return { lake: true, database: true };
  const texts = textsOf(job, tree);
  const names = (pattern: RegExp) => texts.some((text) => pattern.test(text));
  const [lake, database] = [names(LAKE), names(DATABASE)];
  const unread = lake && database ? undefined : unreadOf(job, tree);
  return { lake, database, ...(unread === undefined ? {} : { unread: `${job.label}: ${unread}` }) };
}

/** What the jobs need jars for that use an image. */
export function needsOfUses(uses: readonly ImageUse[], tree: Tree): Needs {
  const objects = new Set(uses.map(({ place }) => place.object));
  const jobs = tree.jobs.filter(({ workload: { object } }) => objects.has(objectId(object)));
  // A setting of another object, such as a ConfigMap, can name the image of any job.
  return needsOfJobs(jobs.length < objects.size ? tree.jobs : jobs, tree);
}

/** What jobs need jars for. Without a job, an image is for any job. */
export function needsOfJobs(all: readonly SparkJob[], tree: Tree): Needs {
  const jobs = all.filter(({ mode }) => mode !== "none");
  const needs = jobs.map((job) => needsOf(job, tree));
  const unread = needs.flatMap((each) => each.unread ?? []);
  return {
    lake: jobs.length === 0 || needs.some(({ lake }) => lake),
    database: jobs.length === 0 || needs.some(({ database }) => database),
    ...(unread.length === 0 ? {} : { unread: unread.join("; ") }),
  };
}

/** The texts of a job that can name a bucket or a database. Values can be secret: never print them. */
function textsOf({ workload, code, settings, environment }: SparkJob, { objects }: Tree): string[] {
  return [
    JSON.stringify(workload.object.value),
    ...code.map(({ text }) => text),
    ...mountedFiles(workload, objects).map(({ text }) => text),
    ...[...settings].map(([key, { value }]) => `${key}=${value}`),
    ...[...environment.names].map((name) => `${name}=${environment.value(name) ?? ""}`),
  ];
}

/** The code or the value of a job that is not read; undefined if all are read. */
function unreadOf(job: SparkJob, tree: Tree): string | undefined {
  const file = unreadCode(job);
  if (file !== undefined) return file;
  if (job.unreadProperties !== undefined) return `${job.unreadProperties} is not read`;
  const setting = [...job.settings.values()].find(({ unknown }) => unknown !== undefined);
  if (setting !== undefined) return `the value of ${setting.key} is not known`;
  return unreadValue(job, tree);
}

/** A file of the job with code, in the words of its containers. */
const CODE = /^(?:[a-z0-9]+:\/\/)?[\w./@+${}-]*\.(?:py|jar|R|zip|egg|whl)$/;

/** The examples of Spark, which need no jar. */
const EXAMPLE = /\/spark[^/]*\/examples\/|\/spark-examples_[^/]*\.jar$/;

/** The file with code of a job that is not read; undefined if all code is read. */
export function unreadCode({ containers, code }: SparkJob): string | undefined {
  const files = containers.flatMap(({ words }) =>
    words.flatMap(({ text }) => text.split(/[\s,='"]+/).filter((word) => CODE.test(word)))
  );
  const read = new Set(
    code.map(({ file, field }) => nameOf(field?.replace(/^data\./, "") ?? file)),
  );
  const unread = files.find((file) => !EXAMPLE.test(file) && !read.has(nameOf(file)));
  if (unread !== undefined) return `${withoutLogin(unread)} is not read`;
  return files.length === 0 && !code.some(({ language }) => language === "python")
    ? "its code is not read"
    : undefined;
}

function nameOf(path = ""): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function unreadValue({ workload, containers, environment }: SparkJob, { objects }: Tree) {
  // Values of the pod itself, such as its address, name neither a bucket nor a database.
  const isOfPod = (value: unknown) =>
    isFields(value) && ("fieldRef" in value || "resourceFieldRef" in value);
  const ofPod = containers.flatMap(({ env }) => env)
    .filter(({ valueFrom }) => isOfPod(valueFrom)).map(({ name }) => name);
  const unknown = [...environment.names].find((name) =>
    environment.value(name) === undefined && !ofPod.includes(name)
  );
  if (unknown !== undefined) return `the value of ${unknown} is not known`;
  const namespace = namespaceOf(workload.object);
  const volumes = listOf(workload.spec.volumes).flatMap((volume) => [
    volume,
    ...listOf(isFields(volume.projected) ? volume.projected.sources : undefined),
  ]);
  const sources = [
    ...containers.flatMap(({ fields }) => listOf(fields.envFrom)).flatMap(sourcesIn),
    ...volumes.flatMap(sourcesIn),
  ];
  const absent = sources.find(({ kind, name }) =>
    !objects.some((each) =>
      each.kind === kind && each.name === name && namespaceOf(each) === namespace
    )
  );
  return absent && `${absent.kind} ${namespace}/${absent.name} is not in the manifests`;
}

/** The ConfigMap and the Secret that a volume or an entry of `envFrom` names. */
function sourcesIn(fields: Fields): { readonly kind: string; readonly name: string }[] {
  const read = (kind: string, each: unknown) => {
    const name = isFields(each) ? textOf(each.name) ?? textOf(each.secretName) : undefined;
    return name === undefined ? [] : [{ kind, name }];
  };
  return [
    ...[fields.configMapRef, fields.configMap].flatMap((each) => read("ConfigMap", each)),
    ...[fields.secretRef, fields.secret].flatMap((each) => read("Secret", each)),
  ];
}
