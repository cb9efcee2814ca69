import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { until } from "../cluster/until.ts";
import { measure } from "./measure.ts";

const LINUX = Deno.build.os === "linux";
const SIZE = 96_000_000;

/** Holds memory until it has used some CPU time, so that its use of both is known on any machine. */
const WORK = `
const held = new Uint8Array(${SIZE}).fill(1);
const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
while (used() < 0.5) held[0]++;
`;

/** Does the work in a child and, at the same time, in this process. */
const TREE = `
import process from "node:process";
const child = new Deno.Command(Deno.execPath(), {
  args: ["eval", 'import process from "node:process";' + Deno.args[0]],
}).spawn();
${WORK}
await child.status;
`;

Deno.test("measure: counts the CPU time and the memory of a child's child", async () => {
  const { usage, success } = await measure({
    command: Deno.execPath(),
    args: ["eval", TREE, "--", WORK],
  });
  assert(success);
  assert(usage.cpuSeconds >= 1, `${usage.cpuSeconds} s of the two processes`);
  if (LINUX) assert(usage.peakBytes! >= 2 * SIZE, `${usage.peakBytes} bytes of the two processes`);
  else assertEquals(usage.peakBytes, null);
});

Deno.test("measure: passes input and variables, and returns both outputs", async () => {
  const { success, stdout, stderr } = await measure({
    command: "sh",
    args: ["-c", 'cat; echo "$WORD" >&2; exit 3'],
    env: { WORD: "hello" },
    input: "in",
  });
  assertEquals({ success, stdout, stderr }, { success: false, stdout: "in", stderr: "hello\n" });
});

Deno.test("measure: accepts a program that does not read its input", async () => {
  const { success } = await measure({ command: "true", args: [], input: "x".repeat(1_000_000) });
  assert(success);
});

Deno.test({
  name: "measure: counts the CPU time of a server at its side",
  ignore: !LINUX,
  async fn() {
    const { usage } = await measure({ command: "true", args: [], beside: Deno.pid });
    assert(usage.besideCpuSeconds! >= 0);
  },
});

Deno.test("measure: a signal kills the whole tree", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/pid`;
  try {
    const stop = new AbortController();
    // The child's child writes its id, and then waits for ever.
    const script =
      `sh -c 'echo $$ > "${file}.new"; mv "${file}.new" "${file}"; exec sleep 600' & wait`;
    const measured = measure({ command: "sh", args: ["-c", script] }, stop.signal);
    await until("the child has a child", async () => (await Deno.stat(file)).isFile);
    const pid = await Deno.readTextFile(file);
    stop.abort(new Error("stopped"));
    await assertRejects(() => measured, Error, "stopped");
    await until("the child's child has ended", () => Promise.resolve(!isAlive(pid.trim())));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function isAlive(pid: string): boolean {
  const { success } = new Deno.Command("kill", { args: ["-0", pid], stderr: "null" }).outputSync();
  return success;
}
