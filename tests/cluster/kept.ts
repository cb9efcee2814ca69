import { dirname } from "node:path";
import { binaryPath } from "./binary.ts";
import type { Access } from "./kubeconfig.ts";
import { until } from "./until.ts";

// Control planes that outlive the process that asked for them, or its parts: each has a keeper, a
// process of its own, and a file by which others find it. The keeper holds a lock on that file, which
// the system takes back however the keeper ends, so a file that is left over fools nobody.

/** A control plane that a keeper holds up. */
export interface Kept {
  /** The keeper's process. */
  readonly pid: number;
  /** How its administrator gets in. */
  readonly admin: Access;
  /** The control plane's own folder. */
  readonly folder: string;
  /** The administrator's kubeconfig, at a place that only the name decides. */
  readonly kubeconfig: string;
}

const KEEPER = new URL("keeper.ts", import.meta.url).pathname;

/** Finds the control plane of a name; undefined where there is none. */
export async function findKept(name: string): Promise<Kept | undefined> {
  const path = await placeOf(name);
  if (!(await isLocked(path))) return undefined;
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.endsWith("\n") ? JSON.parse(text) : undefined; // empty until it is up
}

/**
 * Finds the control plane of a name, or starts it.
 *
 * @param whileProcess the process with which it ends; without one it stays until {@linkcode endKept}
 * @throws {Error} it did not come up
 */
export async function keep(name: string, whileProcess?: number): Promise<Kept> {
  let found = await findKept(name);
  if (found !== undefined) return found;
  // A keeper that finds another one at work leaves that alone: ours or not, one comes up.
  const problem = await startKeeper(name, whileProcess);
  if (problem !== "") throw new Error(problem);
  await until(`${name} is up`, async () => (found = await findKept(name)) !== undefined);
  return found!;
}

/** Ends the control plane of a name, and waits until it has. Returns whether there was one. */
export async function endKept(name: string): Promise<boolean> {
  const found = await findKept(name);
  if (found === undefined) return false;
  Deno.kill(found.pid, "SIGTERM");
  const path = await placeOf(name);
  await until(`the process ${found.pid} ended`, async () => !(await isLocked(path)));
  return true;
}

/** The file by which a control plane is found. */
export async function placeOf(name: string): Promise<string> {
  return `${dirname(await binaryPath())}/clusters/${name}.json`;
}

/** Starts a keeper, and returns what went wrong, once its control plane is up or will not be. */
async function startKeeper(name: string, whileProcess?: number): Promise<string> {
  const keeper = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=test", KEEPER, name, ...(whileProcess ? [String(whileProcess)] : [])],
    cwd: new URL("../../", import.meta.url), // where the permissions are
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true, // Ctrl-C at the terminal is not for it
  }).spawn();
  let said = "";
  // It says one line, and goes on.
  for await (const text of keeper.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.endsWith("\n")) break;
  }
  keeper.unref();
  return said === "" ? `The keeper of ${name} ended without a word.` : JSON.parse(said).problem;
}

async function isLocked(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(path, { read: true });
    return !(await file.tryLock(false));
  } catch {
    return false;
  }
}
