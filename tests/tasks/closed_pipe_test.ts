import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assertEquals } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { commandOf, environment, environmentOf, ROOT } from "../support/task.ts";

// A reader that stops early, like `head`. Later output is dropped, and the command ends as
// usual.

const TASKS: Record<string, { readonly command: string }> =
  JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).tasks;
const COMMANDS = Object.keys(TASKS).filter((task) => / tasks\/\w+\.ts$/.test(TASKS[task]!.command));

/** Runs a task with the read end of its standard output, and optionally error, closed. */
async function unheard(
  task: string,
  args: readonly string[],
  env: Record<string, string>,
  deafToErrors = false,
) {
  const [program, ...rest] = commandOf(task, args);
  const child = new Deno.Command(program!, {
    args: rest,
    cwd: ROOT,
    clearEnv: true,
    env: environmentOf(env),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  if (deafToErrors) await child.stderr.cancel();
  const stderr = deafToErrors ? "" : await new Response(child.stderr).text();
  const { code, signal } = await child.status;
  return { code, signal, stderr };
}

for (const task of COMMANDS) {
  Deno.test(`closed_pipe: ${task} --help exits without an error`, async () => {
    const { code, signal, stderr } = await unheard(task, ["--help"], {});
    assertEquals([code, signal, stderr], [0, null, ""]);
  });
}

Deno.test("closed_pipe: run continues to its end", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  for (const output of ["text", "json"]) {
    const { code, signal, stderr } = await unheard("run", ["2025-12-28", "--output", output], env);
    assertEquals([code, signal, stderr], [0, null, ""]);
    assertEquals((await lake.contents()).size, 4); // both layers, each a part and a marker
  }
});

Deno.test("closed_pipe: a failing command exits with the code of its failure", async () => {
  await using lake = await temporaryLake();
  const env = { LAKE_URL: `file://${lake.path}` };
  const failed = await unheard("silver", ["2025-12-28"], env, true);
  assertEquals([failed.code, failed.signal], [1, null]);
  const wrong = await unheard("silver", ["tomorrow"], env, true);
  assertEquals([wrong.code, wrong.signal], [2, null]);
});
