import { readOne, toManifestObject } from "../../checks/facts/cluster/objects.ts";
import { gatherLake } from "../../checks/facts/lake.ts";
import { dataOf } from "../../checks/kubernetes/workloads.ts";
import type { Cluster, Kind } from "../../pipeline/cluster/cluster.ts";
import {
  databaseOfSecret,
  lakeOfSecret,
  type SecretTexts,
} from "../../pipeline/cluster/job_secrets.ts";
import { DATABASE_KEYS, LAKE_KEYS, type Project } from "../../pipeline/contract/project.ts";
import { Failure, type FailureKind } from "../../pipeline/errors.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { throughCluster, type Way } from "../cli/through_cluster.ts";
import { repeatFlags } from "../cli/next_command.ts";

/** A Secret that the jobs read. */
export interface SecretSpec {
  /** The server that the credentials are for. */
  readonly opens: "database" | "lake";
  /** The Secret's name. */
  readonly name: string;
  /** The keys that the jobs read. */
  readonly keys: readonly string[];
  /** The names of the platform. */
  readonly project: Project;
}

/** The Secrets of the jobs. */
export function secretsOf(project: Project): SecretSpec[] {
  return [
    { opens: "database", name: project.database.secret, keys: DATABASE_KEYS, project },
    { opens: "lake", name: project.lake.secret, keys: LAKE_KEYS, project },
  ];
}

const SECRET: Kind = { apiVersion: "v1", kind: "Secret" };
const NAMESPACE: Kind = { apiVersion: "v1", kind: "Namespace" };

/**
 * Reads the values of a Secret in the cluster.
 *
 * @returns undefined if the Secret does not exist
 * @throws {Failure} the user may not read the Secret, or the cluster is unreachable
 */
export async function readSecret(
  cluster: Cluster,
  { name, project }: SecretSpec,
  signal: AbortSignal,
): Promise<SecretTexts | undefined> {
  const found = await cluster.get(SECRET, name, project.jobs.namespace, { signal });
  return found && dataOf(toManifestObject(found).value);
}

/**
 * Stores values in a Secret, byte for byte. Other keys of the Secret are not changed.
 *
 * @throws {Failure} the user may not change the Secret, or the cluster is unreachable
 */
export async function storeSecret(
  cluster: Cluster,
  { name, project }: SecretSpec,
  values: SecretTexts,
  signal: AbortSignal,
): Promise<void> {
  const data = Object.fromEntries([...values].map(([key, value]) => [key, base64(value)]));
  const metadata = { name, namespace: project.jobs.namespace };
  const secret = { ...SECRET, metadata, data };
  await cluster.apply(secret, { dryRun: false, force: true, signal });
}

/**
 * Checks that the namespace exists, before the command asks for values. If the user may not read
 * namespaces, the check passes.
 *
 * @throws {Failure} configuration: the namespace does not exist
 */
export async function requireNamespace(
  cluster: Cluster,
  { jobs }: Project,
  signal: AbortSignal,
): Promise<void> {
  const { objects, unread } = await readOne(
    cluster,
    NAMESPACE,
    { name: jobs.namespace, namespace: undefined },
    signal,
  );
  if (objects.length + unread.length > 0) return;
  throw new Failure({
    kind: "configuration",
    task: `store Secrets in the namespace ${jobs.namespace}`,
    problem: "the namespace does not exist",
    remedy: "Create it with: deno task apply",
  });
}

/** Encodes a value for the API server. */
function base64(value: string): string {
  const bytes = new TextEncoder().encode(value);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The result of a test login with a Secret. */
export interface LoginResult {
  /** The message: the user and the address, or the reason for the failure. */
  readonly message: string;
  /** The kind of the failure; undefined if the login worked. */
  readonly failure?: FailureKind;
}

/** Logs in with the values of a Secret, as a job would. */
export async function tryLogin(
  { opens, project }: SecretSpec,
  texts: SecretTexts | undefined,
  way: Way,
  signal: AbortSignal,
): Promise<LoginResult> {
  try {
    const name = opens === "database"
      ? await logInToDatabase(texts, project, way, signal)
      : await openLake(texts, project, signal);
    return { message: `the login worked: ${name}` };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { message: `the login failed. ${repeatFlags(error.message)}`, failure: error.kind };
  }
}

async function logInToDatabase(
  texts: SecretTexts | undefined,
  project: Project,
  way: Way,
  signal: AbortSignal,
): Promise<string> {
  const { host, port, name, user, ...rest } = databaseOfSecret(texts, undefined, project);
  return await throughCluster(way, { host, port, name, user, ...rest }, signal, async (config) => {
    const connection = await connect(config, { signal });
    await connection.close();
    return `${user}@${host}:${port}/${name}`;
  });
}

/** Lists, stores, reads and removes an object, as a run does. */
async function openLake(
  texts: SecretTexts | undefined,
  project: Project,
  signal: AbortSignal,
): Promise<string> {
  const fact = await gatherLake(lakeOfSecret(texts, undefined, project), signal);
  if (fact.opened) return fact.name;
  throw fact.failure;
}
