import {
  bucketName,
  type DatabaseConfig,
  databaseName,
  type LakeConfig,
} from "../../pipeline/config.ts";
import type { ClusterConfig } from "../../pipeline/cluster/locate_kubeconfig.ts";
import { shellQuote } from "../../pipeline/shell.ts";
import { version } from "../overview.ts";
import type { About } from "../report/content.ts";

/** What a command looks at. Without a value, it did not look there. */
export interface LookedAt {
  /** The directory of the manifests. */
  readonly manifests?: string | undefined;
  readonly cluster?: ClusterConfig | undefined;
  /** The database, or words for a login that is read later. */
  readonly database?: DatabaseConfig | string | undefined;
  readonly lake?: LakeConfig | string | undefined;
}

/**
 * Returns what the top of a report says about its command. No flag has a secret.
 *
 * @param args the arguments of the process: the command and its flags
 */
export function aboutOf(lookedAt: LookedAt, args: readonly string[] = Deno.args): About {
  return {
    commandLine: ["deno task", ...args.map(shellQuote)].join(" "),
    version: version(),
    lookedAt: placesOf(lookedAt),
  };
}

function placesOf({ manifests, cluster, database, lake }: LookedAt): About["lookedAt"] {
  const names = [
    ["manifests", manifests === "-" ? "the standard input" : manifests],
    ["cluster", cluster && clusterName(cluster)],
    ["database", database && nameOfDatabase(database)],
    ["lake", lake && lakeName(lake)],
  ] as const;
  return names.flatMap(([what, name]) => name === undefined ? [] : [[what, name] as const]);
}

function clusterName(cluster: ClusterConfig): string {
  if (cluster.kind === "in-cluster") return `${cluster.server}, the cluster of this pod`;
  const context = cluster.context === undefined
    ? "the current context"
    : `context ${cluster.context}`;
  return `${context} of ${cluster.files.join(", ")}`;
}

function nameOfDatabase(database: DatabaseConfig | string): string {
  if (typeof database === "string") return database;
  return databaseName(database) + (database.table === undefined ? "" : `, ${database.table}`);
}

function lakeName(lake: LakeConfig | string): string {
  if (typeof lake === "string") return lake;
  return lake.kind === "directory" ? lake.path : bucketName(lake);
}
