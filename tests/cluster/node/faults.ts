import { copyFolder } from "../../drill/parts/manifests.ts";
import { assertMatch } from "../../support/assert.ts";
import type { TaskOutcome } from "../../support/task.ts";
import { type Api, openApi } from "../api.ts";
import { until } from "../until.ts";
import { NODE } from "./addresses.ts";
import type { Production, ProductionNode } from "./production.ts";

// What can go wrong in production, and what the engine `spark` must say about it.

const MANIFESTS = new URL("../../../manifests/", import.meta.url).pathname;

/** Milliseconds in which a pod ends on a busy machine. */
const PATIENCE = 180_000;

/** A fault of production. */
export interface Fault {
  readonly what: string;
  /** Changes in the Job of bronze. */
  readonly edits?: readonly (readonly [from: RegExp, to: string])[];
  /** An object in the cluster, and the merge patches that break and mend it. */
  readonly patch?: {
    readonly path: string;
    readonly broken: object;
    readonly mended: (production: Production) => object;
  };
  /** The message of the command. */
  readonly says: RegExp;
  /** The page of the runbook in that message; none if the message is that of the driver. */
  readonly page?: string;
  readonly code?: number;
  /** The seconds that the fault may last, for a fault that may pass. */
  readonly patience?: number;
}

const IN_JOBS = "/api/v1/namespaces/analytics-jobs";

/** The faults, each with a driver that does not start, or with a real one that ends soon. */
export const FAULTS: readonly Fault[] = [
  {
    what: "a quota that is too small for the driver",
    patch: {
      path: `${IN_JOBS}/resourcequotas/analytics-jobs`,
      broken: { spec: { hard: { "requests.cpu": "500m" } } },
      mended: () => ({ spec: { hard: { "requests.cpu": "6" } } }),
    },
    says: /does not create the driver's pod: .*exceeded quota: analytics-jobs/,
    page: "quota-fit",
    patience: 2,
  },
  {
    what: "a node without the label of the jobs",
    patch: {
      path: `/api/v1/nodes/${NODE}`,
      broken: { metadata: { labels: { "robson.io/pool": null } } },
      mended: () => ({ metadata: { labels: { "robson.io/pool": "analytics" } } }),
    },
    says: /no node can run the driver: .*didn't match Pod's node affinity\/selector/,
    page: "node-pool",
    patience: 2,
  },
  {
    what: "an image that cannot be pulled",
    edits: [[/(image: \S+:)\S+/, "$1none"]],
    says: /the image \S+:none of the driver cannot be pulled: /,
    page: "image-pull",
    // Longer than a busy node needs for the volumes of the pod.
    patience: 30,
  },
  {
    what: "a pod that pod security refuses",
    edits: [[/allowPrivilegeEscalation: false/, "allowPrivilegeEscalation: true"]],
    says: /does not create the driver's pod: .*violates PodSecurity "restricted:latest"/,
    page: "manifests-readable",
  },
  {
    what: "a deadline that passes",
    edits: [[/activeDeadlineSeconds: 7200/, "activeDeadlineSeconds: 5"]],
    says: /did not end within its activeDeadlineSeconds \(5 s\)/,
    page: "run",
    code: 3,
  },
  {
    what: "a driver that needs more memory than its limit",
    // One retry shows as much as two, in less time.
    edits: [[/memory: 2Gi/g, "memory: 128Mi"], [/backoffLimit: 2/, "backoffLimit: 1"]],
    says: /the driver needed more memory than its limit, and was killed \(OOMKilled\)/,
    page: "run",
  },
  {
    what: "a wrong password",
    patch: {
      path: `${IN_JOBS}/secrets/django-db-credentials`,
      broken: { stringData: { DJANGO_DB_PASSWORD: "wrong" } },
      mended: ({ secrets: { DJANGO_DB_PASSWORD } }) => ({ stringData: { DJANGO_DB_PASSWORD } }),
    },
    says: /^Cannot .*password/m,
  },
];

/**
 * Runs bronze with a fault, and removes the fault and the Job.
 *
 * @param day a day that no other run has now
 */
export async function runWithFault(
  { admin }: ProductionNode,
  production: Production,
  { edits = [], patch, patience = 60 }: Pick<Fault, "edits" | "patch" | "patience">,
  day: string,
): Promise<TaskOutcome> {
  using api = openApi(admin);
  const merge = (path: string, object: object) => mergeAndWait(api, path, object);
  const folder = await Deno.makeTempDir({ prefix: "faults-" });
  const manifests = `${folder}/manifests`;
  try {
    await copyFolder(MANIFESTS, manifests);
    for (const edit of edits) await change(`${manifests}/50-bronze-ingest.yaml`, edit);
    if (patch !== undefined) await merge(patch.path, patch.broken);
    const args = ["--engine", "spark", "--no-preflight", "--manifests", manifests];
    return await production.operate("bronze", [day, ...args, "--patience", `${patience}`]);
  } finally {
    if (patch !== undefined) await merge(patch.path, patch.mended(production));
    const own = `labelSelector=deep-storage/day=${day}`;
    const jobs = `/apis/batch/v1/namespaces/analytics-jobs/jobs?${own}`;
    await api.call("DELETE", `${jobs}&propagationPolicy=Background`);
    // Until they are gone, they count against the quota.
    await until("the pods of the Job are gone", async () => {
      const { items } = await api.get(`${IN_JOBS}/pods?${own}`);
      return items.length === 0;
    }, AbortSignal.timeout(PATIENCE));
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Merges fields into an object. If the object is a quota, waits until it applies: the API server uses
 * the copy in the status, which a controller writes.
 */
export async function mergeAndWait(api: Api, path: string, fields: object): Promise<void> {
  await api.call("PATCH", path, fields, "application/merge-patch+json");
  if (!path.includes("/resourcequotas/")) return;
  await until("the quota applies", async () => {
    const { spec, status } = await api.get(path);
    return Object.entries(spec.hard).every(([name, value]) => status.hard?.[name] === value);
  }, AbortSignal.timeout(PATIENCE));
}

async function change(file: string, [from, to]: readonly [RegExp, string]): Promise<void> {
  const text = await Deno.readTextFile(file);
  assertMatch(text, from);
  await Deno.writeTextFile(file, text.replace(from, to));
}
