import { assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import {
  exitCodeOf,
  median,
  ratios,
  renderJson,
  renderMarkdown,
  renderText,
  type Report,
  type Run,
} from "./table.ts";

const MB = 1_000_000;

function run(workSeconds: number, changes: Partial<Run> = {}): Run {
  return {
    seconds: workSeconds + 0.1,
    workSeconds,
    cpuSeconds: 1,
    serverCpuSeconds: 0.5,
    peakBytes: 100 * MB,
    ...changes,
  };
}

const REPORT: Report = {
  machine: "a machine",
  events: 1000,
  rounds: 3,
  rows: { bronze: 1000, silver: 300 },
  baselines: { bronze: "floor", silver: "floor" },
  entries: [
    {
      name: "floor",
      title: "the floor",
      layer: "bronze",
      peer: false,
      runs: [run(1), run(2), run(10)],
    },
    {
      name: "bronze",
      title: "ours",
      layer: "bronze",
      peer: false,
      runs: [run(2, { peakBytes: 300 * MB }), run(3), run(11)],
      verdict: { equal: true, summary: "exact", details: [] },
    },
    {
      name: "other",
      title: "a peer",
      layer: "bronze",
      peer: true,
      runs: [run(4)],
      verdict: { equal: true, summary: "equal; decimals widened", details: ["a is B, not C"] },
      unlike: "no fence",
    },
  ],
  absent: [{ name: "gone", title: "another peer", reason: "cannot be installed" }],
};

Deno.test("median: returns the middle value, or the mean of two", () => {
  assertEquals(median([9]), 9);
  assertEquals(median([10, 2, 9]), 9); // as numbers, not as texts
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertThrows(() => median([]), RangeError);
});

Deno.test("ratios: divide round by round, and not median by median", () => {
  const spread = ratios([run(2), run(3), run(11)], [run(1), run(2), run(10)]);
  assertEquals(spread, { median: 1.5, min: 1.1, max: 2 });
});

Deno.test("ratios: use only the rounds that both have", () => {
  assertEquals(ratios([run(3)], [run(2), run(1)]), { median: 1.5, min: 1.5, max: 1.5 });
  assertEquals(ratios([run(3)], []), undefined);
});

Deno.test("renderText: shows medians, ratios, the largest peak, rates and the lists", () => {
  const lines = renderText(REPORT).split("\n");
  const ours = lines.find((line) => line.startsWith("ours"))!;
  assertEquals(ours.split(/ {2,}/), [
    "ours",
    "3.10",
    "3.00",
    "1.50 (1.10 to 2.00)",
    "1.00",
    "0.500",
    "300",
    "333",
    "exact",
  ]);
  const text = lines.join("\n");
  assertStringIncludes(text, "a peer (1 run)");
  assertStringIncludes(text, "What differs:\n  a peer: a is B, not C");
  assertStringIncludes(text, "Not like for like:\n  a peer: no fence");
  assertStringIncludes(text, "Not run:\n  another peer: cannot be installed");
});

Deno.test("renderText: shows a dash for what was not measured", () => {
  const runs = [run(1, { peakBytes: null, serverCpuSeconds: null })];
  const entries = [{ ...REPORT.entries[0]!, runs }];
  const line = renderText({ ...REPORT, entries, absent: [], rounds: 1 }).split("\n").at(-1)!;
  assertEquals(line.split(/ {2,}/).slice(5), ["–", "–", "1,000", "–"]);
});

Deno.test("renderMarkdown: gives each line of a table the same number of cells", () => {
  const rows = renderMarkdown(REPORT).split("\n").filter((line) => line.startsWith("|"));
  assertEquals(rows.length, 5);
  assertEquals(new Set(rows.map((row) => row.split("|").length)), new Set([11]));
});

Deno.test("renderJson: has every run and the ratios", () => {
  const { entries } = JSON.parse(renderJson(REPORT));
  assertEquals(entries[1].runs.length, 3);
  assertEquals(entries[1].ratio, { median: 1.5, min: 1.1, max: 2 });
});

Deno.test("exitCodeOf: an absent peer is a failure only if the operator named the peers", () => {
  assertEquals(exitCodeOf(REPORT, false), 0);
  assertEquals(exitCodeOf(REPORT, true), 3);
  assertEquals(exitCodeOf({ ...REPORT, absent: [] }, true), 0);
});

Deno.test("exitCodeOf: our own layers must be exact, and peers need not", () => {
  const entries = REPORT.entries.map((entry) =>
    entry.name === "bronze"
      ? { ...entry, verdict: { equal: true, summary: "equal; other types", details: [] } }
      : entry
  );
  assertEquals(exitCodeOf({ ...REPORT, entries }, false), 1);
});
