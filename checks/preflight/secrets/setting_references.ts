import { type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { SparkSetting } from "../../spark/settings.ts";
import type { ObjectRead } from "./object_references.ts";
import type { SecretRead } from "./secret_references.ts";

/** The objects that the pods need which Spark makes for a job, according to its settings. */
export interface SettingReads {
  /** The Secrets. */
  readonly secrets: readonly SecretRead[];
  /** The claims. */
  readonly claims: readonly ObjectRead[];
}

/** A setting for the pods of one role that names a Secret or a claim. */
const REFERENCE =
  /^spark\.kubernetes\.(driver|executor)\.(?:(secrets)\.(.+)|(secretKeyRef)\.\w+|volumes\.(persistentVolumeClaim)\.[\w-]+\.options\.claimName)$/;

/**
 * Reads the Secrets and claims in the settings of a job. Spark ignores settings for the driver's pod
 * if it does not make this pod, and makes claims with the name `OnDemand` itself.
 */
export function settingReadsOf(job: SparkJob): SettingReads {
  const { workload: { object, executor }, mode, settings } = job;
  const roles = mode === "cluster" || executor !== undefined
    ? ["driver", "executor"]
    : mode === "client"
    ? ["executor"]
    : [];
  const secrets: SecretRead[] = [];
  const claims: ObjectRead[] = [];
  for (const setting of settings.values()) {
    const { key, value } = setting;
    const [, role, mounted, mountedName, variable, claim] = REFERENCE.exec(key) ?? [];
    if (role === undefined || !roles.includes(role) || setting.unknown !== undefined) continue;
    if (setting.isSecret === true || /[$]|\{\{/.test(value)) continue;
    const path = pathOf(setting, object);
    if (mounted !== undefined) {
      const read = { key: undefined, path, optional: false, variable: false };
      secrets.push({ secret: mountedName!, ...read });
    }
    if (variable !== undefined && /^[^:]+:[^:]+$/.test(value)) {
      const [secret, name] = value.split(":") as [string, string];
      secrets.push({ secret, key: name, path, optional: false, variable: true });
    }
    if (claim !== undefined && !/OnDemand|SPARK_EXECUTOR_ID/i.test(value)) {
      claims.push({ kind: "PersistentVolumeClaim", name: value, path });
    }
  }
  return { secrets, claims };
}

/** The field of a setting in the job's object; empty for a setting elsewhere. */
function pathOf({ place }: SparkSetting, object: ManifestObject): string {
  return place.object === objectId(object) ? place.field ?? "" : "";
}
