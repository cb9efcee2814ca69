import { freePort } from "../../tasks/demo/free_port.ts";
import { type ServerProcess, startServer } from "../../tasks/demo/server_process.ts";
import { guardedFolder } from "./guarded_folder.ts";
import type { ObjectStore } from "./object_store.ts";
import { signedFetch } from "./sigv4.ts";

/** Debian packages that contain the programs. */
export const REQUIRED_PACKAGES = "ceph-mon ceph-osd ceph-common radosgw";

const PROGRAMS = [
  "ceph",
  "ceph-authtool",
  "ceph-mon",
  "ceph-osd",
  "monmaptool",
  "radosgw",
  "radosgw-admin",
];
/** Deadline for the start of a cluster in milliseconds. A normal start takes about 3 s. */
const START_DEADLINE = 180_000;
const USER = { region: "us-east-1", accessKeyId: "SUITEKEY", secretAccessKey: "suite/secret+key" };

/** Returns true if this machine can start a Ceph RGW. */
export function rgwInstalled(): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return PROGRAMS.every((program) => folders.some((folder) => isFile(`${folder}/${program}`)));
}

/**
 * Starts a Ceph cluster with one monitor, one in-memory OSD and one RGW on free ports of 127.0.0.1.
 * The cluster exits with this process, even if this process is killed.
 *
 * @throws {Error} the cluster did not start; the message ends with the last lines of the daemons'
 * logs
 */
export async function startRgw(): Promise<ObjectStore> {
  for (let attempt = 1;; attempt++) {
    const dir = await guardedFolder("ceph-rgw-");
    const daemons: ServerProcess[] = [];
    try {
      return await startCluster(dir, daemons);
    } catch (error) {
      const logs = await tailOfLogs(dir);
      await stopAll(daemons, dir);
      // Another process can take a free port before a daemon does.
      if (attempt < 3 && /in use|unable to bind/i.test(logs)) continue;
      throw new Error(`Cannot start Ceph RGW: ${(error as Error).message}\n${logs}`);
    }
  }
}

async function startCluster(dir: string, daemons: ServerProcess[]): Promise<ObjectStore> {
  const monPort = freePort();
  const rgwPort = freePort();
  const env = { CEPH_CONF: `${dir}/ceph.conf` };
  const deadline = AbortSignal.timeout(START_DEADLINE);
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {}); // after startup, the exit of a daemon is not an error

  const run = async (program: string, ...args: string[]) => {
    const command = new Deno.Command(program, { args, env, cwd: dir, signal: deadline });
    const { success, stdout, stderr } = await Promise.race([command.output(), ended.promise]);
    if (success) return new TextDecoder().decode(stdout).trim();
    const said = deadline.aborted ? "took too long" : new TextDecoder().decode(stderr).slice(-800);
    throw new Error(`${program} ${args.join(" ").slice(0, 60)}: ${said}`);
  };
  const start = (...command: [string, ...string[]]) => {
    const [program] = command;
    // The gateway exits last, so it removes the folder if this process is killed.
    const remove = program === "radosgw" ? { remove: dir } : {};
    const daemon = startServer({ command, log: `${dir}/${program}.out`, env, ...remove });
    daemons.push(daemon);
    daemon.ended.then(() => ended.reject(new Error(`${program} exited unexpectedly.`)));
  };

  const cluster = crypto.randomUUID();
  const osd = crypto.randomUUID();
  await Deno.mkdir(`${dir}/mon`);
  await Deno.mkdir(`${dir}/osd`);
  await Deno.writeTextFile(`${dir}/ceph.conf`, configuration(dir, cluster, monPort, rgwPort));
  await Deno.writeTextFile(
    `${dir}/keyring`,
    keyring(await run("ceph-authtool", "--gen-print-key")),
  );
  await run("monmaptool", "--create", "--fsid", cluster, "--add", "a", at(monPort), "monmap");
  await run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring");
  start("ceph-mon", "-f", "-i", "a");
  await run("ceph", "osd", "new", osd);
  await run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd);
  start("ceph-osd", "-f", "-i", "0");
  const keys = [`--access-key=${USER.accessKeyId}`, `--secret=${USER.secretAccessKey}`];
  const suite = ["--uid=suite", "--display-name=suite", ...keys];
  await run("radosgw-admin", "-n", "client.rgw", "user", "create", ...suite);
  start("radosgw", "-f", "-n", "client.rgw");
  const endpoint = `http://${at(rgwPort)}`;
  await Promise.race([answers(endpoint, deadline), ended.promise]);

  const config = { endpoint, ...USER };
  return {
    name: "Ceph RGW",
    config,
    async createBucket(bucket) {
      const response = await signedFetch(config, "PUT", new URL(`${endpoint}/${bucket}`));
      const text = await response.text();
      if (!response.ok) throw new Error(`Cannot create the bucket ${bucket}: ${text}`);
      return { kind: "s3", bucket, ...config };
    },
    stop: () => stopAll(daemons, dir),
  };
}

async function stopAll(daemons: readonly ServerProcess[], dir: string): Promise<void> {
  for (const daemon of daemons.toReversed()) await daemon.stop(); // the gateway needs the other daemons to exit cleanly
  await Deno.remove(dir, { recursive: true }).catch(() => {});
}

async function answers(endpoint: string, deadline: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const response = await fetch(endpoint, { signal: deadline });
      await response.body?.cancel();
      return;
    } catch {
      if (deadline.aborted) throw new Error(`${endpoint} does not answer.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function configuration(dir: string, cluster: string, monPort: number, rgwPort: number): string {
  return `[global]
fsid = ${cluster}
mon host = ${at(monPort)}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = ${dir}/keyring
run dir = ${dir}
admin socket =
pid file =
log file = ${dir}/$name.log
crash dir = ${dir}
mon data = ${dir}/mon
osd data = ${dir}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
paxos propose interval = 0.05
rgw frontends = beast endpoint=${at(rgwPort)}
`;
}

/** All daemons share one key, which is enough for a cluster on loopback in one test run. */
function keyring(key: string): string {
  return `[mon.]
key = ${key}
caps mon = "allow *"
[client.admin]
key = ${key}
caps mon = "allow *"
caps osd = "allow *"
[osd.0]
key = ${key}
caps mon = "allow profile osd"
caps osd = "allow *"
[client.rgw]
key = ${key}
caps mon = "allow rwx"
caps osd = "allow rwx"
`;
}

function at(port: number): string {
  return `127.0.0.1:${port}`;
}

async function tailOfLogs(dir: string): Promise<string> {
  const tails: string[] = [];
  for (const entry of await Array.fromAsync(Deno.readDir(dir))) {
    if (!/\.(log|out)$/.test(entry.name)) continue;
    const text = await Deno.readTextFile(`${dir}/${entry.name}`);
    if (text !== "") tails.push(`--- ${entry.name}\n${text.slice(-1500)}`);
  }
  return tails.join("\n");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
