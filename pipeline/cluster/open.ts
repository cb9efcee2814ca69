import { join } from "node:path";
import { Failure } from "../errors.ts";
import { type Access, accessOf, inShell } from "./access.ts";
import { clusterOf } from "./api.ts";
import type { Cluster } from "./cluster.ts";
import { connect } from "./connection.ts";
import { mergeKubeconfigs, parseKubeconfig } from "./kubeconfig.ts";
import type { ClusterConfig, InCluster, KubeconfigFiles } from "./locate_kubeconfig.ts";

/** How a cluster is asked. */
export interface OpenOptions {
  /** How many objects a page of a list has. */
  readonly pageSize?: number;
}

/** As many as kubectl asks for. */
const PAGE_SIZE = 500;

/**
 * Opens a cluster. Its server is not asked for anything, and nobody logs in, before the first request.
 *
 * @throws {Failure} configuration: the kubeconfig is missing, broken, or has no such context
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
    return { ...access, whoami: `${access.whoami} --kubeconfig ${inShell(files.join(":"))}` };
  }
  throw new Failure({
    kind: "configuration",
    task: `use the kubeconfig of ${by}`,
    problem: `there is no ${files.join(" and no ")}`,
    remedy: "Give the path of one that is there.",
  });
}

/** A file; undefined where there is none. */
async function read(file: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    const why = error instanceof Deno.errors.NotCapable
      ? "Deno was not given the permission to read it"
      : `it cannot be read (${(error as Error).name})`;
    const remedy = "Make it a file that this user may read.";
    throw new Failure({
      kind: "configuration",
      task: `use the kubeconfig ${file}`,
      problem: why,
      remedy,
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
