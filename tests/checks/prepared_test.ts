import { assertEquals } from "../support/assert.ts";
import { FAMILY, FILES, judgeFiles } from "./healthy/manifests.ts";

Deno.test("manifests and job code as they should be pass every check of theirs", async () => {
  const results = await judgeFiles(FILES);
  assertEquals(results.map(({ id }) => id), FAMILY);
  for (const { id, verdict, findings } of results) {
    assertEquals([id, verdict, findings], [id, "pass", []]);
  }
});

Deno.test("with no manifests at all, no check passes", async () => {
  for (const { id, verdict } of await judgeFiles({})) assertEquals([id, verdict], [id, "error"]);
});
