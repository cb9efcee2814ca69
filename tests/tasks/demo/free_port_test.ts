import { freePort } from "../../../tasks/demo/free_port.ts";
import { assert, assertNotEquals } from "../../support/assert.ts";

Deno.test("freePort: returns ports that Linux does not give to clients", () => {
  for (let i = 0; i < 200; i++) {
    const port = freePort();
    assert(port > 1023 && port < 32_768, `${port}`);
  }
});

Deno.test("freePort: returns no port on which a server listens", () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr;
  for (let i = 0; i < 200; i++) assertNotEquals(freePort(port, 50), port);
});
