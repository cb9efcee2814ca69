import type { Tree } from "../../facts/tree.ts";
import type { Finding } from "../../finding.ts";
import { placeOf } from "../../kubernetes/objects.ts";
import { absenceOf, mountedFiles } from "../../spark/pods.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import { propertiesFileOf } from "../../spark/unread_settings.ts";

/** The forms of a master that spark-submit accepts. */
const MASTER = /^(local(\[[^\]]*\])?|local-cluster\[[^\]]*\]|yarn|(spark|k8s|mesos|zk):\/\/.+)$/;

/** The arguments of spark-submit with which it ends at once: an invalid master, and a lost file. */
export function wrongSubmits({ jobs, objects }: Pick<Tree, "jobs" | "objects">): Finding[] {
  return jobs.filter(({ mode }) => mode !== "none").flatMap((job) => [
    ...wrongMaster(job),
    ...lostProperties(job, objects),
  ]);
}

function wrongMaster({ master }: SparkJob): Finding[] {
  if (master === undefined || master.unknown !== undefined) return [];
  const { value, place } = master;
  if (value === "" || /[$<>{}]/.test(value) || MASTER.test(value)) return [];
  return [{
    severity: "fail",
    ...place,
    problem: `${value} is no master of Spark`,
    why: "spark-submit ends with: Master must either be yarn or start with spark, k8s, or local",
    fix: /^https?:\/\//.test(value)
      ? `Write k8s:// before the URL of the Kubernetes API: k8s://${value}`
      : "Use k8s://https://kubernetes.default.svc, or local[*] for one process.",
  }];
}

/** The finding for a file of settings that the mounted ConfigMap does not have. */
function lostProperties(job: SparkJob, objects: Tree["objects"]): Finding[] {
  const workload = { ...job.workload, containers: job.containers };
  const path = propertiesFileOf(workload);
  if (path === undefined || mountedFiles(workload, objects).some((file) => file.path === path)) {
    return [];
  }
  const { reason, isLost } = absenceOf(path, workload, objects);
  const field = job.containers.flatMap(({ words }) => words)
    .find(({ text }) => text.includes("--properties-file") || text === path)?.path;
  return !isLost ? [] : [{
    severity: "fail",
    ...placeOf(job.workload.object, field ?? job.workload.specPath),
    problem: `--properties-file: ${reason}`,
    why: "spark-submit cannot read the file, and ends before the job starts",
    fix: "Correct the path in the argument, or the key in the ConfigMap.",
  }];
}
