import { plural } from "../../pipeline/progress.ts";
import { renderTable, type TableColumn } from "../../tasks/cli/table.ts";
import type { Verdict } from "./equality.ts";

/** The layers of the lake, one table each. */
export const LAYERS = ["bronze", "silver"] as const;
/** A layer of the lake. */
export type Layer = (typeof LAYERS)[number];

/** One run of a program. */
export interface Run {
  /** The whole process, from its start to its end. */
  readonly seconds: number;
  /** The work alone: without the start of the process and the load of its libraries. */
  readonly workSeconds: number;
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number | null;
  readonly peakBytes: number | null;
}

/** A program and its runs. */
export interface Entry {
  readonly name: string;
  readonly title: string;
  readonly layer: Layer;
  /** Whether the program is one that ours are compared with. */
  readonly peer: boolean;
  /** The runs, the one of round 1 first. */
  readonly runs: readonly Run[];
  /** The result of the comparison of values. Undefined for the floor, which writes nothing. */
  readonly verdict?: Verdict;
  /** What the program does not do, or does differently. */
  readonly unlike?: string;
}

/** A program that was not run, and why. */
export interface Absent {
  readonly name: string;
  readonly title: string;
  readonly reason: string;
}

/** The result of the benchmark. */
export interface Report {
  readonly machine: string;
  readonly events: number;
  readonly rounds: number;
  /** The number of rows in each layer. */
  readonly rows: Readonly<Record<Layer, number>>;
  readonly entries: readonly Entry[];
  /** The name of the entry that each layer's ratios refer to. */
  readonly baselines: Readonly<Record<Layer, string>>;
  readonly absent: readonly Absent[];
}

/**
 * Returns the exit code: 1 if one of our own layers is not exact, 3 if a program that the operator
 * required did not run.
 *
 * @param required whether the operator named each peer
 */
export function exitCodeOf({ entries, absent }: Report, required: boolean): number {
  const own = entries.filter(({ peer }) => !peer);
  if (own.some(({ verdict }) => verdict !== undefined && verdict.summary !== "exact")) return 1;
  return required && absent.length > 0 ? 3 : 0;
}

/** The median, the smallest and the largest of several numbers. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Returns the middle value, or the mean of the two middle values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("There is no median of no values.");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Divides the seconds of work of each run by those of the baseline in the same round. A slow phase of
 * the machine affects both, so such a ratio is steadier than a ratio of medians.
 */
export function ratios(runs: readonly Run[], baseline: readonly Run[]): Spread | undefined {
  const pairs = runs.slice(0, baseline.length)
    .map((run, round) => run.workSeconds / baseline[round]!.workSeconds);
  if (pairs.length === 0) return undefined;
  return { median: median(pairs), min: Math.min(...pairs), max: Math.max(...pairs) };
}

const COLUMNS: readonly TableColumn[] = [
  { title: "" },
  { title: "seconds", align: "right" },
  { title: "of that, work", align: "right" },
  { title: "times the baseline", align: "right" },
  { title: "CPU s", align: "right" },
  { title: "server CPU s", align: "right" },
  { title: "peak MB", align: "right" },
  { title: "rows/s", align: "right" },
  { title: "values" },
];

/** Renders the report for people. */
export function renderText(report: Report): string {
  const tables = layersOf(report).flatMap((layer) => [
    "",
    heading(report, layer),
    ...renderTable(COLUMNS, cellsOf(report, layer), false),
  ]);
  const lists = notesOf(report).flatMap(({ title, lines }) => [
    "",
    `${title}:`,
    ...lines.map((line) => `  ${line}`),
  ]);
  return [report.machine, ...tables, ...lists].join("\n");
}

/** Renders the report as Markdown, for docs/performance.md. */
export function renderMarkdown(report: Report): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const tables = layersOf(report).flatMap((layer) => [
    "",
    `**${heading(report, layer)}**`,
    "",
    row(COLUMNS.map(({ title }) => title)),
    row(COLUMNS.map(({ align }) => align === "right" ? "--:" : "---")),
    ...cellsOf(report, layer).map(row),
  ]);
  const lists = notesOf(report).flatMap(({ title, lines }) => [
    "",
    `${title}:`,
    "",
    ...lines.map((line) => `- ${line}`),
  ]);
  return [report.machine, ...tables, ...lists].join("\n");
}

/** Renders the report as one line of JSON, with all runs. */
export function renderJson(report: Report): string {
  const entries = report.entries.map((entry) => {
    const baseline = baselineOf(report, entry.layer);
    const ratio = baseline === undefined ? undefined : ratios(entry.runs, baseline.runs);
    return { ...entry, ratio };
  });
  return JSON.stringify({ ...report, entries });
}

function layersOf({ entries }: Report): Layer[] {
  return LAYERS.filter((layer) => entries.some((entry) => entry.layer === layer));
}

function baselineOf({ entries, baselines }: Report, layer: Layer): Entry | undefined {
  return entries.find(({ name }) => name === baselines[layer]);
}

function heading(report: Report, layer: Layer): string {
  const rows = plural(report.rows[layer], "row");
  const baseline = baselineOf(report, layer)?.title ?? "none";
  const name = layer === "bronze" ? "Bronze" : "Silver";
  const rounds = report.rounds === 1 ? "1 round" : `medians of ${report.rounds} rounds`;
  return `${name}: ${rows}, ${rounds}, baseline: ${baseline}`;
}

function cellsOf(report: Report, layer: Layer): string[][] {
  const baseline = baselineOf(report, layer);
  return report.entries.filter((entry) => entry.layer === layer).map((entry) => {
    const of = (value: (run: Run) => number) => median(entry.runs.map(value));
    const work = of(({ workSeconds }) => workSeconds);
    const rounds = entry.runs.length < report.rounds ? ` (${entry.runs.length} run)` : "";
    return [
      entry.title + rounds,
      decimals(of(({ seconds }) => seconds)),
      decimals(work),
      baseline === undefined ? "–" : spread(ratios(entry.runs, baseline.runs)),
      decimals(of(({ cpuSeconds }) => cpuSeconds)),
      optional(entry.runs, ({ serverCpuSeconds }) => serverCpuSeconds, median, decimals),
      optional(
        entry.runs,
        ({ peakBytes }) => peakBytes,
        (peaks) => Math.max(...peaks),
        (bytes) => String(Math.round(bytes / 1e6)),
      ),
      Math.round(report.rows[layer] / work).toLocaleString("en-US"),
      entry.verdict?.summary ?? "–",
    ];
  });
}

function notesOf(report: Report): { title: string; lines: string[] }[] {
  const { entries, absent } = report;
  const differences = entries.flatMap(({ title, verdict }) =>
    verdict === undefined || verdict.details.length === 0
      ? []
      : [`${title}: ${verdict.details.join("; ")}`]
  );
  const unlike = entries.flatMap(({ title, unlike }) =>
    unlike === undefined ? [] : [`${title}: ${unlike}`]
  );
  return [
    { title: "What differs", lines: differences },
    { title: "Not like for like", lines: unlike },
    { title: "Not run", lines: absent.map(({ title, reason }) => `${title}: ${reason}`) },
  ].filter(({ lines }) => lines.length > 0);
}

function spread(values: Spread | undefined): string {
  if (values === undefined) return "–";
  const { median, min, max } = values;
  return `${decimals(median)} (${decimals(min)} to ${decimals(max)})`;
}

/** Renders a number with three significant digits or more, never in scientific notation. */
function decimals(value: number): string {
  return value.toFixed(value < 0.995 ? 3 : value < 99.5 ? 2 : 0);
}

function optional(
  runs: readonly Run[],
  value: (run: Run) => number | null,
  summary: (values: number[]) => number,
  render: (value: number) => string,
): string {
  const values = runs.map(value).filter((found) => found !== null);
  return values.length === 0 ? "–" : render(summary(values));
}
