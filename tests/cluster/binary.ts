// The binary with the programs of the control plane, built by install.sh.

/** Path of the script that builds the binary. */
export const INSTALL = new URL("install.sh", import.meta.url).pathname;

/** Returns the path of the binary, whether it exists or not. */
export async function binaryPath(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(INSTALL, { args: ["--where"] })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** Returns why no control plane can start here; undefined if one can. */
export async function missingControlPlane(): Promise<string | undefined> {
  const there = await Deno.stat(await binaryPath()).then(() => true, () => false);
  return there ? undefined : "the control plane is not installed, run tests/cluster/install.sh";
}
