import { dirname } from "node:path";
import { parseAllDocuments } from "yaml";
import type { DatabaseConfig, S3Config } from "../../../pipeline/config.ts";
import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { type ServerProcess, startServer } from "../../../tasks/demo/server_process.ts";
import { startRgw } from "../../support/ceph_rgw.ts";
import { guardedFolder } from "../../support/guarded_folder.ts";
import { commandOf, environmentOf, ROOT, type TaskOutcome } from "../../support/task.ts";
import { type Api, openApi, pathOf, resourceOf } from "../api.ts";
import { binaryPath } from "../binary.ts";
import type { Kept } from "../kept.ts";
import { kubeconfig } from "../kubeconfig.ts";
import { until } from "../until.ts";
import { NODE_ADDRESS, STORE } from "./addresses.ts";
import { type ImageTarget, importImage } from "./images.ts";
import { archiveOf, layersPath, writeJobsImage, writePostgresImage } from "./images/layouts.ts";
import { type Machine, outsideNode } from "./machine.ts";
import { programsPath } from "./programs.ts";

// Production on a real node, without what the manifests create: Robson with its Postgres, the object
// store at its name outside the cluster, and an operator out there.

const BUCKET = "rbs";
const NAMESPACES = ["analytics-jobs", "robson"];
/** Milliseconds for one step on a busy machine. */
const PATIENCE = 180_000;

/** Production on a real node. Stopped on disposal; the objects in the cluster stay. */
export interface Production extends AsyncDisposable {
  /** The outbox's database, at an address of this machine. It has no table. */
  readonly database: DatabaseConfig;
  /** The lake, at an address of this machine. It is an empty bucket. */
  readonly lake: S3Config;
  /** The variables that `deno task secrets` stores. */
  readonly secrets: Readonly<Record<string, string>>;
  /**
   * Runs a task as an operator does who is outside the cluster: the API server, the object store by
   * its name, and nothing else can be reached from there. `KUBECONFIG` is set.
   */
  operate(
    task: string,
    args?: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<TaskOutcome>;
  /** Runs a text as such an operator does, in a shell with a terminal. Questions get the answer y. */
  shell(text: string, env?: Readonly<Record<string, string>>): Promise<TaskOutcome>;
}

/** A running cluster with a real node. */
export interface ProductionNode extends Kept {
  readonly machine: Machine;
}

/**
 * Makes a real node production, without the image of the Jobs. Removes what an earlier production
 * left in the cluster. The process that calls this ends the servers when it ends.
 */
export async function startProduction(node: ProductionNode): Promise<Production> {
  const folder = await guardedFolder("production-");
  const servers: ServerProcess[] = [];
  const store = await startRgw();
  const stop = async () => {
    for (const server of servers) await server.stop();
    await store.stop();
    await Deno.remove(folder, { recursive: true });
  };
  try {
    const binary = await binaryPath();
    const listen = async (name: string, ...flags: string[]): Promise<string> => {
      const log = `${folder}/${name}.log`;
      servers.push(startServer({ command: [binary, "forward", ...flags], log }));
      let address = "";
      await until(`the way ${name} is open`, async () => {
        address = /^[\d.]+:\d+$/m.exec(await Deno.readTextFile(log))?.[0] ?? "";
        return address !== "";
      });
      return address;
    };
    await removeNamespaces(node);
    await writePostgresImage(`${folder}/postgres`);
    await importImage(await targetOf(node), `${folder}/postgres`);
    const password = crypto.randomUUID();
    const clusterAddress = await startRobson(node, password);
    const port = (await listen(
      "to the database",
      `--to-network=/proc/${node.machine.pid}/ns/net`,
      `--dial=${clusterAddress}:5432`,
    )).split(":")[1];
    const lake = await store.createBucket(BUCKET);
    const tls = `${await layersPath()}/tls`;
    await listen(
      "to the store",
      `--from-network=${node.machine.outside}`,
      `--listen=${STORE}:443`,
      `--tls-cert-file=${tls}/store.crt`,
      `--tls-private-key-file=${tls}/store.key`,
      `--dial=${new URL(lake.endpoint).host}`,
    );
    const endpoint = await storeName();
    const database = { name: "rbsdb", user: "robson", password };
    return {
      database: { host: "127.0.0.1", port: Number(port), ...database },
      lake,
      secrets: {
        DJANGO_DB_HOST: "paradedb.robson.svc.cluster.local",
        DJANGO_DB_NAME: database.name,
        DJANGO_DB_USER: database.user,
        DJANGO_DB_PASSWORD: password,
        S3_ENDPOINT: endpoint,
        S3_BUCKET: BUCKET,
        AWS_ACCESS_KEY_ID: lake.accessKeyId,
        AWS_SECRET_ACCESS_KEY: lake.secretAccessKey,
      },
      ...await operator(node, folder, new URL(endpoint).host),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Imports the image of the Jobs. Returns the path of an archive with the image, for
 * `--image-archive`.
 *
 * @param folder an existing folder for the image
 */
export async function importJobsImage(node: ProductionNode, folder: string): Promise<string> {
  await writeJobsImage(`${folder}/jobs`);
  await importImage(await targetOf(node), `${folder}/jobs`);
  return await archiveOf(`${folder}/jobs`);
}

async function targetOf({ machine }: ProductionNode): Promise<ImageTarget> {
  return { machine, programs: await programsPath() };
}

/** Removes the namespaces of an earlier production, and waits until they are gone. */
async function removeNamespaces({ admin }: ProductionNode): Promise<void> {
  using api = openApi(admin);
  for (const path of NAMESPACES.map((name) => `/api/v1/namespaces/${name}`)) {
    const isGone = async (method: string) => {
      const response = await api.send(method, path);
      await response.body?.cancel();
      return response.status === 404;
    };
    if (await isGone("DELETE")) continue;
    await until(`${path} is gone`, () => isGone("GET"), AbortSignal.timeout(PATIENCE));
  }
}

/** Creates Robson, and waits until its Postgres accepts connections. Returns the Service's address. */
async function startRobson({ admin }: ProductionNode, password: string): Promise<string> {
  using api = openApi(admin);
  const text = await Deno.readTextFile(new URL("robson.yaml", import.meta.url));
  const [namespace, ...others] = parseAllDocuments(text).map((each): KubeObject => each.toJS());
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "paradedb", namespace: "robson" },
    stringData: { password },
  };
  for (const object of [namespace!, secret, ...others]) await create(api, object);
  await until("Postgres is ready", async () => {
    const { status } = await api.get("/apis/apps/v1/namespaces/robson/statefulsets/paradedb");
    return status.readyReplicas === 1;
  }, AbortSignal.timeout(PATIENCE));
  const { spec } = await api.get("/api/v1/namespaces/robson/services/paradedb");
  return spec.clusterIP;
}

async function create(api: Api, object: KubeObject): Promise<void> {
  const resource = resourceOf(await api.resources(), object);
  await api.call("POST", pathOf(resource, object.metadata.namespace), object);
}

/** Returns the object store's address in the template of the Secrets. */
async function storeName(): Promise<string> {
  const template = new URL("manifests/templates/secrets.yaml.example", ROOT);
  const [, address] = /S3_ENDPOINT: '([^']+)'/.exec(await Deno.readTextFile(template)) ?? [];
  if (address === undefined) throw new Error(`${template.pathname} has no S3_ENDPOINT.`);
  return address;
}

// The operator has the network outside the node, and names of their own.
const OPERATE = 'mount --bind "$1" /etc/hosts; shift; exec "$@"';

async function operator(
  { admin, machine }: ProductionNode,
  folder: string,
  store: string,
): Promise<Pick<Production, "operate" | "shell">> {
  const hosts = `${folder}/hosts`;
  await Deno.writeTextFile(hosts, `127.0.0.1 localhost\n${STORE} ${store}\n`);
  const login = `${folder}/kubeconfig`;
  const server = `https://${NODE_ADDRESS}:6443`;
  await Deno.writeTextFile(login, kubeconfig({ ...admin, server }), { mode: 0o600 });
  const ca = `${await layersPath()}/tls/ca.crt`;
  const run = async (
    words: readonly string[],
    env: Readonly<Record<string, string>>,
    input?: string,
  ): Promise<TaskOutcome> => {
    const inside = ["unshare", "--mount", "sh", "-euc", OPERATE, "sh", hosts];
    const [program, ...args] = outsideNode(machine, [...inside, ...words]);
    const child = new Deno.Command(program, {
      args,
      cwd: ROOT,
      clearEnv: true,
      env: environmentOf({ KUBECONFIG: login, DENO_CERT: ca, NO_COLOR: "1", ...env }),
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (input !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(input));
      await writer.close();
    }
    const { code, signal, stdout, stderr } = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, signal, stdout: text(stdout), stderr: text(stderr) };
  };
  const PATH = `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`;
  return {
    operate: (task, args = [], env = {}) => run(commandOf(task, args), env),
    shell: (text, env = {}) => run(["script", "-qec", text, "/dev/null"], { ...env, PATH }, "y\n"),
  };
}
