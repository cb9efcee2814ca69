import { parseDay, windowOf } from "../../../pipeline/contract/window.ts";
import { absentDay } from "../../../pipeline/days.ts";
import { judgeDay } from "../../../tasks/status/judge.ts";
import { calendarData } from "../../../tasks/report/calendar_data.ts";
import type { Status } from "../../../tasks/status/reading.ts";
import { renderJsonDay, renderStatus } from "../../../tasks/status/text.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";

const DAY = parseDay("2025-12-28")!;
const REASON =
  "transaction of a_role_with_a_long_name (pid 12345, a-program, idle in transaction for 03:12:45) " +
  "began at 2025-12-28T23:59:59Z, before the window could close";

function statusOf(more: Partial<Status["days"][number]>): Status {
  const now = windowOf(DAY).end + 900_000_000n;
  const day = judgeDay({ lake: absentDay(DAY), events: 0, now, grace: 900_000_000n });
  const published = { rows: 12_345_678, bytes: 987_654_321, parts: 60, stored: 1_767_000_000_000 };
  return {
    days: [{
      ...day,
      bronze: { state: "sealed", ...published },
      silver: { state: "unreadable", ...published },
      outbox: { events: 12_345_999, difference: 321 },
      notes: [REASON],
      ...more,
    }],
    lakeDays: [],
    recordFailure: undefined,
    outbox: { state: "asked", name: "db", strays: 0 },
  };
}

/** The lines of the table. */
function tableOf(status: Status): string[] {
  const lines = renderStatus(status, false).split("\n");
  return lines.slice(0, lines.findIndex((line) => line.startsWith("status:")));
}

Deno.test("renderStatus: no line of the table is wider than 100 characters, and notes are whole", () => {
  const lines = tableOf(statusOf({ next: "deno task amend --date 2025-12-28" }));
  for (const line of lines) assert(line.length <= 100, `${line.length}: ${line}`);
  assertStringIncludes(lines[1]!, "+321 late");
  assertStringIncludes(lines[1]!, "1.98 GB");
  assertEquals(lines.slice(2, -1).map((line) => line.trim()).join(" "), REASON);
});

Deno.test("renderStatus: a narrow terminal gets fewer columns, and no line is broken", () => {
  const next = "deno task run 2025-12-28";
  const at = (width: number) => {
    const lines = renderStatus(statusOf({ next }), false, width).split("\n");
    const table = lines.slice(0, lines.findIndex((line) => line.startsWith("status:")));
    for (const line of table) assert(line.length <= width, `${line.length} of ${width}: ${line}`);
    assertEquals(table.slice(2, -1).map((line) => line.trim()).join(" "), REASON);
    assertStringIncludes(table[1]!, "+321 late");
    return { titles: table[0]!.split(/ {2,}/), last: lines.at(-1)! };
  };
  const rest = "day bronze events silver executions size".split(" ");
  const compared = renderStatus(statusOf({ next }), false).split("\n").at(-1)!;
  assertEquals(at(100), { titles: [...rest, "published, UTC", "outbox"], last: compared });
  const wider = "a wider terminal also shows: ";
  assertEquals(at(80), {
    titles: [...rest, "outbox"],
    last: `${wider}published, UTC`,
  });
  assertEquals(at(60), {
    titles: ["day", "bronze", "events", "silver", "outbox"],
    last: `${wider}executions; size; published, UTC`,
  });
  assertEquals(at(50), {
    titles: ["day", "bronze", "silver", "outbox"],
    last: `${wider}events; executions; size; published, UTC`,
  });
});

Deno.test("renderStatus: a command is one line, however long", () => {
  const next = `deno task run --project /${"a-folder/".repeat(20)}shop.json --date 2025-12-28`;
  assertEquals(tableOf(statusOf({ next })).at(-1), `            next: ${next}`);
});

Deno.test("renderStatus: a grant comes before the next command, which is a command in JSON", () => {
  const [grant, next] = ["GRANT pg_read_all_stats TO robson", "deno task run --date 2025-12-28"];
  const status = statusOf({ grant, next });
  const words = `Let a superuser run: ${grant}; then: ${next}`;
  assertEquals(tableOf(status).at(-1), `            next: ${words}`);
  const commands = calendarData(status).days[0]!.next!.filter(({ kind }) => kind === "command");
  assertEquals(commands.map(({ text }) => text), [`${grant};`, next]);
  const line = JSON.parse(renderJsonDay(status.days[0]!));
  assertEquals([line.grant, line.next], [grant, next]);
  assertEquals(JSON.parse(renderJsonDay(statusOf({ next }).days[0]!)).grant, null);
});

Deno.test("renderStatus: the column of the outbox has the difference to bronze", () => {
  const cell = (difference: number | undefined) => {
    const outbox = { events: 10, ...(difference !== undefined && { difference }) };
    return tableOf(statusOf({ outbox }))[1]!.trim().split(/ {2,}/).at(-1);
  };
  assertEquals([0, 2, -1, undefined].map(cell), ["same", "+2 late", "1 lost", "10"]);
});
