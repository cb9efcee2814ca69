import { dataOf } from "../../checks/kubernetes/workloads.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import { ApiError } from "../../pipeline/cluster/cluster.ts";
import { databaseOfSecret, lakeOfSecret } from "../../pipeline/cluster/job_secrets.ts";
import type { ClusterConfig } from "../../pipeline/cluster/locate_kubeconfig.ts";
import {
  type DatabaseConfig,
  databaseConfig,
  type LakeConfig,
  lakeConfig,
  secretsOf,
} from "../../pipeline/config.ts";
import { DEFAULT_PROJECT } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { Sources } from "../cli/gatherers.ts";
import { throughCluster } from "../cli/through_cluster.ts";

/** How to reach the database and the lake of the Jobs from here. */
export interface Logins {
  /** Passwords and keys that no output may contain. */
  readonly secrets: readonly string[];
  /** Returns the database of the Jobs. */
  database(): DatabaseConfig;
  /** Returns the lake of the Jobs. */
  lake(): LakeConfig;
  /** Runs `use` with the database of the Jobs, perhaps through the cluster. */
  withDatabase<T>(use: (database: DatabaseConfig) => Promise<T>): Promise<T>;
}

/** The keys of the Secrets whose values no output may contain. */
const HIDDEN = [
  "DJANGO_DB_PASSWORD",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
];

/**
 * Reads the Secrets of the Jobs. A user who may not read them can still start Jobs.
 *
 * @throws {Failure} the cluster does not answer
 */
export async function readLogins(
  cluster: Cluster,
  { credentials, portForward, project = DEFAULT_PROJECT }: Pick<
    Sources,
    "credentials" | "portForward" | "project"
  >,
  config: ClusterConfig,
  signal: AbortSignal,
): Promise<Logins> {
  let refusal: ApiError | undefined;
  const read = async (name: string) => {
    const kind = { apiVersion: "v1", kind: "Secret" };
    try {
      const secret = await cluster.get(kind, name, project.jobs.namespace, { signal });
      return secret && dataOf(secret);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      refusal = error;
      return undefined;
    }
  };
  const [ofDatabase, ofLake] = await Promise.all(
    [project.database.secret, project.lake.secret].map(read),
  );
  const byCluster = credentials === "cluster";
  const allowed = <T>(value: () => T): T => {
    if (byCluster && refusal !== undefined) throw withoutSecrets(refusal);
    return value();
  };
  const values = [ofDatabase, ofLake].flatMap((texts) =>
    HIDDEN.flatMap((key) => texts?.get(key) || [])
  );
  const database = () =>
    allowed(() =>
      byCluster
        ? databaseOfSecret(ofDatabase, undefined, project)
        : databaseConfig(undefined, project)
    );
  return {
    secrets: [...values, ...secretsOf()].flatMap((each) => [each, encodeURIComponent(each)]),
    lake: () =>
      allowed(() =>
        byCluster
          ? lakeOfSecret(ofLake, undefined, project)
          : bucketOnly(lakeConfig(undefined, project))
      ),
    database,
    withDatabase: async (use) =>
      await throughCluster({ cluster: config, portForward }, database(), signal, use),
  };
}

function withoutSecrets({ kind, task, problem }: ApiError): Failure {
  const remedy = "Ask for the permission to read the Secrets, or use --credentials environment.";
  return new Failure({ kind, task, problem, remedy });
}

/** Refuses a directory, which the Jobs cannot write to. */
function bucketOnly(lake: LakeConfig): LakeConfig {
  if (lake.kind !== "directory") return lake;
  throw new Failure({
    kind: "configuration",
    task: "use LAKE_URL with --engine spark",
    problem: "the Jobs write to a bucket, not to a directory of this machine",
    remedy: "Remove LAKE_URL, and set S3_ENDPOINT and S3_BUCKET as in the Secret of the Jobs.",
  });
}
