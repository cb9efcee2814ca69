import { checkMetrics, type CheckRun } from "../metrics/check_metrics.ts";
import { counter, gauge, type Metric, series } from "../metrics/metric.ts";
import { endOf, lastSealedDay, statusMetrics } from "../metrics/status_metrics.ts";
import type { Status } from "../status/reading.ts";
import type { Known } from "./reading.ts";

/** What the exporter knows when it is scraped. */
export interface Knowledge {
  readonly status: Known<Status>;
  /** The checks of the newest sealed day; undefined if the exporter runs no checks. */
  readonly checks: Known<readonly CheckRun[]> | undefined;
  /** The clock, in milliseconds since 1970. */
  readonly now: number;
  /** The version of the toolkit. */
  readonly version: string;
}

/** The metrics of the exporter. */
export function exporterMetrics({ status, checks, now, version }: Knowledge): Metric[] {
  return [
    gauge("build_info", "The version of the toolkit: always 1.", [series(1, { version })]),
    ...statusMetrics(status.value),
    ...(status.value === undefined ? [] : ages(status.value, now)),
    ...(checks?.value === undefined ? [] : checkMetrics("postflight", checks.value)),
    ...readings({ status, ...(checks === undefined ? {} : { checks }) }),
  ];
}

function ages(status: Status, now: number): Metric[] {
  return [
    gauge(
      "last_sealed_day_age_seconds",
      "Seconds since the end of the newest sealed day.",
      (["bronze", "silver"] as const).flatMap((layer) => {
        const day = lastSealedDay(status, layer);
        return day === undefined ? [] : [series(now / 1000 - endOf(day), { layer })];
      }),
    ),
  ];
}

function readings(all: Readonly<Record<string, Known<unknown>>>): Metric[] {
  const each = Object.entries(all);
  const current = each.filter(([, { value }]) => value !== undefined);
  return [
    counter(
      "readings_total",
      "Readings since the start of the exporter, by subject and result.",
      each.flatMap(([subject, { succeeded, failed }]) => [
        series(succeeded, { subject, result: "success" }),
        series(failed, { subject, result: "failure" }),
      ]),
    ),
    gauge(
      "reading_timestamp_seconds",
      "When the reading of the exported values began, in seconds since 1970.",
      current.map(([subject, { began }]) => series(began! / 1000, { subject })),
    ),
    gauge(
      "reading_duration_seconds",
      "How long the reading of the exported values took.",
      current.map(([subject, { seconds }]) => series(seconds!, { subject })),
    ),
  ];
}
