import { printable } from "../../checks/report/text.ts";
import { formatMillis } from "../../pipeline/contract/window.ts";
import { plural } from "../../pipeline/progress.ts";
import { renderLine } from "../cli/json_line.ts";
import { type Cell, renderTable } from "../cli/table.ts";
import { paint, type Style } from "../cli/terminal.ts";
import type { DayStatus, LayerStatus } from "./judge.ts";
import type { Status } from "./reading.ts";
import { repeatFlags } from "../cli/next_command.ts";

const STYLES: Readonly<Record<LayerStatus["state"], Style>> = {
  sealed: "green",
  open: "yellow",
  stale: "red",
  missing: "red",
  unusable: "red",
  unreadable: "red",
};

/** Renders a status as a table of days and a summary. */
export function renderStatus(status: Status, colour: boolean): string {
  const { days, outbox } = status;
  const asked = outbox.state === "asked";
  const columns = [
    { title: "day" },
    { title: "bronze" },
    { title: "events", align: "right" },
    { title: "silver" },
    { title: "executions", align: "right" },
    { title: "bytes", align: "right" },
    { title: "published" },
    ...(asked ? [{ title: "outbox", align: "right" } as const, { title: "change" }] : []),
    { title: "next" },
    { title: "notes" },
  ] as const;
  const rows = runsOf(days).map((run): Cell[] => {
    const [day] = run;
    if (run.length > 1) return missingRow(run, asked);
    return [
      day.day,
      stateCell(day.bronze, day.isOver),
      count(day.bronze.rows),
      stateCell(day.silver, day.isOver),
      count(day.silver.rows),
      count(sum(day.bronze.bytes, day.silver.bytes)),
      published(day),
      ...(asked ? [count(day.outbox?.events), difference(day)] : []),
      day.next ?? "",
      printable(day.notes.join("; ")),
    ];
  });
  const table = days.length === 0 ? [] : renderTable(columns, rows, colour);
  return [...table, ...summary(status, colour)].join("\n");
}

/** Days that follow each other and share a row of the table. */
type Run = readonly [DayStatus, ...DayStatus[]];

/** Groups past days without a marker and without a known event, so that a long gap is one row. */
function runsOf(days: readonly DayStatus[]): Run[] {
  const runs: [DayStatus, ...DayStatus[]][] = [];
  for (const day of days) {
    const run = runs.at(-1);
    if (run !== undefined && isEmpty(run[0]) && isEmpty(day)) run.push(day);
    else runs.push([day]);
  }
  return runs;
}

function isEmpty({ bronze, silver, outbox, notes, isOver }: DayStatus): boolean {
  return bronze.state === "missing" && silver.state === "missing" && isOver &&
    (outbox?.events ?? 0) === 0 && notes.length === 0;
}

/** The row of several days without a marker and without a known event. */
function missingRow(run: Run, asked: boolean): Cell[] {
  const [first] = run;
  const last = run.at(-1)!;
  const state: Cell = { text: "missing", style: STYLES.missing };
  return [
    `${first.day} to ${last.day}`,
    state,
    "",
    state,
    "",
    "",
    "",
    ...(asked ? [count(first.outbox?.events), ""] : []),
    repeatFlags(`deno task run --from ${first.day} --to ${last.day}`),
    plural(run.length, "day"),
  ];
}

function stateCell({ state }: LayerStatus, isOver: boolean): Cell {
  // A missing marker is normal until the day is over.
  return { text: state, style: state === "missing" && !isOver ? "dim" : STYLES[state] };
}

/** The difference between the outbox and bronze, for example `+2 late`. */
function difference({ outbox, bronze }: DayStatus): Cell {
  const events = outbox?.difference ?? 0;
  if (events === 0) return "";
  if (events < 0) return { text: `${count(-events)} lost`, style: "red" };
  if (bronze.state === "sealed") return { text: `+${count(events)} late`, style: "red" };
  return { text: `+${count(events)} new`, style: "yellow" };
}

/** The time of the last publication of either layer. */
function published({ bronze, silver }: DayStatus): string {
  const stored = Math.max(bronze.stored ?? 0, silver.stored ?? 0);
  return stored === 0 ? "" : formatMillis(stored);
}

function summary({ days, outbox, recordFailure }: Status, colour: boolean): string[] {
  const settled = days.filter(({ isSettled }) => isSettled).length;
  const waiting = days.filter(({ isSettled, isOver }) => !isSettled && !isOver).length;
  const todo = days.filter(({ next }) => next !== undefined).length;
  const events = days.reduce((sum, { bronze }) => sum + (bronze.rows ?? 0), 0);
  const bytes = days.reduce(
    (all, { bronze, silver }) => all + (sum(bronze.bytes, silver.bytes) ?? 0),
    0,
  );
  const parts = [
    `${count(settled)} sealed`,
    ...(waiting > 0 ? [`${count(waiting)} not over yet`] : []),
    `${todo > 0 ? paint(count(todo), "red", colour) : "0"} with a next command`,
  ];
  return [
    days.length === 0
      ? "status: there are no days yet"
      : `status: ${plural(days.length, "day")}: ${parts.join(", ")}; ` +
        `${plural(events, "event")}, ${plural(bytes, "byte")}`,
    ...(recordFailure === undefined
      ? []
      : [`${paint("no run is possible:", "red", colour)} ${repeatFlags(recordFailure.message)}`]),
    ...aboutOutbox(outbox, colour),
  ];
}

function aboutOutbox(outbox: Status["outbox"], colour: boolean): string[] {
  if (outbox.state === "absent") {
    return ["outbox not read: DJANGO_DB_PASSWORD is not set"];
  }
  if (outbox.state === "failed") {
    return [`${paint("outbox not read:", "red", colour)} ${repeatFlags(outbox.failure.message)}`];
  }
  const compared =
    `counts compared with ${outbox.name}: one lost and one late event cancel each other out, ` +
    "only postflight compares each event";
  const { strays } = outbox;
  if (strays === 0) return [compared];
  return [
    compared,
    `${paint("warning:", "yellow", colour)} ${plural(strays, "event")} of the outbox ` +
    "fall on no day, because occurred_at is null or infinite: " +
    repeatFlags("deno task explain quarantine"),
  ];
}

/** Renders a day as one line of JSON. */
export function renderJsonDay(status: DayStatus): string {
  const { day, isOver, isSettled, bronze, silver, quarantined, amended } = status;
  return renderLine("status", "day", {
    date: day,
    over: isOver,
    settled: isSettled,
    bronze: jsonLayer(bronze),
    silver: jsonLayer(silver),
    quarantined,
    amended: amended ?? null,
    otherSource: status.otherSource ?? null,
    outbox: status.outbox === undefined
      ? null
      : { events: status.outbox.events, difference: status.outbox.difference ?? null },
    notes: status.notes,
    next: status.next ?? null,
  });
}

/** Renders the summary as one line of JSON. */
export function renderJsonTotal({ days, outbox, recordFailure }: Status, exitCode: number): string {
  const settled = days.filter(({ isSettled }) => isSettled).length;
  return renderLine("status", "total", {
    days: days.length,
    settled,
    ...(recordFailure === undefined ? {} : { record: repeatFlags(recordFailure.message) }),
    outbox: outbox.state,
    ...(outbox.state === "asked" ? { strays: outbox.strays } : {}),
    ...(outbox.state === "failed" ? { message: repeatFlags(outbox.failure.message) } : {}),
    exitCode,
  });
}

function jsonLayer({ state, rows, bytes, parts, stored }: LayerStatus) {
  const published = stored === undefined ? null : formatMillis(stored);
  return { state, rows: rows ?? null, bytes: bytes ?? null, parts: parts ?? null, published };
}

function count(number: number | undefined): string {
  return number?.toLocaleString("en-US") ?? "";
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0);
}
