import { isFields, listOf, textOf } from "../kubernetes/fields.ts";
import { operatorFolders } from "../kubernetes/operator_mounts.ts";
import type { Container } from "../kubernetes/workloads.ts";
import { settingsBelow } from "./pods.ts";
import type { SparkJob } from "./spark_job.ts";

// The folders and files that the pods of a job mount.

/** The folders that a container mounts. */
export function mountsOf({ fields }: Pick<Container, "fields">): string[] {
  return listOf(fields.volumeMounts).flatMap(({ mountPath }) => textOf(mountPath) ?? []);
}

/** The folders that the driver mounts if Spark creates it: by settings, a template or an operator. */
export function driverMounts(
  { driver, settings, workload }: Pick<SparkJob, "driver" | "settings" | "workload">,
): string[] {
  const ofOperator = operatorFolders(workload.object.value);
  // The driver of another job without such a pod is the job's own pod, without these settings.
  if (driver === undefined && !workload.object.kind.endsWith("SparkApplication")) return ofOperator;
  const volumes = [...settingsBelow(settings, "spark.kubernetes.driver.volumes.")]
    .flatMap(([key, value]) => key.endsWith(".mount.path") ? [value] : []);
  const secrets = settingsBelow(settings, "spark.kubernetes.driver.secrets.").values();
  const spec = driver?.template?.spec;
  const ofTemplate = listOf(isFields(spec) ? spec.containers : undefined)
    .flatMap((fields) => mountsOf({ fields }));
  return [...ofOperator, ...volumes, ...secrets, ...ofTemplate];
}

/** Returns whether the mounts of the driver are not known: its template is not in the manifests. */
export function hasUnknownMounts({ driver }: Pick<SparkJob, "driver">): boolean {
  return driver?.template !== undefined && driver.template.spec === undefined;
}

/** Returns whether a path is a folder, or is in it. */
export function isBelow(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder.replace(/\/+$/, "")}/`);
}
