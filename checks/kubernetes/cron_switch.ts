import { isFields } from "./fields.ts";
import type { ManifestObject } from "./objects.ts";

/** Returns whether an object is a CronJob that starts no Job, because it is suspended. */
export function isSuspendedCronJob({ kind, value }: ManifestObject): boolean {
  return kind === "CronJob" && isFields(value.spec) && value.spec.suspend === true;
}

/**
 * Returns an object of the manifests as `deno task apply` applies it. A CronJob of the manifests that
 * is suspended keeps the `suspend` of the cluster, because `deno task schedule` switches it.
 *
 * @param live the object in the cluster, if it exists
 */
export function asSwitched(
  object: ManifestObject,
  live: Pick<ManifestObject, "value"> | undefined,
): ManifestObject {
  const { spec } = live?.value ?? {};
  if (!isSuspendedCronJob(object) || !isFields(spec) || spec.suspend === true) return object;
  const suspended = isFields(object.value.spec) ? object.value.spec : {};
  return { ...object, value: { ...object.value, spec: { ...suspended, suspend: false } } };
}
