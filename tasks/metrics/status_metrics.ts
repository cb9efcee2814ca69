import { type Day, windowOf } from "../../pipeline/contract/window.ts";
import type { DayStatus, LayerStatus } from "../status/judge.ts";
import type { Status } from "../status/reading.ts";
import { gauge, type Metric, type Series, series } from "./metric.ts";

/**
 * The number of days that have metrics of their own: the newest days with a marker. Each day adds series
 * to Prometheus.
 */
export const DAYS_WITH_METRICS = 31;

// In names of metrics, a day is a window: Prometheus takes "days" at the end of a name for a unit of time.

const LAYERS = ["bronze", "silver"] as const;
const STATES: readonly LayerStatus["state"][] = [
  "sealed",
  "open",
  "stale",
  "missing",
  "unusable",
  "unreadable",
];
const DAY_SECONDS = 86_400;

/** The layers of the lake that a metric distinguishes. */
type LayerName = (typeof LAYERS)[number];

/**
 * The metrics of a lake and its outbox. If a source could not be read, `deep_storage_up` of the
 * source is 0, and the metrics that need the source are absent.
 *
 * @param status undefined if the lake could not be listed
 */
export function statusMetrics(status: Status | undefined): Metric[] {
  const lake = status !== undefined && isRead(status) ? status : undefined;
  const outbox = status?.outbox.state ?? "absent";
  const up = [
    series(Number(lake !== undefined), { source: "lake" }),
    ...(outbox === "absent" ? [] : [series(Number(outbox === "asked"), { source: "outbox" })]),
  ];
  return [
    gauge("up", "Whether the last reading of the source succeeded.", up),
    ...(lake === undefined ? [] : [
      ...seals(lake.days),
      ...counts(lake.days),
      ...eventCounts(lake),
      ...dayMetrics(lake.days.filter(hasMarker).slice(-DAYS_WITH_METRICS)),
    ]),
  ];
}

/** Whether every marker could be read. Otherwise the newest sealed day may be unknown. */
function isRead({ days }: Status): boolean {
  return days.every((day) => LAYERS.every((layer) => day[layer].state !== "unreadable"));
}

/** The newest day that is sealed in a layer, if there is one. */
export function lastSealedDay({ days }: Status, layer: LayerName): Day | undefined {
  return days.findLast((day) => day[layer].state === "sealed")?.day;
}

/** Returns when a day begins, in seconds since 1970. */
export function startOf(day: Day): number {
  return Number(windowOf(day).start / 1_000_000n);
}

/** Returns when a day ends, in seconds since 1970. */
export function endOf(day: Day): number {
  return startOf(day) + DAY_SECONDS;
}

function hasMarker(day: DayStatus): boolean {
  return LAYERS.some((layer) => day[layer].state !== "missing");
}

function seals(days: readonly DayStatus[]): Metric[] {
  const sealed = (layer: LayerName) => days.filter((day) => day[layer].state === "sealed");
  const each = (value: (layer: LayerName) => number | undefined) =>
    LAYERS.flatMap((layer) => {
      const found = value(layer);
      return found === undefined ? [] : [series(found, { layer })];
    });
  return [
    gauge(
      "last_sealed_day_timestamp_seconds",
      "The start of the newest sealed day, in seconds since 1970.",
      each((layer) => {
        const last = sealed(layer).at(-1);
        return last && startOf(last.day);
      }),
    ),
    gauge(
      "last_seal_timestamp_seconds",
      "When the store received the newest marker of a sealed day, in seconds since 1970.",
      each((layer) => {
        const stored = sealed(layer).flatMap((day) => day[layer].stored ?? []);
        return stored.length === 0 ? undefined : Math.max(...stored) / 1000;
      }),
    ),
  ];
}

function counts(days: readonly DayStatus[]): Metric[] {
  const pending = days.filter(({ isOver, isSettled }) => isOver && !isSettled);
  const [oldest] = pending;
  return [
    gauge(
      "windows",
      "Days by layer and state.",
      LAYERS.flatMap((layer) =>
        STATES.map((state) =>
          series(days.filter((day) => day[layer].state === state).length, { layer, state })
        )
      ),
    ),
    gauge("pending_windows", "Days that are over and not sealed in both layers.", [
      series(pending.length),
    ]),
    gauge(
      "open_windows",
      "Days that are over and still open in bronze.",
      [series(pending.filter(({ bronze }) => bronze.state === "open").length)],
    ),
    gauge(
      "failed_windows",
      "Days with a marker that cannot be used, with events that the outbox lost, or from another source.",
      [series(days.filter(isFailed).length)],
    ),
    gauge(
      "oldest_pending_day_end_timestamp_seconds",
      "The end of the oldest day that is over and not sealed in both layers, in seconds since 1970.",
      oldest === undefined ? [] : [series(endOf(oldest.day))],
    ),
  ];
}

function isFailed(day: DayStatus): boolean {
  return LAYERS.some((layer) => day[layer].state === "unusable") ||
    day.otherSource !== undefined || lostEvents(day) > 0;
}

/** Events that the outbox has and sealed bronze has not. */
function lateEvents({ outbox, bronze }: DayStatus): number {
  return bronze.state === "sealed" ? Math.max(outbox?.difference ?? 0, 0) : 0;
}

/** Events that bronze has and the outbox has not. */
function lostEvents({ outbox }: DayStatus): number {
  return Math.max(-(outbox?.difference ?? 0), 0);
}

function eventCounts({ days, outbox }: Status): Metric[] {
  const sum = (value: (day: DayStatus) => number) => [
    series(days.reduce((all, day) => all + value(day), 0)),
  ];
  const quarantined = gauge(
    "quarantined_events",
    "Events in quarantine, on all days.",
    sum((day) => day.quarantined),
  );
  if (outbox.state !== "asked") return [quarantined];
  return [
    quarantined,
    gauge(
      "late_events",
      "Events of the outbox that are not in bronze, on all days that are sealed.",
      sum(lateEvents),
    ),
    gauge("lost_events", "Events of bronze that the outbox no longer has, on all days.", [
      ...sum(lostEvents),
    ]),
    gauge("stray_events", "Events of the outbox that fall on no day.", [series(outbox.strays)]),
  ];
}

function dayMetrics(days: readonly DayStatus[]): Metric[] {
  const layers = (value: (layer: LayerStatus) => number | undefined): Series[] =>
    days.flatMap((day) =>
      LAYERS.flatMap((layer) => {
        const found = value(day[layer]);
        return found === undefined ? [] : [series(found, { day: day.day, layer })];
      })
    );
  const events = (value: (day: DayStatus) => number, of: readonly DayStatus[]) =>
    of.map((day) => series(value(day), { day: day.day }));
  const published = days.filter(({ bronze }) => bronze.rows !== undefined);
  const compared = published.filter(({ outbox }) => outbox?.difference !== undefined);
  return [
    gauge(
      "day_state",
      "The state of a layer of a day: 1 for its current state.",
      days.flatMap(({ day, ...status }) =>
        LAYERS.map((layer) => series(1, { day, layer, state: status[layer].state }))
      ),
    ),
    gauge("day_rows", "Rows of a layer of a day.", layers(({ rows }) => rows)),
    gauge(
      "day_size_bytes",
      "Bytes of the parts of a layer of a day.",
      layers(({ bytes }) => bytes),
    ),
    gauge(
      "day_quarantined_events",
      "Events of a day in quarantine.",
      events(({ quarantined }) => quarantined, published),
    ),
    gauge(
      "day_late_events",
      "Events of a sealed day that the outbox has and bronze has not.",
      events(lateEvents, compared),
    ),
    gauge(
      "day_lost_events",
      "Events of a day that bronze has and the outbox no longer has.",
      events(lostEvents, compared),
    ),
  ];
}
