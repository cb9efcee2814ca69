import { startServer } from "../../../tasks/demo/server_process.ts";
import { assertEquals } from "../../support/assert.ts";
import { until } from "../../cluster/until.ts";

/** Starts a shell script as a server, stops it once it is ready, and returns what it has printed. */
async function stopped(script: string): Promise<string> {
  const log = await Deno.makeTempFile();
  try {
    const server = startServer({ command: ["sh", "-c", script], log });
    await until("the server is ready", async () => (await Deno.readTextFile(log)) === "ready\n");
    await server.stop();
    return await Deno.readTextFile(log);
  } finally {
    await Deno.remove(log);
  }
}

Deno.test("startServer: a server that ignores SIGINT ends in order with SIGTERM", async () => {
  const script = `trap 'echo ended; exit' TERM; echo ready; while :; do sleep 0.1; done`;
  assertEquals(await stopped(script), "ready\nended\n");
});
