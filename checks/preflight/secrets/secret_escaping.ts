import { plural } from "../../../pipeline/progress.ts";
import type { ClusterOpened } from "../../facts/cluster.ts";
import type { Finding } from "../../finding.ts";
import { placeIn } from "../../source_code/code.ts";
import { variablesReadBy } from "../../source_code/environment.ts";
import { naming } from "../../list_names.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { type JobVariables, shellStartOf, variablesOfJob } from "../code/job_variables.ts";
import { composedUrls, keysInUrls } from "./composed_urls.ts";
import { withoutPathStyle } from "./path_style.ts";
import { settingReadsOf } from "./setting_references.ts";
import { localServers, localSettings } from "./local_servers.ts";
import { judgeSecret, judgeStored } from "./secret_values.ts";
import { misspelledSecrets } from "./misspelled_secrets.ts";
import { judgeObjectReads, missingObjects, misspelledNames } from "./object_references.ts";
import {
  fileKeysOf,
  judgeReads,
  missingSecrets,
  mountedKeysOf,
  secretReadsOf,
  variablesOf,
} from "./secret_references.ts";
import { plainValues } from "./variable_values.ts";
import { isFilledByTool } from "../../kubernetes/filled_values.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";
import { type Judged, leavingOut, outcomeOf } from "../outcome.ts";
import {
  type ManifestObject,
  namespaceOf,
  objectId,
  ofKind,
  placeOf,
} from "../../kubernetes/objects.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { Tree } from "../../facts/tree.ts";

/** Secrets hold usable values, and jobs get every key and variable that they read. */
export const secretEscaping: PlatformCheck = platformCheck({
  id: "secret-escaping",
  title: "secrets have the values and keys that the jobs need",
  reads: [...JOBS, "Secret"],
  judge: (platform) =>
    outcomeOf(
      platform,
      judgeSecrets(platform.tree, platform.cluster),
      "no Secrets and no workloads",
    ),
});

/**
 * Judges the values of Secrets by their shape, and whether jobs get the keys and variables that they
 * read, also from ConfigMaps, and the claims that they mount.
 *
 * @param cluster the cluster, in which all objects of the jobs' namespace are known
 * @returns undefined without any Secret and workload
 */
export function judgeSecrets(tree: Tree, cluster?: ClusterOpened): Judged | undefined {
  const { objects, project } = tree;
  const workloads = workloadsOf(objects);
  const jobs = tree.jobs.map(({ workload }) => workload);
  const namespaces = new Set([
    project.jobs.namespace,
    ...jobs.map(({ object }) => namespaceOf(object)),
  ]);
  const declared = ofKind(objects, "Secret").filter(({ file }) => file !== undefined);
  const stored = ofKind(objects, "Secret").filter(({ file }) => file === undefined)
    .map((secret) => ({
      secret,
      keys: variablesOf(secret, jobs),
      files: mountedKeysOf(secret, jobs),
    })).filter(({ keys, files }) => keys.length + files.length > 0);
  if (declared.length + workloads.length === 0) return undefined;
  const settings = tree.jobs.map((job) => ({ job, ...settingReadsOf(job) }));
  const reads = [
    ...workloads.map((each) => judgeReads(each, objects, project)),
    ...settings.map(({ job, secrets }) => judgeReads(job.workload, objects, project, secrets)),
  ];
  const absent = reads.flatMap((each) => each.absent);
  const otherReads = [
    ...workloads.map((each) => judgeObjectReads(each, objects)),
    ...settings.map(({ job, claims }) => judgeObjectReads(job.workload, objects, claims)),
  ];
  const otherAbsent = otherReads.flatMap((each) => each.absent);
  const isKnown = ({ namespace, kind }: { readonly namespace: string; readonly kind?: string }) =>
    cluster !== undefined && namespace === project.jobs.namespace &&
    cluster.unread.every((each) => each.kind !== kind || each.namespace !== namespace);
  const misspelled = misspelledSecrets(
    absent.filter((each) => !isKnown(each) && !objects.some((object) => makes(object, each.name))),
    [
      ...workloads.flatMap((each) =>
        secretReadsOf(each).map((read) => ({ ...read, reader: each.object }))
      ),
      ...settings.flatMap(({ job, secrets }) =>
        secrets.map((read) => ({ ...read, reader: job.workload.object }))
      ),
    ],
    project,
  );
  const isFound = ({ object, problem }: Finding) =>
    misspelled.some((each) =>
      each.object === object && each.problem.split(";")[0] === problem.split(";")[0]
    );
  const unknown = [
    ...absent.filter((each) => !isKnown(each)).map(({ namespace, name }) => `${namespace}/${name}`),
    ...otherAbsent.filter((each) => !isKnown(each))
      .map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`),
  ];
  const inUrls = new Set(workloads.flatMap(keysInUrls));
  const filled = declared.filter(isFilledByTool).map(objectId);
  const unchecked = [
    ["not in the manifests", [...new Set(unknown)]],
    ["a tool fills in the values", filled],
  ] as const;
  return {
    examined: `${plural(declared.length + stored.length, "Secret")}, the keys and variables that ${
      plural(jobs.length, "job")
    } read`,
    ...leavingOut(
      ...unchecked.filter(([, names]) => names.length > 0)
        .map(([reason, names]) => `${reason}, so not checked: ${naming(names)}`),
    ),
    findings: [
      ...declared.flatMap((secret) => {
        const files = fileKeysOf(secret, workloads);
        const isForJobs = secret.namespace === undefined || namespaces.has(secret.namespace);
        return judgeSecret(
          secret,
          (key) => files.includes(key),
          isForJobs,
          (key) => inUrls.has(`${secret.name}/${key}`),
        );
      }),
      ...stored.flatMap(({ secret, keys, files }) => judgeStored(secret, keys, project, files)),
      ...missingSecrets(absent.filter(isKnown), objects, project),
      ...missingObjects(otherAbsent.filter(isKnown), objects),
      ...[...reads, ...otherReads].flatMap(({ findings }) => findings),
      ...misspelled,
      ...(cluster === undefined
        ? misspelledNames(workloads, objects).filter((each) => !isFound(each))
        : []),
      ...plainValues(jobs, objects),
      ...localServers(jobs, objects, project),
      ...tree.jobs.flatMap((job) => [
        ...localSettings(job, project),
        ...withoutPathStyle(job, tree),
        ...composedUrls(job),
      ]),
      ...tree.jobs.flatMap((job) => unsetVariables(job, tree)),
    ],
  };
}

/** Returns whether an object of an operator, such as an ExternalSecret, can make a Secret. */
function makes({ kind, value }: ManifestObject, secret: string): boolean {
  return /.Secret|Item$/.test(kind) && JSON.stringify(value).includes(`"${secret}"`);
}

/** Finds the variables that a job's code reads without a default, and that nothing sets. */
function unsetVariables({ workload: job, code: sources }: SparkJob, tree: Tree): Finding[] {
  const missing = new Map<string, { readonly place: string; readonly isSure: boolean }>();
  for (const source of sources) {
    const variables = variablesOfJob(job, source, sources, tree);
    const reads = variablesReadBy(source, shellStartOf(job, source, variables, sources), sources);
    for (const { name, offset, optional, ...read } of reads) {
      const perhaps = read.perhaps === true || read.unknown !== undefined;
      const isKnown = missing.has(name) && (optional || missing.get(name)!.isSure);
      if (optional && !perhaps || isKnown || !isUnset(name, variables)) continue;
      const { object, line } = placeIn(source, offset);
      const place = line === undefined ? object : `${object}, line ${line}`;
      missing.set(name, { place, isSure: !optional });
    }
  }
  const env = `${job.containers.find(({ isInit }) => !isInit)?.path ?? job.specPath}.env`;
  return [...missing].map(([name, { place, isSure }]): Finding => ({
    severity: isSure ? "fail" : "warn",
    ...placeOf(job.object, env),
    problem: `nothing sets ${name}, which the job's code reads without a default${
      isSure ? "" : " on some paths"
    } (${place})`,
    why: isSure
      ? "the job stops when its code reads the variable"
      : "on some paths the code stops there, or goes on without a value",
    fix: /(?:^|_)(?:DATE|DAY)(?:_|$)/.test(name)
      ? `Add: - {name: ${name}, value: "2025-12-28"}, or give the read a default in the code`
      : `Add: - {name: ${name}, valueFrom: {secretKeyRef: {name: <secret>, key: ${name}}}}`,
  }));
}

/** Variables that shells, base images and Kubernetes set. */
const PREDEFINED =
  /^(HOME|PATH|PWD|OLDPWD|HOSTNAME|USER|SHELL|TMPDIR|LANG|LC_\w+|TERM|TZ|RANDOM|SECONDS|UID|EUID|PPID|IFS|OPTARG|OPTIND|LINENO|REPLY|MAPFILE|PIPESTATUS|BASH\w*|FUNCNAME|PYTHON\w+|PYSPARK_\w+|JAVA_\w+|SPARK_\w+|HADOOP_\w+|KUBERNETES_\w+|\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT))$/;

/** Returns whether nothing sets a variable. The check timestamp-env judges JOB_DATE. */
function isUnset(name: string, { names, open }: JobVariables): boolean {
  if (open || names.has(name) || name === "JOB_DATE") return false;
  // DJANGO_DB_PORT only looks like a variable that Kubernetes sets for a service.
  return !PREDEFINED.test(name) || /^(DJANGO|AWS|S3)_/.test(name);
}
