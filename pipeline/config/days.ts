import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { type Day, daysBetween, parseDay } from "../contract/window.ts";
import { Failure } from "../errors.ts";
import { type Environment, PROCESS } from "./environment.ts";

/** A day, or a name that depends on the current date. */
export type NamedDay = Day | "today" | "yesterday";

/** The days that an operator asked for, both ends included. */
export interface DaysAsked {
  /** The first day. */
  readonly from: NamedDay;
  /** The last one. */
  readonly to: NamedDay;
}

/** The flags that select days on the command line. */
export interface DayFlags {
  /** A day as an argument. */
  readonly operand?: string | undefined;
  /** `--date` */
  readonly date?: string | undefined;
  /** `--from` */
  readonly from?: string | undefined;
  /** `--to` */
  readonly to?: string | undefined;
}

/** The largest number of days for one command: ten years. */
export const MOST_DAYS = 3_660;

/**
 * Returns the requested days: one day as an argument or with `--date`, or several with `--from` and
 * `--to` (default: yesterday). Without flags, the day is that of `JOB_DATE`; if that is not set,
 * today.
 *
 * @throws {Failure} configuration: a text is not a day, or the flags contradict each other
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { requestedDays } from "./days.ts";
 * const env = { get: () => undefined };
 * assertEquals(requestedDays({ from: "2025-12-01", to: "2025-12-31" }, env), {
 *   from: "2025-12-01",
 *   to: "2025-12-31",
 * });
 * assertEquals(requestedDays({}, env), { from: "today", to: "today" });
 * ```
 */
export function requestedDays(flags: DayFlags, env: Environment = PROCESS): DaysAsked {
  const { operand, date, from, to } = flags;
  if (operand !== undefined && date !== undefined) throw contradiction("a day", "--date");
  if ((operand ?? date) !== undefined) {
    const first = operand === undefined ? "--date" : "a day";
    if (from !== undefined) throw contradiction(first, "--from");
    if (to !== undefined) throw contradiction(first, "--to");
    const day = namedDay(operand === undefined ? "--date " : "", (operand ?? date)!);
    return { from: day, to: day };
  }
  const range = requestedRange(flags);
  if (range?.from !== undefined) return { from: range.from, to: range.to ?? "yesterday" };
  if (range !== undefined) {
    throw usage(
      "use --to without --from",
      "it is the end of a range",
      "Add --from.",
    );
  }
  const text = env.get("JOB_DATE");
  const day = text === undefined ? "today" : namedDay("JOB_DATE=", text);
  return { from: day, to: day };
}

/**
 * The range of `--from` and `--to`.
 *
 * @returns undefined if neither is given
 * @throws {Failure} configuration: a text is not a day, or the end comes before the beginning
 */
export function requestedRange({ from, to }: DayFlags): Partial<DaysAsked> | undefined {
  if (from === undefined && to === undefined) return undefined;
  const range = {
    ...(from === undefined ? {} : { from: namedDay("--from ", from) }),
    ...(to === undefined ? {} : { to: namedDay("--to ", to) }),
  };
  if (range.from !== undefined && range.to !== undefined && !clockDecides(range as DaysAsked)) {
    daysOf(range as DaysAsked, range.to as Day);
  }
  return range;
}

/**
 * Returns whether the days depend on today's date.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { clockDecides } from "./days.ts";
 * assertEquals(clockDecides({ from: "today", to: "today" }), true);
 * ```
 */
export function clockDecides({ from, to }: DaysAsked): boolean {
  return [from, to].some((day) => day === "today" || day === "yesterday");
}

/**
 * The days themselves, oldest first.
 *
 * @param today by the database's clock, in UTC
 * @throws {Failure} configuration: the end comes before the beginning, or the days are too many
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "../contract/window.ts";
 * import { daysOf } from "./days.ts";
 * const today = parseDay("2026-01-02")!;
 * assertEquals(daysOf({ from: "yesterday", to: "today" }, today), ["2026-01-01", "2026-01-02"]);
 * ```
 */
export function daysOf({ from, to }: DaysAsked, today: Day): Day[] {
  const [first, last] = [dayBy(from, today), dayBy(to, today)];
  const count = Temporal.PlainDate.from(first).until(last, { largestUnit: "days" }).days + 1;
  if (count < 1) {
    throw usage(
      `use the days from ${first} to ${last}`,
      "the end comes before the beginning",
      "Without --to, the end is yesterday.",
    );
  }
  if (count > MOST_DAYS) {
    throw usage(
      `use the days from ${first} to ${last}`,
      `the range has ${count.toLocaleString("en-US")} days, and one command takes at most ` +
        MOST_DAYS.toLocaleString("en-US"),
      "Give a later --from or an earlier --to.",
    );
  }
  return [...daysBetween(first, last)];
}

/**
 * Resolves `today` and `yesterday` to a day.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseDay } from "../contract/window.ts";
 * import { dayBy } from "./days.ts";
 * assertEquals(dayBy("yesterday", parseDay("2026-01-01")!), "2025-12-31");
 * ```
 */
export function dayBy(day: NamedDay, today: Day): Day {
  if (day === "today") return today;
  if (day !== "yesterday") return day;
  return Temporal.PlainDate.from(today).subtract({ days: 1 }).toString() as Day;
}

function namedDay(name: string, text: string): NamedDay {
  if (text === "today" || text === "yesterday") return text;
  const day = parseDay(text);
  if (day === undefined) throw noSuchDay(name, text);
  return day;
}

function contradiction(one: string, other: string): Failure {
  return usage(
    `use ${one} together with ${other}`,
    "both of them select days",
    "Use only one of them.",
  );
}

function usage(task: string, problem: string, remedy: string): Failure {
  return new Failure({ kind: "configuration", task, problem, remedy });
}

/**
 * The failure for a text that should be a day, and is not.
 *
 * @param name the source of the text, with what precedes it: `--date ` or `JOB_DATE=`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { noSuchDay } from "./days.ts";
 * assertEquals(noSuchDay("--date ", "2025-02-30").problem, "the calendar has no such day");
 * ```
 */
export function noSuchDay(name: string, text: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use ${name}${JSON.stringify(text)}`,
    problem: problemOf(text),
    remedy: name === "JOB_DATE="
      ? "Remove JOB_DATE to run for today in UTC, or set a day such as 2025-12-28, today or " +
        "yesterday."
      : `${similarName(text)}Give a day such as 2025-12-28, today or yesterday.`,
  });
}

/** A question about a misspelt `today` or `yesterday`, with a blank after it; an empty text otherwise. */
function similarName(text: string): string {
  const name = ["today", "yesterday"].find((each) =>
    levenshteinDistance(text.slice(0, 20).toLowerCase(), each) <= 2
  );
  return name === undefined ? "" : `Did you mean ${name}? `;
}

function problemOf(text: string): string {
  if (/\$\(|`|\$\{|\$[A-Za-z_]|%[A-Za-z]/.test(text)) {
    return "it is a shell expression, not a day. Kubernetes does not run a shell on a " +
      "container's env: it expands $(NAME) for variables that are declared earlier, and leaves " +
      "everything else, such as $(date +%F), unchanged";
  }
  if (/^\s|\s$/.test(text)) return "it begins or ends with a blank or a line break";
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return "the calendar has no such day";
  return "the format of a day is YYYY-MM-DD";
}
