import type { Result } from "../../checks/finding.ts";
import { formatCount, plural } from "../../pipeline/progress.ts";
import { type Cell, renderTable, type TableColumn } from "../cli/table.ts";
import type { DayCommand } from "./order.ts";
import type { RecordedStep, RecordedWork, Sample } from "./recorded_steps.ts";

/** What a run measured for a day. */
export interface Measured {
  /** The seconds of each step: `bronze`, `silver` and `postflight`. */
  readonly seconds: Record<string, number>;
  /** The results of the checks, and when they ended, in milliseconds since 1970. */
  checks?: { readonly results: readonly Result[]; readonly ended: number };
  /** That the day is over and stays open, with the reasons. */
  stays?: string;
  /** The lines that each layer printed. */
  lines?: Partial<Record<"bronze" | "silver" | "postflight", string[]>>;
  /** Why the day failed, if it ended with an error. */
  failure?: string;
  /** The steps of the layers and their progress, for an HTML report. */
  steps?: RecordedStep[];
  samples?: Sample[];
  work?: RecordedWork[];
}

/** The result of a day. */
export interface DayResult {
  readonly date: string;
  /** The state of bronze: `sealed`, `open` or `failed`. */
  bronze?: string;
  /** The same for silver. */
  silver?: string;
  /** The verdicts of the checks: `12 pass`, `1 fail`. */
  postflight?: string;
  /** Number of rows of the layer; for `run`, number of events. */
  rows?: number;
  exitCode: number;
  /** What the run measured. Reports do not contain it. */
  measured?: Measured;
}

/** The columns that each command prints. */
const COLUMNS: Readonly<Record<DayCommand, readonly Exclude<keyof DayResult, "measured">[]>> = {
  bronze: ["bronze", "rows"],
  silver: ["silver", "rows"],
  postflight: ["postflight"],
  run: ["bronze", "silver", "postflight", "rows"],
};

/** Renders the days as a table with a summary line. */
export function renderDays(
  command: DayCommand,
  results: readonly DayResult[],
  { days, dryRun = false, exitCode, colour }: {
    readonly days: number;
    /** Whether nothing was stored, so that each state is what a run would publish. */
    readonly dryRun?: boolean;
    readonly exitCode: number;
    readonly colour: boolean;
  },
): string[] {
  const columns: TableColumn[] = [
    { title: "day" },
    ...COLUMNS[command].map((title) => ({ title, align: alignOf(title) })),
    { title: "exit", align: "right" },
  ];
  const rows = results.map((result): Cell[] => [
    result.date,
    ...COLUMNS[command].map((name) => cellOf(result[name], dryRun)),
    { text: String(result.exitCode), style: result.exitCode === 0 ? "green" : "red" },
  ]);
  const failed = results.filter((result) => result.exitCode !== 0).length;
  const left = days - results.length;
  const parts = [
    `${results.length - failed} ${dryRun ? "could be run" : "succeeded"}`,
    `${failed} failed`,
    ...(left === 0 ? [] : [`${left} not started`]),
  ];
  return [
    ...renderTable(columns, rows, colour),
    `${command}: ${plural(days, "day")}: ${parts.join(", ")}; ${
      dryRun ? "nothing was stored; " : ""
    }exit ${exitCode}`,
  ];
}

function cellOf(value: string | number | undefined, dryRun: boolean): string {
  if (dryRun && (value === "sealed" || value === "open")) return `would be ${value}`;
  return typeof value === "number" ? formatCount(value) : value ?? "-";
}

function alignOf(column: keyof DayResult): "left" | "right" {
  return column === "rows" ? "right" : "left";
}
