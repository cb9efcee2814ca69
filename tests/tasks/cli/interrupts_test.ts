import { assertEquals } from "../../support/assert.ts";

const MAIN = new URL("../../../tasks/main.ts", import.meta.url);

/** A command that takes Ctrl-C twice, one inside the other, and waits for it after the inner block. */
const NESTED = `
import { runCommand } from ${JSON.stringify(MAIN)};
await runCommand({
  name: "nested", values: [], switches: [], help: "",
  async run(_flags, _interrupted, interrupts) {
    using _outer = interrupts.take(() => Deno.exit(7));
    { using _inner = interrupts.take(() => Deno.exit(8)); }
    setInterval(() => {}, 1000);
    console.log("ready");
    return await new Promise(() => {});
  },
}, []);
`;

Deno.test("Interrupts: after the end of an inner block, Ctrl-C calls the handler of the outer block", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", NESTED],
    cwd: new URL("./", MAIN),
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read(); // the handlers are there
  reader.releaseLock();
  child.kill("SIGINT");
  assertEquals((await child.output()).code, 7);
});
