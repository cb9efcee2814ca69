import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { factsOf } from "../../checks/runner.ts";
import { exitCode } from "../../tasks/cli/exit_code.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { judgeReady, READY } from "./healthy/platform.ts";

Deno.test("checks before a run: every id is unique, short, and in kebab case", () => {
  const ids = PREFLIGHT.map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
  for (const id of ids) assertMatch(id, /^(?=.{1,24}$)[a-z0-9]+(-[a-z0-9]+)*$/);
});

Deno.test("checks before a run: every check before a run has that phase, and facts that it reads", () => {
  for (const check of PREFLIGHT) {
    assert(check.phase === "before" || check.phase === "both", check.id);
    assert(factsOf(check).length > 0, check.id);
  }
});

Deno.test("checks before a run: every check passes if all is ready, and reports what it examined", async () => {
  const results = await judgeReady(READY);
  for (const [i, { id, verdict, requested, examined, reason }] of results.entries()) {
    const { needs } = PREFLIGHT[i]!;
    if (needs.includes("cluster") || needs.includes("image")) {
      assertEquals([id, verdict, requested], [id, "skip", true]);
      continue;
    }
    assertEquals([id, verdict, reason], [id, "pass", undefined]);
    assert(examined, id);
  }
  assertEquals(exitCode(results, { strict: true }), 0);
});
