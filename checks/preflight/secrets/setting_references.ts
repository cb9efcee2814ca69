import { type Fields, fieldsIn, listOf, textOf } from "../../kubernetes/fields.ts";
import { type ManifestObject, objectId } from "../../kubernetes/objects.ts";
import type { SparkJob } from "../../spark/spark_job.ts";
import type { SparkSetting } from "../../spark/settings.ts";
import type { ObjectRead } from "./object_references.ts";
import type { SecretRead } from "./secret_references.ts";

/** The objects that the pods need which Spark makes for a job, by its settings or its operator. */
export interface SettingReads {
  /** The Secrets. */
  readonly secrets: readonly SecretRead[];
  /** The claims and the ConfigMaps. */
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
  const ofOperator = operatorReadsOf(job);
  return {
    secrets: [...secrets, ...ofOperator.secrets],
    claims: [...claims, ...ofOperator.claims],
  };
}

/**
 * The objects that a SparkApplication names for its executors, and the ConfigMaps that the operator
 * of Kubeflow mounts. The variables of the driver are those of the job's own pod.
 */
function operatorReadsOf({ workload: { object, executor } }: SparkJob): SettingReads {
  if (executor === undefined) return { secrets: [], claims: [] };
  const fieldsAt = (path: string) =>
    path.split(".").reduce<Fields>((fields, name) => fieldsIn(fields[name]), object.value);
  // The operator of Apache has pod templates, that of Kubeflow has a container's fields here.
  const isTemplate = executor.path.endsWith(".spec");
  const own = fieldsAt(executor.path);
  const containers = isTemplate
    ? listOf(own.containers).map((each, i) => ({
      fields: each,
      path: `${executor.path}.containers[${i}]`,
    }))
    : [{ fields: own, path: executor.path }];
  const references = containers.flatMap(({ fields, path }) => [
    ...listOf(fields.env).flatMap(({ valueFrom }, i) => {
      const { secretKeyRef, configMapKeyRef } = fieldsIn(valueFrom);
      const at = `${path}.env[${i}].valueFrom`;
      return [
        { kind: "Secret", value: secretKeyRef, path: `${at}.secretKeyRef` },
        { kind: "ConfigMap", value: configMapKeyRef, path: `${at}.configMapKeyRef` },
      ];
    }),
    ...listOf(fields.envFrom).flatMap(({ secretRef, configMapRef }, i) => [
      { kind: "Secret", value: secretRef, path: `${path}.envFrom[${i}].secretRef` },
      { kind: "ConfigMap", value: configMapRef, path: `${path}.envFrom[${i}].configMapRef` },
    ]),
  ]);
  const mounted = isTemplate ? [] : ["driver", "executor"].flatMap((role) => {
    const path = executor.path.replace(/executor$/, role);
    return listOf(fieldsAt(path).configMaps).map((value, i) => (
      { kind: "ConfigMap", value: { name: value.name }, path: `${path}.configMaps[${i}].name` }
    ));
  });
  const needed = [...references, ...mounted].flatMap(({ kind, value, path }) => {
    const { name, key, optional } = fieldsIn(value);
    const known = textOf(name);
    const isKnown = known !== undefined && !/[$]|\{\{/.test(known);
    return isKnown && optional !== true ? [{ kind, name: known, key: textOf(key), path }] : [];
  });
  return {
    secrets: needed.filter(({ kind }) => kind === "Secret").map(({ name, key, path }) => (
      { secret: name, key, path, optional: false, variable: true }
    )),
    claims: needed.filter(({ kind }) => kind === "ConfigMap").map(({ name, key, path }) => (
      { kind: "ConfigMap", name, key, path }
    )),
  };
}

/** The field of a setting in the job's object; empty for a setting elsewhere. */
function pathOf({ place }: SparkSetting, object: ManifestObject): string {
  return place.object === objectId(object) ? place.field ?? "" : "";
}
