import { startServer } from "../../tasks/demo/server_process.ts";
import { assertEquals, assertRejects } from "./assert.ts";
import { onFreePort, untilAnswers } from "./on_free_port.ts";

/** Starts a server that ends at once the first times. Returns how often it was started. */
async function starts(failures: number): Promise<number> {
  let count = 0;
  await onFreePort(async () => {
    const script = ++count > failures ? "sleep 600" : "exit 1";
    const server = startServer({ command: ["sh", "-c", script], log: "/dev/null" });
    try {
      await untilAnswers(server, () => Promise.resolve(count > failures));
    } catch (cause) {
      throw new Error("it did not start", { cause });
    } finally {
      await server.stop();
    }
  });
  return count;
}

Deno.test("onFreePort: starts a server again that has ended, and gives up in the end", async () => {
  assertEquals(await starts(0), 1);
  assertEquals(await starts(2), 3);
  await assertRejects(() => starts(3), Error, "it did not start");
});
