import { shellPath } from "../shell.ts";
import { OUTBOX_TABLE } from "./tables.ts";

/** The names of a platform: what differs if another platform runs the pipeline. */
export interface Project {
  /** The jobs of the pipeline. */
  readonly jobs: {
    /** The namespace that the jobs run in. */
    readonly namespace: string;
    /** The image that a fix suggests for a job without an image. */
    readonly image: string;
  };
  /** The database of the outbox. */
  readonly database: {
    /** The namespace of Postgres. */
    readonly namespace: string;
    /** The host of Postgres where DJANGO_DB_HOST is not set. */
    readonly host: string;
    /** The database where DJANGO_DB_NAME is not set. */
    readonly name: string;
    /** The role that logs in where DJANGO_DB_USER is not set. */
    readonly user: string;
    /** The table of the outbox where OUTBOX_TABLE is not set, as SQL writes its name. */
    readonly table: string;
    /** The Secret with the credentials for the database. */
    readonly secret: string;
    /** The labels of Postgres's pods behind the host, as in `app=postgres`; absent if not known. */
    readonly pods?: string;
  };
  /** The object store. */
  readonly lake: {
    /** The URL of the object store where S3_ENDPOINT is not set, and in examples. */
    readonly endpoint: string;
    /** The bucket where S3_BUCKET is not set. */
    readonly bucket: string;
    /** The Secret with the credentials for the lake. */
    readonly secret: string;
    /** The labels of the store's pods, if the endpoint is a Service; absent if not known. */
    readonly pods?: string;
  };
  /** The nodes that the jobs run on. */
  readonly nodes: {
    /** The label of these nodes, as in `robson.io/pool=analytics`. */
    readonly label: string;
    /** The taint that repels other pods, as in `robson.io/dedicated=analytics:NoSchedule`. */
    readonly taint: string;
  };
  /** The file with these names; absent for the default names. */
  readonly file?: string;
}

/** The names that apply without a project file: those of Robson. */
export const DEFAULT_PROJECT: Project = {
  jobs: {
    namespace: "analytics-jobs",
    image: "ghcr.io/ldamasio/rbs-spark:3.5.8-phase1",
  },
  database: {
    namespace: "robson",
    host: "paradedb.robson.svc.cluster.local",
    name: "rbsdb",
    user: "robson",
    table: OUTBOX_TABLE,
    secret: "django-db-credentials",
    pods: "app=rbs-paradedb",
  },
  lake: {
    endpoint: "https://eu2.contabostorage.com",
    bucket: "rbs",
    secret: "contabo-s3-credentials",
  },
  nodes: {
    label: "robson.io/pool=analytics",
    taint: "robson.io/dedicated=analytics:NoSchedule",
  },
};

/**
 * The command that stores the Secrets of a platform. Its login reaches a database in the cluster
 * through the cluster.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DEFAULT_PROJECT, secretsCommand } from "./project.ts";
 *
 * assertEquals(
 *   secretsCommand({ ...DEFAULT_PROJECT, file: "deep-storage.json" }),
 *   "deno task secrets --port-forward --project deep-storage.json",
 * );
 * ```
 */
export function secretsCommand({ file, database }: Pick<Project, "file" | "database">): string {
  const forward = /\.svc(\.|$)/.test(database.host) ? " --port-forward" : "";
  return `deno task secrets${forward}${file === undefined ? "" : ` --project ${shellPath(file)}`}`;
}

/** The keys of the Secret with the credentials for the database. */
export const DATABASE_KEYS = [
  "DJANGO_DB_HOST",
  "DJANGO_DB_NAME",
  "DJANGO_DB_USER",
  "DJANGO_DB_PASSWORD",
] as const;

/** The keys of the Secret with the credentials for the lake. */
export const LAKE_KEYS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "S3_ENDPOINT",
  "S3_BUCKET",
] as const;
