import { assertEquals } from "./assert.ts";

const PRELOADED = new URL("running_file.ts", import.meta.url).pathname;

/** Runs a test file, and returns the files that are noted as running after the end of its process. */
async function runningAfter(test: string): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "running-" });
  try {
    const file = `${folder}/some_test.ts`;
    await Deno.writeTextFile(file, `Deno.test("a test", () => { ${test} });`);
    const notes = `${folder}/notes`;
    await Deno.mkdir(notes);
    await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-config", "--parallel", "--preload", PRELOADED, file],
      env: { RUNNING_FILES: notes },
      stdout: "null",
      stderr: "null",
    }).output();
    const read = ({ name }: Deno.DirEntry) => Deno.readTextFileSync(`${notes}/${name}`);
    return Deno.readDirSync(notes).map(read).toArray().map((text) => text.split("/").at(-1)!);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("running_file: names the test files that ran when their process crashed", async () => {
  assertEquals(await runningAfter('Deno.kill(Deno.pid, "SIGKILL")'), ["some_test.ts\n"]);
  assertEquals(await runningAfter("throw new Error()"), []);
  assertEquals(await runningAfter(""), []);
});
