import { missingControlPlane } from "../binary.ts";

// The programs of a real node beside the control plane's binary, built by install.sh.

/** Path of the script that installs a real node. */
export const INSTALL_NODE = new URL("install.sh", import.meta.url).pathname;

/** Returns the folder of the programs, whether it exists or not. */
export async function programsPath(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(INSTALL_NODE, { args: ["--where"] })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** Returns why no real node can start for this user; undefined if one can. */
export function missingRoot(): string | undefined {
  if (Deno.build.os !== "linux") return "a real node runs on Linux only";
  return Deno.uid() === 0 ? undefined : "a real node needs root";
}

/** Returns why no real node can start here; undefined if one can. */
export async function missingNode(): Promise<string | undefined> {
  const reason = missingRoot() ?? await missingControlPlane();
  if (reason !== undefined) return reason;
  const isInstalled = await Deno.stat(await programsPath()).then(() => true, () => false);
  return isInstalled
    ? undefined
    : "the real node is not installed, run tests/cluster/node/install.sh";
}
