import { renderResult, renderSummary } from "../../../checks/report/text.ts";
import { assertEquals, assertMatch, assertNotMatch } from "../../support/assert.ts";
import { assertGolden } from "./golden.ts";
import { REPORT } from "./results.ts";

const all = (options?: { colour: boolean }) =>
  REPORT.results.map((result) => renderResult(result, options)).join("") +
  renderSummary(REPORT, options);

Deno.test("text: one line per check, and findings under it", async () => {
  await assertGolden("report.txt", all());
});

Deno.test("text: colour changes nothing but the colour", () => {
  // deno-lint-ignore no-control-regex
  const colour = /\x1b\[\d+m/g;
  const coloured = all({ colour: true });
  assertMatch(coloured, colour);
  assertEquals(coloured.replace(colour, ""), all());
});

Deno.test("text: nothing from outside reaches the terminal as a control character", () => {
  // deno-lint-ignore no-control-regex
  assertNotMatch(all(), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

Deno.test("text: the summary counts every verdict", () => {
  assertEquals(
    renderSummary(REPORT),
    "postflight 2025-12-28: 7 checks: 1 pass, 1 warn, 1 fail, 2 skip, 1 error, 1 not applicable\n",
  );
  assertEquals(
    renderSummary({ command: "preflight", results: REPORT.results.slice(0, 1) }),
    "preflight: 1 check: 1 pass, 0 warn, 0 fail, 0 skip, 0 error\n",
  );
});
