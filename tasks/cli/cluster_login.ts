import {
  type DatabaseConfig,
  databaseConfig,
  type LakeConfig,
  lakeConfig,
} from "../../pipeline/config.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import type { FailureReporter } from "./failure.ts";
import { choice, type Flags } from "./flags.ts";
import { advisePortForward } from "./port_forward_advice.ts";
import { CLUSTER_FLAGS, CLUSTER_FLAGS_HELP, requiredCluster } from "./platform_options.ts";
import { SOURCE_CHOICES } from "./source_flags.ts";

/** The flags of a command that can log in as the Jobs of the cluster do. */
export const LOGIN_FLAGS = {
  values: [...CLUSTER_FLAGS, "credentials"],
  switches: ["port-forward"],
  choices: SOURCE_CHOICES,
} as const;

/** The lines of a `--help` about them. */
export const LOGIN_HELP = `
  --credentials cluster  log in to database and lake with the values of the cluster's Secrets
  --port-forward         connect to the database through the cluster
${CLUSTER_FLAGS_HELP}`.slice(1);

/** The database and the lake of a command. */
export interface Login {
  /** The database, at the address where this machine reaches it; undefined if none is read. */
  readonly database: DatabaseConfig | undefined;
  /** The same database with the name of its host, for people. */
  readonly named: DatabaseConfig | undefined;
  readonly lake: LakeConfig;
  /** Whether this process forwards a port to the database. */
  readonly forwards: boolean;
}

/** Returns a reporter that also hides the secrets of a login. */
export function hidingLogin(
  reporter: FailureReporter,
  { database, lake }: Pick<Login, "database" | "lake">,
): FailureReporter {
  const keys = lake.kind === "directory"
    ? []
    : [lake.accessKeyId, lake.secretAccessKey, lake.sessionToken];
  const own = [database?.password, ...keys].filter((each) => each !== undefined);
  return { ...reporter, secrets: [...reporter.secrets, ...own] };
}

/**
 * Returns whether the flags of a command ask for a login with the help of the cluster.
 *
 * @throws {Failure} configuration: they choose a cluster, and ask for no login with its help
 */
export function usesCluster(flags: Flags): boolean {
  if (flags.value("credentials") === "cluster" || flags.on("port-forward")) return true;
  const given = CLUSTER_FLAGS.find((name) => flags.value(name) !== undefined);
  if (given === undefined) return false;
  throw new Failure({
    kind: "configuration",
    task: `use --${given}`,
    problem: "without --credentials cluster or --port-forward, the command uses no cluster",
    remedy: `Add one of them, or leave out --${given}.`,
  });
}

/**
 * Runs `use` with the login that the flags ask for: through the cluster, or that of the environment.
 *
 * @param options.needsDatabase whether the environment must have a login for the database
 * @throws {Failure} the failure of `use`; a variable or a Secret is missing; the cluster does not answer
 */
export async function withLogin<T>(
  flags: Flags,
  project: Project | undefined,
  use: (login: Login) => Promise<T>,
  { needsDatabase }: { readonly needsDatabase: boolean },
): Promise<T> {
  if (usesCluster(flags)) return await withClusterLogin(flags, project, use);
  const database = needsDatabase
    ? advisePortForward(databaseConfig(undefined, project))
    : undefined;
  const lake = lakeConfig(undefined, project);
  return await use({ database, named: database, lake, forwards: false });
}

/**
 * Runs `use` with the login of the environment, or that of the cluster's Secrets, and if asked through
 * a port of this process that is forwarded to the database.
 *
 * @throws {Failure} the failure of `use`; a variable or a Secret is missing; the cluster does not answer
 */
export async function withClusterLogin<T>(
  flags: Flags,
  project: Project | undefined,
  use: (login: Login) => Promise<T>,
): Promise<T> {
  const { signal } = new AbortController(); // Ctrl-C ends the process, and the port forward with it
  const credentials = choice(flags, "credentials", SOURCE_CHOICES.credentials);
  const portForward = flags.on("port-forward");
  const cluster = requiredCluster(flags, "log in through the cluster");
  const [{ openCluster }, { readLogins }, { throughCluster }] = await Promise.all([
    load<typeof import("../../pipeline/cluster/open.ts")>("../../pipeline/cluster/open.ts"),
    load<typeof import("../spark/logins.ts")>("../spark/logins.ts"),
    load<typeof import("./through_cluster.ts")>("./through_cluster.ts"),
  ]);
  const read = async () => {
    if (credentials === "environment") {
      return { named: databaseConfig(undefined, project), lake: lakeConfig(undefined, project) };
    }
    const opened = await openCluster(cluster);
    try {
      const logins = await readLogins(
        opened,
        { credentials, portForward, project },
        cluster,
        signal,
      );
      return { named: logins.database(), lake: logins.lake() };
    } finally {
      opened.close();
    }
  };
  const { named, lake } = await read();
  const way = { cluster, portForward };
  return await throughCluster(
    way,
    named,
    signal,
    (database) => use({ database, named, lake, forwards: database.host !== named.host }),
  );
}

/**
 * Loads a module. With a literal `import()`, Deno would read the module and all its imports at the
 * start of each command.
 */
function load<M>(specifier: string): Promise<M> {
  return import(specifier);
}
