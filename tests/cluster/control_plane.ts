import { freePort } from "../../tasks/demo/free_port.ts";
import { type ServerProcess, startServer } from "../../tasks/demo/server_process.ts";
import { openApi } from "./api.ts";
import { binaryPath } from "./binary.ts";
import { type Access, kubeconfig } from "./kubeconfig.ts";
import type { Machine } from "./node/machine.ts";
import { apiserverFlags, controllerFlags, etcdFlags, SCHEDULER_FLAGS } from "./programs.ts";
import { theNodes } from "./setup.ts";
import { isFound, loginOf, makeCertificates, stopAll, tailOfLogs } from "./starting.ts";
import { rememberOwn } from "./state.ts";
import { until } from "./until.ts";

/** A running control plane: everything in a cluster except machines. */
export interface ControlPlane {
  /** Credentials of the administrator, with a client certificate. */
  readonly admin: Access;
  /** The control plane's own folder, removed when it stops. */
  readonly folder: string;
  /** The real node; undefined if all nodes are simulated. */
  readonly machine?: Machine;
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

  await makeCertificates(binary, folder);
  const port = freePort();
  const admin = await loginOf(folder, "admin", name, `https://127.0.0.1:${port}`);
  await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfig(admin), { mode: 0o600 });
  run("etcd", ...etcdFlags(folder));
  run("apiserver", ...apiserverFlags(folder), ...addressFlags(port));
  using api = openApi(admin);
  const answers = (path: string) =>
    Promise.race([until(`${path} answers`, () => isFound(api, path)), ended.promise]);
  await answers("/readyz");
  const client = `--kubeconfig=${folder}/kubeconfig`;
  const controllers = `--controllers=${CONTROLLERS.join(",")}`;
  run("controller-manager", client, controllers, ...controllerFlags(folder));
  run("scheduler", client, ...SCHEDULER_FLAGS);
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

function addressFlags(port: number): string[] {
  return [
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none", // an endpoint must not be a loopback address
    "--authorization-mode=RBAC",
  ];
}
