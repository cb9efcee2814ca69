const INSTALL = new URL("kubectl/install.sh", import.meta.url).pathname;

/** Returns why no kubectl can be used here; undefined if one can. */
export async function missingKubectl(): Promise<string | undefined> {
  const path = await builtKubectl();
  const there = await Deno.stat(path).then(() => true, () => false);
  return there ? undefined : "kubectl is not built, run tests/runbook/kubectl/install.sh";
}

/** Links the suite's kubectl into a folder of programs. */
export async function linkKubectl(bin: string): Promise<void> {
  await Deno.symlink(await builtKubectl(), `${bin}/kubectl`);
}

/** Returns the path of the binary, whether it exists or not. */
async function builtKubectl(): Promise<string> {
  const { stdout } = await new Deno.Command(INSTALL, { args: ["--where"] }).output();
  return new TextDecoder().decode(stdout).trim();
}
