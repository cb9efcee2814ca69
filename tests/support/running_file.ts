// Runs before each test file, and notes it in a folder while its tests run. If the process of all
// tests crashes, `.ci/run` names the files that ran.

const folder = Deno.env.get("RUNNING_FILES");
if (folder !== undefined) {
  const note = await Deno.makeTempFile({ dir: folder });
  await Deno.writeTextFile(note, `${Deno.mainModule}\n`);
  addEventListener("unload", () => Deno.removeSync(note));
}
