import { join } from "node:path";
import { Failure } from "../errors.ts";
import { shellQuote } from "../shell.ts";
import { clusterOf } from "./api.ts";
import type { Cluster } from "./cluster.ts";
import { connect } from "./connection.ts";
import { type Access, accessOf, mergeKubeconfigs, parseKubeconfig } from "./kubeconfig.ts";
import type { ClusterConfig, InCluster, KubeconfigFiles } from "./locate_kubeconfig.ts";

/** Options of a cluster. */
export interface OpenOptions {
  /** The number of objects per page of a list. */
  readonly pageSize?: number;
}

/** The page size of kubectl. */
const PAGE_SIZE = 500;

/**
 * Opens a cluster. The first request connects and logs in.
 *
 * @throws {Failure} configuration: the kubeconfig is missing or invalid, or has no such context
 */
export async function openCluster(
  config: ClusterConfig,
  { pageSize = PAGE_SIZE }: OpenOptions = {},
): Promise<Cluster> {
  const access = config.kind === "kubeconfig"
    ? await byKubeconfig(config)
    : await inCluster(config);
  const namespace = config.namespace ?? access.namespace;
  return clusterOf(connect(access), { namespace, pageSize });
}

async function byKubeconfig({ files, by, context }: KubeconfigFiles): Promise<Access> {
  const found = [];
  for (const file of files) {
    const text = await read(file);
    if (text !== undefined) found.push(parseKubeconfig(text, file));
  }
  if (found.length > 0) {
    const access = accessOf(mergeKubeconfigs(found), context);
    if (by !== "--kubeconfig") return access;
    return { ...access, whoami: `${access.whoami} --kubeconfig ${shellQuote(files.join(":"))}` };
  }
  throw new Failure({
    kind: "configuration",
    task: `use the kubeconfig from ${by}`,
    problem: `${files.join(" and ")} ${files.length === 1 ? "does" : "do"} not exist`,
    remedy: "Correct the path.",
  });
}

/** Reads a file. Returns undefined if it does not exist. */
async function read(file: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    const problem = error instanceof Deno.errors.NotCapable
      ? "Deno has no permission to read it"
      : `it cannot be read (${(error as Error).name})`;
    throw new Failure({
      kind: "configuration",
      task: `use the kubeconfig ${file}`,
      problem,
      remedy: "Allow this user to read the file.",
    });
  }
}

/** @see https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
async function inCluster({ server, serviceAccount }: InCluster): Promise<Access> {
  const namespace = await read(join(serviceAccount, "namespace"));
  return {
    context: "in-cluster",
    userName: "service account of this pod",
    file: serviceAccount,
    namespace: namespace?.trim() || "default",
    server,
    cluster: { "certificate-authority": join(serviceAccount, "ca.crt") },
    user: { tokenFile: join(serviceAccount, "token") },
    whoami: undefined,
  };
}
