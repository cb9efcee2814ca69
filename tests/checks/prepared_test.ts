import { assertEquals } from "../support/assert.ts";
import { ALL_FILES, FAMILY, FILES, judgeFiles } from "./healthy/manifests.ts";

for (const [name, files] of [["both Jobs", ALL_FILES], ["one Job", FILES]] as const) {
  Deno.test(`manifest checks: the checks of manifests and job code pass the healthy files with ${name}`, async () => {
    const results = await judgeFiles(files);
    assertEquals(results.map(({ id }) => id), FAMILY);
    for (const { id, verdict, findings } of results) {
      assertEquals([id, verdict, findings], [id, "pass", []]);
    }
  });
}

Deno.test("manifest checks: the checks of manifests and job code do not pass without manifests", async () => {
  for (const { id, verdict } of await judgeFiles({})) assertEquals([id, verdict], [id, "error"]);
});
