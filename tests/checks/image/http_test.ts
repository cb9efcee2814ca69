import { Failure } from "../../../pipeline/errors.ts";
import { openHttp } from "../../../checks/image/http.ts";
import { assertEquals, assertRejects } from "../../support/assert.ts";

const OPTIONS = {
  task: "read it",
  caCertificates: [],
  plain: true,
  signal: undefined,
  silence: 1_000,
};

/** Starts a server that sends the given first piece of a response, if any, and then nothing. */
function silentAfter(piece?: string) {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    if (piece === undefined) await over;
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode(piece ?? ""));
        await over;
        controller.close();
      },
    });
    return new Response(body);
  });
  return {
    url: new URL(`http://127.0.0.1:${server.addr.port}/`),
    async [Symbol.asyncDispose]() {
      end();
      await server.shutdown();
    },
  };
}

Deno.test("http: times out if a server sends no response, or stops in the middle of one", async () => {
  await using never = silentAfter();
  await using halfway = silentAfter("half");
  const http = openHttp(OPTIONS);
  const silent = /Cannot read it: 127\.0\.0\.1:\d+ sent nothing for 1 s\. Check/;
  const first = await assertRejects(() => http.get(never.url, {}), Failure);
  const response = await http.get(halfway.url, {});
  const heard: string[] = [];
  const second = await assertRejects(async () => {
    for await (const piece of http.body(response)) heard.push(new TextDecoder().decode(piece));
  }, Failure);
  assertEquals(heard, ["half"]);
  for (const { kind, message } of [first, second]) {
    assertEquals([kind, silent.test(message)], ["unreachable", true], message);
  }
  http.close();
});
