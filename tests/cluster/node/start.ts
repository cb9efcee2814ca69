import { dirname } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { type ServerProcess, startServer } from "../../../tasks/demo/server_process.ts";
import { type Api, openApi, pathOf, resourceOf } from "../api.ts";
import { binaryPath } from "../binary.ts";
import type { ControlPlane } from "../control_plane.ts";
import { kubeconfig } from "../kubeconfig.ts";
import { apiserverFlags, controllerFlags, etcdFlags, SCHEDULER_FLAGS } from "../programs.ts";
import { isFound, loginOf, makeCertificates, stopAll, tailOfLogs } from "../starting.ts";
import { until } from "../until.ts";
import { ELSEWHERE, GATEWAY, KUBERNETES, NODE, NODE_ADDRESS, PODS, STORE } from "./addresses.ts";
import {
  containerdAnswers,
  importImage,
  removeContainers,
  takeStore,
  toolsLayout,
} from "./images.ts";
import { inNode, type Machine, runInNode } from "./machine.ts";
import { programsPath } from "./programs.ts";
import {
  containerdSettings,
  kubeletSettings,
  LOST_NODE_FLAGS,
  networkSettings,
  nodeApiserverFlags,
  POLICIES_FLAGS,
  PROXY_FLAGS,
} from "./settings.ts";

/** A control plane with one real node: pods run, and network policies apply. */
export interface RealCluster extends ControlPlane {
  readonly machine: Machine;
}

/** Milliseconds for one step of the start on a busy machine. */
const PATIENCE = 180_000;

/**
 * Starts a control plane with one real node, in an empty folder with access for this user only. The
 * cluster exits with this process, even if this process is killed. Needs root.
 *
 * @param name the name of the cluster in its kubeconfigs
 * @throws {Error} the cluster did not start; the message ends with the last lines of its logs
 */
export async function startRealCluster(folder: string, name: string): Promise<RealCluster> {
  const binary = await binaryPath();
  const programs = await programsPath();
  const store = await takeStore(dirname(binary));
  const servers: ServerProcess[] = [];
  const stop = async () => {
    await stopAll(servers);
    store[Symbol.dispose]();
    await until("the folder of the node is gone", async () => !(await exists(folder)));
  };
  try {
    const started = await start({ binary, programs, folder, name, servers, store });
    return { ...started, stop };
  } catch (error) {
    const logs = await tailOfLogs(folder);
    await stopAll(servers);
    store[Symbol.dispose]();
    await Deno.remove(folder, { recursive: true }).catch(() => {}); // usually gone with the node
    throw new Error(`Cannot start the real node: ${(error as Error).message}\n${logs}`);
  }
}

interface Starting {
  readonly binary: string;
  readonly programs: string;
  readonly folder: string;
  readonly name: string;
  readonly servers: ServerProcess[];
  readonly store: Awaited<ReturnType<typeof takeStore>>;
}

async function start(
  { binary, programs, folder, name, servers, store }: Starting,
): Promise<Omit<RealCluster, "stop">> {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {}); // after startup, the exit of a program is not an error
  const serve = (program: string, command: [string, ...string[]]) => {
    const PATH = `${programs}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const log = `${folder}/${program}.log`;
    const server = startServer({ command, log, env: { HOME: folder, PATH } });
    servers.push(server);
    server.ended.then(() => ended.reject(new Error(`${program} exited unexpectedly.`)));
  };
  const reached = (what: string, isSo: () => Promise<boolean>) =>
    Promise.race([until(what, isSo, AbortSignal.timeout(PATIENCE)), ended.promise]);

  await makeCertificates(binary, folder, NODE, NODE_ADDRESS, KUBERNETES);
  serve("machine", [binary, "machine", ...machineFlags(folder)]);
  await reached("the namespaces are ready", () => exists(`${folder}/machine.json`));
  const machine: Machine = JSON.parse(await Deno.readTextFile(`${folder}/machine.json`));
  await writeSettings(folder, machine, store);
  // A pull would wait for a name server of this machine, which the node does not reach.
  await runInNode(machine, ["sh", "-euc", HIDE_NAME_SERVERS, "sh", `${folder}/resolv.conf`]);
  const run = (program: string, command: readonly string[]) =>
    serve(program, inNode(machine, command));

  // The way in is the only one: an address of this machine for the API server.
  const network = `/proc/${machine.pid}/ns/net`;
  serve("forward", [binary, "forward", `--to-network=${network}`, "--dial=127.0.0.1:6443"]);
  run("etcd", [binary, "etcd", ...etcdFlags(folder)]);
  run("apiserver", [binary, "apiserver", ...apiserverFlags(folder), ...nodeApiserverFlags(folder)]);
  run("containerd", [`${programs}/containerd`, `--config=${folder}/containerd.toml`]);

  const target = { machine, programs };
  await reached("containerd answers", () => containerdAnswers(target));
  await removeContainers(target);
  await importImage(target, await toolsLayout(programs));

  let address = "";
  await reached("the way to the API server is open", async () => {
    address = (await Deno.readTextFile(`${folder}/forward.log`)).trim();
    return address !== "";
  });
  const admin = await loginOf(folder, "admin", name, `https://${address}`);
  using api = openApi(admin);
  await reached("the API server is ready", () => isFound(api, "/readyz"));
  const client = `--kubeconfig=${folder}/admin.kubeconfig`;
  const flags = [...controllerFlags(folder), ...LOST_NODE_FLAGS];
  run("controller-manager", [binary, "controller-manager", client, ...flags]);
  run("scheduler", [binary, "scheduler", client, ...SCHEDULER_FLAGS]);
  run("kubelet", [binary, "kubelet", ...kubeletFlags(folder)]);
  const named = `--hostname-override=${NODE}`;
  run("proxy", [binary, "proxy", client, named, ...PROXY_FLAGS]);
  await reached("the node is registered", () => isFound(api, `/api/v1/nodes/${NODE}`));
  const accounts = "/api/v1/namespaces/default/serviceaccounts/default";
  await reached("the controllers work", () => isFound(api, accounts));
  // A connection from before the rules for Services would only time out.
  await reached("Services have rules", () => hasServiceRules(machine));
  // It rewrites a table of rules as a whole, and would remove what kube-proxy writes meanwhile.
  run("policies", [binary, "policies", client, named, ...POLICIES_FLAGS]);
  await applyDns(api);
  await reached("the node is ready", () => isNodeReady(api));
  await reached("the DNS is ready", () => isDnsReady(api));
  return { admin, folder, machine, ended: ended.promise.catch(() => {}) };
}

const HIDE_NAME_SERVERS = '[ ! -e /etc/resolv.conf ] || mount --bind "$1" /etc/resolv.conf';

function machineFlags(folder: string): string[] {
  return [
    `--folder=${folder}`,
    `--name=${NODE}`,
    `--address=${NODE_ADDRESS}`,
    `--gateway=${GATEWAY}`,
    `--outside=${STORE},${ELSEWHERE}`,
    `--pods=${PODS}`,
  ];
}

function kubeletFlags(folder: string): string[] {
  return [
    `--config=${folder}/kubelet.yaml`,
    `--kubeconfig=${folder}/node.kubeconfig`,
    `--cert-dir=${folder}/kubelet/pki`,
    `--hostname-override=${NODE}`,
    `--node-ip=${NODE_ADDRESS}`,
    "--node-labels=robson.io/pool=analytics",
    "--cpus=8", // the jobs request more than a small machine has
  ];
}

async function writeSettings(
  folder: string,
  { cgroup }: Machine,
  store: Starting["store"],
): Promise<void> {
  const write = (file: string, text: string) =>
    Deno.writeTextFile(`${folder}/${file}`, text, { mode: 0o600 });
  await Deno.mkdir(`${folder}/cni`);
  const images = { folder, images: store.folder, snapshotter: store.snapshotter };
  await write("containerd.toml", containerdSettings(images));
  await write("cni/10-pods.conflist", networkSettings(folder));
  await write("kubelet.yaml", kubeletSettings(folder, cgroup));
  await write("resolv.conf", ""); // the node knows no names but the cluster's
  for (const user of ["admin", "node"]) {
    const login = await loginOf(folder, user, user, "https://127.0.0.1:6443");
    await write(`${user}.kubeconfig`, kubeconfig(login));
  }
}

async function applyDns(api: Api): Promise<void> {
  const text = await Deno.readTextFile(new URL("dns.yaml", import.meta.url));
  const resources = await api.resources();
  for (const document of parseAllDocuments(text)) {
    const object: KubeObject = document.toJS();
    const path = pathOf(resourceOf(resources, object), object.metadata.namespace);
    await api.call("POST", path, object);
  }
}

async function hasServiceRules(machine: Machine): Promise<boolean> {
  const command = ["timeout", "1", "bash", "-c", `: </dev/tcp/${KUBERNETES}/443`];
  return await runInNode(machine, command).then(() => true, () => false);
}

async function isNodeReady(api: Api): Promise<boolean> {
  const { status } = await api.get(`/api/v1/nodes/${NODE}`);
  const conditions: { type: string; status: string }[] = status.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

async function isDnsReady(api: Api): Promise<boolean> {
  const { status } = await api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns");
  return status.readyReplicas === 1;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
