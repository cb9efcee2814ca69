import { printable } from "../../checks/report/text.ts";
import { formatMillis } from "../../pipeline/contract/window.ts";
import type { Failure } from "../../pipeline/errors.ts";
import { plural } from "../../pipeline/progress.ts";
import { runbookLine } from "../cli/failure.ts";
import { renderLine } from "../cli/json_line.ts";
import { type Cell, fitTable, renderTable, type TableColumn, widthOf } from "../cli/table.ts";
import { paint, type Style } from "../cli/terminal.ts";
import { type DayStatus, type LayerStatus, nextStep } from "./judge.ts";
import { NO_LOGIN, type Status } from "./reading.ts";
import { repeatFlags } from "../cli/next_command.ts";

const STYLES: Readonly<Record<LayerStatus["state"], Style>> = {
  sealed: "green",
  open: "yellow",
  stale: "red",
  missing: "red",
  unusable: "red",
  unreadable: "red",
};

/** The columns before the details of a day. */
const INDENT = " ".repeat(12);

/** The width of the notes on a wide terminal. The table is as wide. */
const WIDTH = 100;

/**
 * Renders a status as a table of days and a summary. Below a day are its next command, which is never
 * broken, and its notes. A narrow terminal gets fewer columns, and the summary names the others.
 *
 * @param width the width of the terminal; without one, every column is shown
 */
export function renderStatus(status: Status, colour: boolean, width = Infinity): string {
  const { days, outbox } = status;
  const asked = outbox.state === "asked";
  const columns: TableColumn[] = [
    { title: "day" },
    { title: "bronze" },
    { title: "events", align: "right", leavesAs: 4 },
    { title: "silver" },
    { title: "executions", align: "right", leavesAs: 3 },
    { title: "size", align: "right", leavesAs: 2 },
    { title: "published, UTC", leavesAs: 1 },
    ...(asked ? [{ title: "outbox", align: "right" } as const] : []),
  ];
  const runs = runsOf(days);
  const rows = runs.map(([day]): Cell[] => [
    day.day,
    stateCell(day.bronze, day.isOver),
    count(day.bronze.rows),
    stateCell(day.silver, day.isOver),
    count(day.silver.rows),
    size(sum(day.bronze.bytes, day.silver.bytes)),
    published(day),
    ...(asked ? [inOutbox(day)] : []),
  ]);
  const table = fitTable(columns, rows, width);
  const [heading, ...lines] = renderTable(table.columns, table.rows, colour);
  const wide = Math.min(width, WIDTH);
  return [
    ...(days.length === 0
      ? []
      : [heading, ...lines.flatMap((line, i) => [line, ...details(runs[i]!, colour, wide)])]),
    ...summary(status, colour),
    ...(table.left.length === 0
      ? []
      : [paint(`a wider terminal also shows: ${table.left.join("; ")}`, "dim", colour)]),
  ].join("\n");
}

/** The lines below a day. */
function details(run: Run, colour: boolean, width: number): string[] {
  const [status] = run;
  const { day, notes } = status;
  const last = run.at(-1)!.day;
  const [command, note] = run.length === 1 ? [nextStep(status), notes.join("; ")] : [
    repeatFlags(`deno task run --from ${day} --to ${last}`),
    `the same for each day to ${last}: ${plural(run.length, "day")}`,
  ];
  const lines = note === "" ? [] : wrap(printable(note), width - INDENT.length);
  return [
    ...lines.map((line) => INDENT + paint(line, "dim", colour)),
    ...(command === undefined ? [] : [`${INDENT}next: ${paint(command, "bold", colour)}`]),
  ];
}

/** Breaks a text between words. A longer word has a line of its own. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
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

function stateCell({ state }: LayerStatus, isOver: boolean): Cell {
  // A missing marker is normal until the day is over.
  return { text: state, style: state === "missing" && !isOver ? "dim" : STYLES[state] };
}

/** The difference of the outbox to bronze, as in `+2 late`; its events if bronze has no marker. */
function inOutbox({ outbox, bronze }: DayStatus): Cell {
  if (outbox?.difference === undefined) return count(outbox?.events);
  const { difference } = outbox;
  if (difference === 0) return "same";
  if (difference < 0) return { text: `${count(-difference)} lost`, style: "red" };
  if (bronze.state === "sealed") return { text: `+${count(difference)} late`, style: "red" };
  return { text: `+${count(difference)} new`, style: "yellow" };
}

/** The minute of the last publication of either layer. */
function published({ bronze, silver }: DayStatus): string {
  const stored = Math.max(bronze.stored ?? 0, silver.stored ?? 0);
  return stored === 0 ? "" : formatMillis(stored).slice(0, 16).replace("T", " ");
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Formats a number of bytes with three digits: `1.38 MB`. JSON has all digits. */
function size(bytes: number | undefined): string {
  if (bytes === undefined) return "";
  const unit = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const number = bytes / 1000 ** unit;
  const digits = unit === 0 || number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return `${number.toFixed(digits)} ${UNITS[unit]}`;
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
  ];
  const needing = todo > 0 ? paint(count(todo), "red", colour) : "0";
  return [
    days.length === 0
      ? "status: there are no days yet"
      : `status: ${plural(days.length, "day")}: ${parts.join(", ")}; ${needing} of ${
        count(days.length)
      } ` +
        `${todo === 1 ? "needs" : "need"} a command; ` +
        `${plural(events, "event")}, ${plural(bytes, "byte")}`,
    ...(recordFailure === undefined
      ? []
      : failureLines("no run is possible:", recordFailure, colour)),
    ...aboutOutbox(outbox, colour),
  ];
}

/** A failure beside the days, with the page about it. */
function failureLines(title: string, failure: Failure, colour: boolean): string[] {
  const line = `${paint(title, "red", colour)} ${repeatFlags(failure.message)}`;
  return [line, runbookLine(failure) ?? []].flat();
}

function aboutOutbox(outbox: Status["outbox"], colour: boolean): string[] {
  if (outbox.state === "absent") {
    return [`outbox not read: ${repeatFlags(NO_LOGIN)}`];
  }
  if (outbox.state === "failed") {
    return failureLines("outbox not read:", outbox.failure, colour);
  }
  const compared =
    `counts compared with ${outbox.name}: one lost and one late event look like no change, ` +
    "only postflight compares each event";
  const { strays } = outbox;
  if (strays === 0) return [compared];
  return [
    compared,
    `${paint("warning:", "yellow", colour)} ${plural(strays, "event")} of the outbox ` +
    `${strays === 1 ? "falls" : "fall"} on no day, because occurred_at is null or infinite: ` +
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
    grant: status.grant ?? null,
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
    ...(outbox.state === "absent" ? { message: repeatFlags(NO_LOGIN) } : {}),
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
