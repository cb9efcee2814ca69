import { ROOT } from "../../support/task.ts";
import { assert, assertEquals } from "../../support/assert.ts";

// The files that a day passes from `deno task bronze` to the PUT of its commit marker. A reader who
// follows the calls opens these files and no others.

/** The files in order, each with the call that leads to the next file. */
const PATH: readonly (readonly [file: string, call: string])[] = [
  ["tasks/main.ts", "command.run("],
  ["tasks/bronze.ts", "workThroughDays("],
  ["tasks/days/command.ts", "runConfined(module, order"],
  ["tasks/cli/confined.ts", "worker.postMessage(order)"],
  ["tasks/days/worker.ts", "runBronze("],
  ["pipeline/bronze.ts", "beginWindow("],
  ["pipeline/bronze_window.ts", "const publication = { lake, key, previous"],
  ["pipeline/lake/commit.ts", "lake.put("],
  ["pipeline/lake/s3.ts", "new PutObjectCommand("],
];

Deno.test("bronze: the call path of a day to the PUT of its marker has at most 9 files", async () => {
  assert(PATH.length <= 9);
  for (const [file, call] of PATH) {
    const text = await Deno.readTextFile(new URL(file, ROOT));
    assertEquals([file, text.includes(call)], [file, true]);
  }
});
