import { JOBS_NAMESPACE } from "../../../pipeline/contract/platform.ts";
import { plural } from "../../../pipeline/progress.ts";
import type { Finding } from "../../finding.ts";
import { placeIn } from "../../source_code/code.ts";
import { codeRunBy } from "../../source_code/job_source.ts";
import { variablesReadBy } from "../../source_code/environment.ts";
import { naming } from "../../list_names.ts";
import { JOBS, type PlatformCheck, platformCheck } from "../platform.ts";
import { judgeSecret, judgeStored } from "./secret_values.ts";
import { judgeReads, missingSecrets, variablesOf } from "./secret_references.ts";
import { givenTo, isSetByNobody } from "./job_variables.ts";
import { jobsOf, type Workload, workloadsOf } from "../../kubernetes/workloads.ts";
import { type Judged, outcomeOf } from "../outcome.ts";
import { ofKind, placeOf } from "../../kubernetes/objects.ts";
import { type Tree, treeOf } from "../../facts/tree.ts";

/** Secrets hold what was meant, and jobs get every key and variable that they read. */
export const secretEscaping: PlatformCheck = platformCheck({
  id: "secret-escaping",
  title: "secrets are as the jobs need them",
  reads: [...JOBS, "Secret"],
  judge: (platform) =>
    outcomeOf(
      platform,
      judgeSecrets(treeOf(platform), platform.cluster !== undefined),
      "there is neither a Secret nor a workload",
    ),
});

/**
 * Judges the values of Secrets by their shape, and whether jobs get the keys and variables that they
 * read.
 *
 * @param isLive whether the Secrets of the jobs' namespace are all known, since a cluster was asked
 * @returns undefined where there is neither a Secret nor a workload
 */
export function judgeSecrets(tree: Tree, isLive = false): Judged | undefined {
  const { objects } = tree;
  const workloads = workloadsOf(objects);
  const jobs = jobsOf(objects);
  const declared = ofKind(objects, "Secret").filter(({ file }) => file !== undefined);
  const stored = ofKind(objects, "Secret").filter(({ file }) => file === undefined)
    .map((secret) => ({ secret, keys: variablesOf(secret, jobs) }))
    .filter(({ keys }) => keys.length > 0);
  if (declared.length + workloads.length === 0) return undefined;
  const reads = workloads.map((each) => judgeReads(each, objects));
  const absent = reads.flatMap((each) => each.absent);
  const isKnown = ({ namespace }: { readonly namespace: string }) =>
    isLive && namespace === JOBS_NAMESPACE;
  const unknown = absent.filter((each) => !isKnown(each))
    .map(({ namespace, name }) => `${namespace}/${name}`);
  const elsewhere = unknown.length === 0
    ? ""
    : `; not at hand, so not judged: ${naming([...new Set(unknown)])}`;
  return {
    examined: `${plural(declared.length + stored.length, "Secret")}, the keys and variables that ${
      plural(jobs.length, "job")
    } read${elsewhere}`,
    findings: [
      ...declared.flatMap(judgeSecret),
      ...stored.flatMap(({ secret, keys }) => judgeStored(secret, keys)),
      ...missingSecrets(absent.filter(isKnown)),
      ...reads.flatMap(({ findings }) => findings),
      ...jobs.flatMap((job) => unsetVariables(job, tree)),
    ],
  };
}

function unsetVariables(job: Workload, { objects, code }: Tree): Finding[] {
  const given = givenTo(job, objects, code);
  const missing = new Map<string, string>();
  for (const source of codeRunBy(job, code)) {
    const reads = variablesReadBy(source);
    for (const { name, offset, optional } of reads) {
      if (optional || missing.has(name) || !isSetByNobody(name, given)) continue;
      const { object, line } = placeIn(source, offset);
      missing.set(name, line === undefined ? object : `${object}, line ${line}`);
    }
  }
  const env = `${job.containers.find(({ passing }) => !passing)?.path ?? job.specPath}.env`;
  return [...missing].map(([name, place]): Finding => ({
    severity: "fail",
    ...placeOf(job.object, env),
    problem: `nothing sets ${name}, which the job's code reads without a default (${place})`,
    why: "the job stops when it gets there",
    fix: `Add: - {name: ${name}, valueFrom: {secretKeyRef: {name: <secret>, key: ${name}}}}`,
  }));
}
