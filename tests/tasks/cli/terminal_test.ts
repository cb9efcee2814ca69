import { assert, assertFalse, assertRejects } from "../../support/assert.ts";
import { atTerminal, startOnTerminal } from "../../support/terminal.ts";

// The terminal of `script` reports a width of 0.

atTerminal(Deno.test)(
  "explain: wraps lines as usual if the terminal reports no width",
  async () => {
    const task = startOnTerminal("explain", ["guide"]);
    await task.outcome;
    const lines = task.shown().split(/\r?\n/);
    assert(lines.some((line) => line.split(" ").length > 8), task.shown());
  },
);

atTerminal(Deno.test)("explain: prints no escapes with TERM=dumb", async () => {
  const dumb = startOnTerminal("explain", ["guide"], { TERM: "dumb" });
  const usual = startOnTerminal("explain", ["guide"]);
  await Promise.all([dumb.outcome, usual.outcome]);
  assertFalse(dumb.shown().includes("\x1b"), dumb.shown());
  assert(usual.shown().includes("\x1b[1m"), usual.shown());
});

atTerminal(Deno.test)(
  "silver: prints no escapes with TERM=dumb when its worker fails",
  async () => {
    const task = startOnTerminal("silver", ["2025-12-28"], {
      TERM: "dumb",
      LAKE_URL: "file:///tmp",
    });
    await task.outcome;
    assert(task.shown().includes("Cannot "), task.shown());
    assertFalse(task.shown().includes("\x1b"), task.shown());
  },
);

atTerminal(Deno.test)(
  "the suite's terminal: a text that a task does not show until its end is an error at once",
  async () => {
    const task = startOnTerminal("explain", ["guide"]);
    await assertRejects(() => task.until("a text that no page has"), Error, "does not show a text");
    await task.outcome;
  },
);
