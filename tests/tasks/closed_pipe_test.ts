import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assertEquals, assertMatch } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { commandOf, environment, environmentOf, ROOT, spawnTask } from "../support/task.ts";

// A reader that stops early, like `head`. Later output is dropped, and the command ends as
// usual.

const TASKS: Record<string, { readonly command: string }> =
  JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).tasks;
const COMMANDS = Object.keys(TASKS).filter((task) =>
  / tasks\/main\.ts \w+$/.test(TASKS[task]!.command)
);

/** Runs a task with the read end of its standard output, and optionally error, closed. */
async function runWithClosedPipe(
  task: string,
  args: readonly string[],
  env: Record<string, string>,
  closeErrors = false,
) {
  const child = spawnTask(task, args, env);
  await child.stdout.cancel();
  if (closeErrors) await child.stderr.cancel();
  const stderr = closeErrors ? "" : await new Response(child.stderr).text();
  const { code, signal } = await child.status;
  return { code, signal, stderr };
}

for (const task of COMMANDS) {
  Deno.test(`closed_pipe: ${task} --help exits without an error`, async () => {
    const { code, signal, stderr } = await runWithClosedPipe(task, ["--help"], {});
    assertEquals([code, signal, stderr], [0, null, ""]);
  });
}

Deno.test("closed_pipe: run continues to its end", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  for (const output of ["text", "json"]) {
    const { code, signal, stderr } = await runWithClosedPipe("run", [
      "2025-12-28",
      "--output",
      output,
    ], env);
    assertEquals([code, signal, stderr], [0, null, ""]);
    // Both layers, each a part and a marker, and the record of the source.
    assertEquals((await lake.contents()).size, 5);
  }
});

Deno.test("closed_pipe: a failing command exits with the code of its failure", async () => {
  await using lake = await temporaryLake();
  const env = { LAKE_URL: `file://${lake.path}` };
  const failed = await runWithClosedPipe("silver", ["2025-12-28"], env, true);
  assertEquals([failed.code, failed.signal], [1, null]);
  const wrong = await runWithClosedPipe("silver", ["tomorrow"], env, true);
  assertEquals([wrong.code, wrong.signal], [2, null]);
});

for (const args of [["status"], ["status", "-o", "json"], ["explain", "guide"]]) {
  Deno.test(`closed_pipe: ${args.join(" ")} exits with 3 and one line if the disk is full`, async () => {
    await using lake = await temporaryLake();
    const [program, ...words] = commandOf(args[0]!, args.slice(1));
    const { code, stderr } = await new Deno.Command("/bin/sh", {
      args: ["-c", 'exec "$@" > /dev/full', "sh", program!, ...words],
      cwd: ROOT,
      clearEnv: true,
      env: environmentOf({ LAKE_URL: `file://${lake.path}` }),
      stdin: "null",
    }).output();
    assertEquals(code, 3);
    assertMatch(
      new TextDecoder().decode(stderr),
      /^Cannot write to standard output: No space left [^\n]*\n$/,
    );
  });
}
