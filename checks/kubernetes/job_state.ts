import type { ManifestObject } from "../facts/manifests.ts";
import { isFields } from "./fields.ts";
import { listOf } from "./containers.ts";

/** Where a Job of a cluster is: not started yet, started, or at its end. */
export type JobState = "waiting" | "running" | "finished";

/** Finds out where a Job is; one that was suspended again in the middle counts as running. */
export function jobState({ value }: Pick<ManifestObject, "value">): JobState {
  const spec = isFields(value.spec) ? value.spec : {};
  const status = isFields(value.status) ? value.status : {};
  const isOver = listOf(status.conditions).some(({ type, status }) =>
    (type === "Complete" || type === "Failed") && status === "True"
  );
  if (isOver) return "finished";
  const isUntouched = status.startTime === undefined &&
    [status.active, status.succeeded, status.failed].every((count) => (count ?? 0) === 0);
  return spec.suspend === true && isUntouched ? "waiting" : "running";
}
