import { dirname } from "node:path";
import { binaryPath } from "./binary.ts";
import type { Access } from "./kubeconfig.ts";
import type { Machine } from "./node/machine.ts";
import { until } from "./until.ts";

// Control planes that outlive the process that started them. Each has a keeper process and a
// lock file that lists its address. The keeper locks that file. The system releases the lock
// when the keeper exits for any reason, so a leftover file has no effect.

/** A control plane that a keeper keeps running. */
export interface Kept {
  /** Process ID of the keeper. */
  readonly pid: number;
  /** Credentials of the administrator. */
  readonly admin: Access;
  /** The control plane's own folder. */
  readonly folder: string;
  /** Path of the administrator's kubeconfig. It depends only on the name. */
  readonly kubeconfig: string;
  /** The real node; undefined if all nodes are simulated. */
  readonly machine?: Machine;
}

/** The nodes of a cluster: simulated by kwok, or one real node, which needs root. */
export type Nodes = "simulated" | "real";

/** Options of {@linkcode keep}. */
export interface KeepOptions {
  /** The nodes of a control plane that is started; default: `simulated`. */
  readonly nodes?: Nodes;
  /**
   * The process whose exit stops the control plane. If absent, the control plane runs until
   * {@linkcode endKept}.
   */
  readonly whileProcess?: number;
}

/** Milliseconds until a keeper that another process has started is done, on a busy machine. */
const DEADLINE = 300_000;
const KEEPER = new URL("keeper.ts", import.meta.url).pathname;

/** Finds the control plane with this name. Returns undefined if it does not run. */
export async function findKept(name: string): Promise<Kept | undefined> {
  const path = await placeOf(name);
  if (!(await isLocked(path))) return undefined;
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.endsWith("\n") ? JSON.parse(text) : undefined; // empty until the control plane has started
}

/**
 * Finds the control plane with this name, or starts it.
 *
 * @throws {Error} the control plane did not start
 */
export async function keep(name: string, options: KeepOptions = {}): Promise<Kept> {
  let found = await findKept(name);
  if (found !== undefined) return found;
  // A keeper that finds another one for this name exits. Either one starts the control plane.
  const problem = await startKeeper(name, options);
  if (problem !== "") throw new Error(problem);
  const deadline = AbortSignal.timeout(DEADLINE);
  await until(`${name} is up`, async () => (found = await findKept(name)) !== undefined, deadline);
  return found!;
}

/**
 * Stops the control plane with this name, and waits until it has stopped. Returns true if there was
 * one.
 */
export async function endKept(name: string): Promise<boolean> {
  const found = await findKept(name);
  if (found === undefined) return false;
  Deno.kill(found.pid, "SIGTERM");
  const path = await placeOf(name);
  await until(`the process ${found.pid} ended`, async () => !(await isLocked(path)));
  return true;
}

/** Returns the path of the lock file of a control plane. */
export async function placeOf(name: string): Promise<string> {
  return `${dirname(await binaryPath())}/clusters/${name}.json`;
}

/** Starts a keeper. Returns the error, or an empty text once the control plane has started. */
async function startKeeper(
  name: string,
  { nodes = "simulated", whileProcess }: KeepOptions,
): Promise<string> {
  const ending = whileProcess === undefined ? [] : [String(whileProcess)];
  const keeper = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=test", KEEPER, name, nodes, ...ending],
    cwd: new URL("../../", import.meta.url), // the folder with deno.json, which has the permissions
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true, // so that Ctrl-C at the terminal does not reach the keeper
  }).spawn();
  let said = "";
  // The keeper prints one line and continues to run.
  for await (const text of keeper.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.endsWith("\n")) break;
  }
  keeper.unref();
  return said === "" ? `The keeper of ${name} exited without a message.` : JSON.parse(said).problem;
}

async function isLocked(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(path, { read: true });
    return !(await file.tryLock(false));
  } catch {
    return false;
  }
}
