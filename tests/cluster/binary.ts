// The control plane's programs, as install.sh builds them into one binary.

/** The script that builds it. */
export const INSTALL = new URL("install.sh", import.meta.url).pathname;

/** Where the binary is, or would be. */
export async function binaryPath(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(INSTALL, { args: ["--where"] })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** Why no control plane can start here; undefined where one can. */
export async function missingControlPlane(): Promise<string | undefined> {
  const there = await Deno.stat(await binaryPath()).then(() => true, () => false);
  return there ? undefined : "the control plane is not here, run tests/cluster/install.sh";
}
