import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import type { Api } from "../../cluster/api.ts";
import { controlPlane } from "../../support/control_plane.ts";
import { runTask, type TaskOutcome } from "../../support/task.ts";

/** Parses the objects in YAML texts. */
export function objectsIn(...texts: readonly string[]): KubeObject[] {
  return texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS()));
}

/** A directory of manifests, removed on disposal. */
export async function directoryOf(...texts: readonly string[]) {
  const path = await Deno.makeTempDir({ prefix: "manifests-" });
  for (const [i, text] of texts.entries()) await Deno.writeTextFile(`${path}/${i}.yaml`, text);
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** Runs `deno task apply` on the control plane of the tests. */
export function apply(...args: readonly string[]): Promise<TaskOutcome> {
  return runTask("apply", ["--kubeconfig", controlPlane().kubeconfig, ...args]);
}

/** Returns whether an object does not exist. */
export async function isGone(api: Api, path: string): Promise<boolean> {
  const response = await api.send("GET", path);
  await response.body?.cancel();
  return response.status === 404;
}

/** Paths of the Kubernetes API in the namespace of the jobs. */
export const IN_JOBS = "/api/v1/namespaces/analytics-jobs";
export const JOBS = "/apis/batch/v1/namespaces/analytics-jobs/jobs";

/** The content type of a merge patch. */
export const MERGE = "application/merge-patch+json";

/** The manifest of the jobs' namespace. */
export const NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata: { name: analytics-jobs }
`;

/** The manifest of a quota for the namespace. */
export const QUOTA = `
apiVersion: v1
kind: ResourceQuota
metadata: { name: jobs, namespace: analytics-jobs }
spec: { hard: { pods: "5" } }
`;
