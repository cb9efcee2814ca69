import { observed, readOne } from "../../checks/facts/cluster/objects.ts";
import { dataOf } from "../../checks/kubernetes/workloads.ts";
import type { Cluster, Kind } from "../../pipeline/cluster/cluster.ts";
import type { SecretTexts } from "../../pipeline/cluster/job_secrets.ts";
import {
  DATABASE_KEYS,
  DATABASE_SECRET,
  JOBS_NAMESPACE,
  LAKE_KEYS,
  LAKE_SECRET,
} from "../../pipeline/contract/platform.ts";
import { Failure } from "../../pipeline/errors.ts";

/** A Secret that the jobs read. */
export interface SecretSpec {
  /** What it opens. */
  readonly opens: "database" | "lake";
  /** Its name. */
  readonly name: string;
  /** The keys that the jobs read of it. */
  readonly keys: readonly string[];
}

/** The two of them. */
export const SECRETS: readonly SecretSpec[] = [
  { opens: "database", name: DATABASE_SECRET, keys: DATABASE_KEYS },
  { opens: "lake", name: LAKE_SECRET, keys: LAKE_KEYS },
];

const SECRET: Kind = { apiVersion: "v1", kind: "Secret" };
const NAMESPACE: Kind = { apiVersion: "v1", kind: "Namespace" };

/**
 * What a Secret holds in the cluster.
 *
 * @returns undefined where it is not there
 * @throws {Failure} it may not be read, or the cluster is out of reach
 */
export async function readSecret(
  cluster: Cluster,
  { name }: SecretSpec,
  signal: AbortSignal,
): Promise<SecretTexts | undefined> {
  const found = await cluster.get(SECRET, name, JOBS_NAMESPACE, { signal });
  return found && dataOf(observed(found).value);
}

/**
 * Stores a Secret's values exactly as they are, and leaves its other keys alone.
 *
 * @throws {Failure} it may not be changed, or the cluster is out of reach
 */
export async function storeSecret(
  cluster: Cluster,
  { name }: SecretSpec,
  values: SecretTexts,
  signal: AbortSignal,
): Promise<void> {
  const data = Object.fromEntries([...values].map(([key, value]) => [key, base64(value)]));
  const metadata = { name, namespace: JOBS_NAMESPACE };
  const secret = { ...SECRET, metadata, data };
  await cluster.apply(secret, { dryRun: false, force: true, signal });
}

/**
 * Looks for the namespace before anybody types anything. A user who may not look finds out later.
 *
 * @throws {Failure} configuration: it is not there
 */
export async function mustHaveNamespace(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const { objects, unread } = await readOne(
    cluster,
    NAMESPACE,
    { name: JOBS_NAMESPACE, namespace: undefined },
    signal,
  );
  if (objects.length + unread.length > 0) return;
  throw new Failure({
    kind: "configuration",
    task: `store Secrets in the namespace ${JOBS_NAMESPACE}`,
    problem: "it is not there",
    remedy: "Make it with: deno task apply",
  });
}

/** As the API server takes values, byte for byte. */
function base64(value: string): string {
  const bytes = new TextEncoder().encode(value);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
