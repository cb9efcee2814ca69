import { renderResult, renderSummary } from "../../../checks/report/text.ts";
import { assertEquals, assertMatch, assertNotMatch } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

const all = (options?: { colour: boolean }) =>
  REPORT.results.map((result) => renderResult(result, options)).join("") +
  renderSummary(REPORT, options);

Deno.test("renderResult: prints one line per check with its findings below", async () => {
  await assertGolden("report.txt", all());
});

Deno.test("renderResult: prints the same text with and without colour", () => {
  // deno-lint-ignore no-control-regex
  const colour = /\x1b\[\d+m/g;
  const coloured = all({ colour: true });
  assertMatch(coloured, colour);
  assertEquals(coloured.replace(colour, ""), all());
});

Deno.test("renderResult: prints no control characters from outside", () => {
  // deno-lint-ignore no-control-regex
  assertNotMatch(all(), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

Deno.test("renderSummary: counts every verdict", () => {
  assertEquals(
    renderSummary(REPORT),
    "postflight 2025-12-28: 7 checks: 1 pass, 1 warn, 1 fail, 2 skip, 1 error, 1 not applicable\n",
  );
  assertEquals(
    renderSummary({ command: "preflight", results: REPORT.results.slice(0, 1) }),
    "preflight: 1 check: 1 pass, 0 warn, 0 fail, 0 skip, 0 error\n",
  );
});
