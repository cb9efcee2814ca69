import process from "node:process";
import { dirname } from "node:path";
import { startControlPlane } from "./control_plane.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { type Kept, type Nodes, placeOf } from "./kept.ts";
import { startRealCluster } from "./node/start.ts";

// The process that keeps a control plane running: `keeper.ts NAME NODES [PID]`. It prints one
// line of JSON once the control plane has started, or the error if it has not. It exits on a signal,
// or when the process PID has exited.

/** Opens and locks the file of a control plane. Returns undefined if another keeper holds the lock. */
export async function lock(path: string): Promise<Deno.FsFile | undefined> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  for (let refused = 0;;) {
    const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
    if (!(await file.tryLock(true))) {
      file.close();
      // A process that only checks the lock holds it for a moment.
      if (++refused === 5) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    // The previous keeper may have removed the file after it was opened here.
    const there = await Deno.stat(path).catch(() => undefined);
    if (there !== undefined && there.ino === (await file.stat()).ino) return file;
    file.close();
  }
}

interface Keeping {
  readonly name: string;
  readonly nodes: Nodes;
  /** The process whose exit ends this one. */
  readonly pid: number | undefined;
  /** The lock file, which this process holds. */
  readonly file: Deno.FsFile;
  readonly path: string;
}

async function holdUp({ name, nodes, pid, file, path }: Keeping): Promise<void> {
  await file.truncate();
  const folder = await Deno.makeTempDir({ prefix: "control-plane-" });
  const start = nodes === "real" ? startRealCluster : startControlPlane;
  const plane = await start(folder, name);
  const config = path.replace(/\.json$/, ".kubeconfig");
  try {
    await Deno.writeTextFile(config, kubeconfig(plane.admin), { mode: 0o600 });
    const kept: Kept = {
      pid: Deno.pid,
      admin: plane.admin,
      folder,
      kubeconfig: config,
      ...(plane.machine === undefined ? {} : { machine: plane.machine }),
    };
    await file.write(new TextEncoder().encode(`${JSON.stringify(kept)}\n`));
    say("");
    await Promise.race([told(), plane.ended, ...(pid === undefined ? [] : [over(pid)])]);
  } finally {
    await Deno.remove(config).catch(() => {});
    await plane.stop();
  }
}

function told(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, resolve);
  });
}

/** Waits until a process that is not a child of this one has exited. */
async function over(pid: number): Promise<void> {
  try {
    for (;;) {
      process.kill(pid, 0);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  } catch {
    return;
  }
}

function say(problem: string): void {
  console.log(JSON.stringify({ problem }));
}

if (import.meta.main) {
  const [name, nodes, whileProcess] = Deno.args as [string, Nodes, string?];
  const path = await placeOf(name);
  const file = await lock(path);
  if (file === undefined) {
    say("");
    Deno.exit();
  }
  try {
    const pid = whileProcess === undefined ? undefined : Number(whileProcess);
    await holdUp({ name, nodes, pid, file, path });
  } catch (error) {
    say((error as Error).message);
  }
  await Deno.remove(path);
  Deno.exit();
}
