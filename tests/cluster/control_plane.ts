import { type ServerProcess, startServer } from "../../tasks/demo/server_process.ts";
import { type Api, openApi } from "./api.ts";
import { binaryPath } from "./binary.ts";
import { type Access, kubeconfig } from "./kubeconfig.ts";
import { theNodes } from "./setup.ts";
import { rememberOwn } from "./state.ts";
import { until } from "./until.ts";

/** A running control plane: everything in a cluster except machines. */
export interface ControlPlane {
  /** Credentials of the administrator, with a client certificate. */
  readonly admin: Access;
  /** The control plane's own folder, removed when it stops. */
  readonly folder: string;
  /** Resolves when one of its programs has exited, for any reason. */
  readonly ended: Promise<void>;
  /** Stops the control plane. */
  stop(): Promise<void>;
}

/** The controllers that the suite needs. The others would only use CPU time. */
const CONTROLLERS = [
  "clusterrole-aggregation",
  "cronjob",
  "daemonset",
  "deployment",
  "endpoints",
  "endpointslice",
  "garbage-collector",
  "job",
  "namespace",
  "pod-garbage-collector",
  "replicaset",
  "resourcequota",
  "root-ca-certificate-publisher",
  "serviceaccount",
  "serviceaccount-token",
  "statefulset",
  "ttl-after-finished",
].map((name) => `${name}-controller`);

/**
 * Starts a control plane with two nodes, on a free port of 127.0.0.1, in an empty folder with
 * access for this user only. Takes about 4 s. The control plane exits with this process, even if
 * this process is killed.
 *
 * @param name the name of the cluster in its kubeconfigs
 * @throws {Error} the control plane did not start; the message ends with the last lines of its logs
 */
export async function startControlPlane(folder: string, name: string): Promise<ControlPlane> {
  const binary = await binaryPath();
  for (let attempt = 1;; attempt++) {
    const servers: ServerProcess[] = [];
    try {
      return await start({ binary, folder, name, servers });
    } catch (error) {
      const logs = await tailOfLogs(folder);
      await stopAll(servers);
      await Deno.remove(folder, { recursive: true }).catch(() => {}); // etcd may not have created it
      // Another process can take the free port before the server does.
      const isTaken = attempt < 3 && /address already in use/.test(logs);
      if (!isTaken) {
        throw new Error(`Cannot start the control plane: ${(error as Error).message}\n${logs}`);
      }
      await Deno.mkdir(folder, { mode: 0o700 });
    }
  }
}

interface Starting {
  readonly binary: string;
  readonly folder: string;
  readonly name: string;
  readonly servers: ServerProcess[];
}

async function start({ binary, folder, name, servers }: Starting): Promise<ControlPlane> {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {}); // after startup, the exit of a program is not an error
  const run = (program: string, ...flags: string[]) => {
    const server = startServer({
      command: [binary, program, ...flags],
      log: `${folder}/${program}.log`,
      // The other programs use files of the folder only once etcd is running.
      ...(program === "etcd" ? { remove: folder } : {}),
      env: { HOME: folder }, // without HOME, kwok would read the user's own settings
    });
    servers.push(server);
    server.ended.then(() => ended.reject(new Error(`${program} exited unexpectedly.`)));
  };

  await certificates(binary, folder);
  const port = freePort();
  const admin = await administrator(folder, name, `https://127.0.0.1:${port}`);
  await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfig(admin), { mode: 0o600 });
  run("etcd", ...etcdFlags(folder));
  run("apiserver", ...apiserverFlags(folder, port));
  using api = openApi(admin);
  const answers = (path: string) =>
    Promise.race([until(`${path} answers`, () => isFound(api, path)), ended.promise]);
  await answers("/readyz");
  const client = `--kubeconfig=${folder}/kubeconfig`;
  run("controller-manager", client, ...controllerFlags(folder));
  run("scheduler", client, "--leader-elect=false", "--secure-port=0");
  const stages = new URL("stages.yaml", import.meta.url).pathname;
  run("kwok", client, `--config=${stages}`, "--manage-all-nodes=true", "--node-port=0");
  for (const node of await theNodes()) await api.call("POST", "/api/v1/nodes", node);
  await answers("/api/v1/namespaces/default/serviceaccounts/default"); // exists once the controllers work
  await rememberOwn({ admin, folder });
  return {
    admin,
    folder,
    ended: ended.promise.catch(() => {}),
    stop: () => stopAll(servers),
  };
}

async function certificates(binary: string, folder: string): Promise<void> {
  const made = await new Deno.Command(binary, { args: ["certificates", folder] }).output();
  if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
}

async function administrator(folder: string, name: string, server: string): Promise<Access> {
  const read = (file: string) => Deno.readTextFile(`${folder}/${file}`);
  const [ca, certificate, key] = await Promise.all(["ca.crt", "admin.crt", "admin.key"].map(read));
  return { name, server, ca: ca!, login: { certificate: certificate!, key: key! } };
}

/**
 * Clients connect over a socket in the folder, which only this user can enter. There are no peers.
 */
function etcdFlags(folder: string): string[] {
  return [
    "--name=only",
    `--data-dir=${folder}/etcd`,
    `--listen-client-urls=unix://${folder}/etcd.sock`,
    "--advertise-client-urls=http://127.0.0.1:0",
    "--listen-peer-urls=http://127.0.0.1:0",
    "--initial-advertise-peer-urls=http://127.0.0.1:0",
    "--initial-cluster=only=http://127.0.0.1:0",
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

/** The Service range is that of k3s, as manifests/ expects. */
function apiserverFlags(folder: string, port: number): string[] {
  return [
    `--etcd-servers=unix://${folder}/etcd.sock`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none", // an endpoint must not be a loopback address
    `--tls-cert-file=${folder}/server.crt`,
    `--tls-private-key-file=${folder}/server.key`,
    `--client-ca-file=${folder}/ca.crt`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-signing-key-file=${folder}/accounts.key`,
    `--service-account-key-file=${folder}/accounts.pub`,
    "--service-cluster-ip-range=10.43.0.0/16",
    // This plugin taints new nodes until a kubelet reports to a controller.
    "--disable-admission-plugins=TaintNodesByCondition",
    "--enable-priority-and-fairness=false",
    "--profiling=false",
  ];
}

function controllerFlags(folder: string): string[] {
  return [
    `--controllers=${CONTROLLERS.join(",")}`,
    `--service-account-private-key-file=${folder}/accounts.key`,
    `--root-ca-file=${folder}/ca.crt`,
    "--leader-elect=false",
    "--secure-port=0",
    "--profiling=false",
  ];
}

async function isFound(api: Api, path: string): Promise<boolean> {
  const response = await api.send("GET", path);
  await response.body?.cancel();
  return response.ok;
}

async function stopAll(servers: readonly ServerProcess[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function tailOfLogs(folder: string): Promise<string> {
  const tails: string[] = [];
  for (const entry of await Array.fromAsync(Deno.readDir(folder)).catch(() => [])) {
    if (!entry.name.endsWith(".log")) continue;
    const text = await Deno.readTextFile(`${folder}/${entry.name}`);
    if (text !== "") tails.push(`--- ${entry.name}\n${text.slice(-1500)}`);
  }
  return tails.join("\n");
}
