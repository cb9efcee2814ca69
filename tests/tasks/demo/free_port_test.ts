import { freePort } from "../../../tasks/demo/free_port.ts";
import { assert } from "../../support/assert.ts";

Deno.test("freePort: returns ports that Linux does not give to clients, and that are free", () => {
  const listeners = Array.from({ length: 200 }, () => {
    const port = freePort();
    assert(port > 1023 && port < 32_768, `${port}`);
    return Deno.listen({ hostname: "127.0.0.1", port });
  });
  for (const listener of listeners) listener.close();
});
