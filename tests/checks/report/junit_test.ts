import { renderJunit } from "../../../checks/report/junit.ts";
import { assertMatch, assertNotMatch, assertStringIncludes } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

Deno.test("renderJunit: prints one test case per check", async () => {
  await assertGolden("report.xml", renderJunit(REPORT));
});

Deno.test("renderJunit: counts failures, errors and skips; a warning passes, and not applicable is a skip", () => {
  assertStringIncludes(renderJunit(REPORT), 'tests="7" failures="1" errors="1" skipped="3"');
});

Deno.test("renderJunit: replaces characters that XML forbids, and escapes special ones", () => {
  const xml = renderJunit(REPORT);
  // deno-lint-ignore no-control-regex
  assertNotMatch(xml, /[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]/);
  assertMatch(xml, /a &quot;key&quot; with &lt;angles&gt; &amp; an\[31m escape/);
  assertStringIncludes(xml, "a lone \ufffd surrogate");
});
