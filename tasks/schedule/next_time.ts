import { wrongSchedule } from "../../checks/kubernetes/cron_schedule.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
/** The days to search. The 29th of February is at most 8 years away. */
const MOST_DAYS = 366 * 8;

const NAMED: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** The first value of each field, the number of its values, and their names. */
const FIELDS = [
  { first: 0, count: 60, names: [] },
  { first: 0, count: 24, names: [] },
  { first: 1, count: 31, names: [] },
  { first: 1, count: 12, names: "jan feb mar apr may jun jul aug sep oct nov dec".split(" ") },
  { first: 0, count: 7, names: "sun mon tue wed thu fri sat".split(" ") },
] as const;

/**
 * Returns the next time of a schedule in UTC, in milliseconds since 1970, as the controller of
 * CronJobs determines it. Returns undefined if the schedule is invalid, if its times depend on its
 * start (`@every`), or if it has no time within eight years.
 *
 * @param after the time before, in milliseconds since 1970
 */
export function nextTime(schedule: string, after: number): number | undefined {
  const text = NAMED[schedule.trim()] ?? schedule.trim();
  if (text.startsWith("@") || wrongSchedule(text) !== undefined) return undefined;
  const parts = text.split(/\s+/);
  const [minutes, hours, days, months, weekdays] = parts.map((part, i) =>
    valuesOf(part, FIELDS[i]!)
  ) as [number[], number[], number[], number[], number[]];
  // If both fields restrict the days, one match is enough.
  const [, , ofMonth, , ofWeek] = parts.map((part) =>
    !part.split(",").some((each) => /^[*?](\/1)?$/.test(each))
  );
  const earliest = after - after % MINUTE + MINUTE;
  for (let i = 0, day = earliest - earliest % DAY; i < MOST_DAYS; i++, day += DAY) {
    const date = new Date(day);
    if (!months.includes(date.getUTCMonth() + 1)) continue;
    const isOfMonth = days.includes(date.getUTCDate());
    const isOfWeek = weekdays.includes(date.getUTCDay());
    const isDay = ofMonth && ofWeek ? isOfMonth || isOfWeek : isOfMonth && isOfWeek;
    if (!isDay) continue;
    const times = hours.flatMap((hour) =>
      minutes.map((minute) => day + (hour * 60 + minute) * MINUTE)
    );
    const next = times.find((time) => time >= earliest);
    if (next !== undefined) return next;
  }
  return undefined;
}

/**
 * Returns the start that a CronJob has missed and that the controller of CronJobs makes up for as soon
 * as the CronJob is not suspended, in milliseconds since 1970. Returns undefined without a missed start.
 *
 * @param since the last start of the CronJob, or its creation
 * @param deadline `startingDeadlineSeconds`; undefined if every missed start counts
 */
export function missedTime(
  schedule: string,
  { since, deadline, now }: {
    readonly since: number;
    readonly deadline: number | undefined;
    readonly now: number;
  },
): number | undefined {
  const earliest = Math.max(since, deadline === undefined ? since : now - 1000 * deadline);
  const time = nextTime(schedule, earliest);
  return time !== undefined && time <= now ? time : undefined;
}

/** Returns the values of a field in ascending order. */
function valuesOf(text: string, { first, count, names }: typeof FIELDS[number]): number[] {
  const number = (end: string) => {
    const at = (names as readonly string[]).indexOf(end.toLowerCase());
    return at < 0 ? Number(end) : at + first;
  };
  const all = Array.from({ length: count }, (_, i) => i + first);
  return all.filter((value) =>
    text.split(",").some((each) => {
      const [range = "", step = "1"] = each.split("/");
      const isEvery = range === "*" || range === "?";
      const [from, to] = isEvery ? [first, first + count - 1] : range.split("-").map(number) as [
        number,
        number?,
      ];
      // A step after a single value counts to the end.
      const last = to ?? (each.includes("/") ? first + count - 1 : from);
      return value >= from && value <= last && (value - from) % Number(step) === 0;
    })
  );
}
