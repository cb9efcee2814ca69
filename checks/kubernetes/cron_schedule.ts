import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, textOf } from "./fields.ts";

/** How to write a schedule. */
export const WRITE_SCHEDULE: string =
  'Write it like "0 3 * * *": minute, hour, day of the month, month, day of the week.';

/** The fields of a schedule, with their bounds and the names of their values. */
const FIELDS = [
  { name: "minute", least: 0, most: 59, names: "" },
  { name: "hour", least: 0, most: 23, names: "" },
  { name: "day of the month", least: 1, most: 31, names: "" },
  { name: "month", least: 1, most: 12, names: "jan feb mar apr may jun jul aug sep oct nov dec" },
  { name: "day of the week", least: 0, most: 6, names: "sun mon tue wed thu fri sat" },
] as const;

const NAMED = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/;
const EVERY = /^@every (\d+(\.\d+)?(h|m|s|ms|us|ns))+$/;

/**
 * The problem of the schedule of a CronJob; undefined for a valid schedule.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(wrongSchedule("0 3 * * *"), undefined);
 * assertEquals(wrongSchedule("0 24 * * *"), 'the hour "24" is not from 0 to 23');
 * ```
 */
export function wrongSchedule(schedule: string): string | undefined {
  const text = schedule.trim();
  if (/^(CRON_)?TZ=/.test(text)) return "a time zone belongs in spec.timeZone";
  if (text.startsWith("@")) {
    return NAMED.test(text) || EVERY.test(text) ? undefined : `${text} is not known`;
  }
  const parts = text.split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return `a schedule has 5 fields (minute, hour, day, month, weekday), but this has ${
      text === "" ? 0 : parts.length
    }`;
  }
  for (const [i, part] of parts.entries()) {
    const wrong = part.split(",").find((each) => !isValid(each, FIELDS[i]!));
    if (wrong !== undefined) {
      const { name, least, most } = FIELDS[i]!;
      return `the ${name} ${JSON.stringify(wrong)} is not from ${least} to ${most}`;
    }
  }
  return undefined;
}

function isValid(text: string, { least, most, names }: typeof FIELDS[number]): boolean {
  const [range, step, ...rest] = text.split("/");
  if (rest.length > 0 || step !== undefined && !/^0*[1-9]\d*$/.test(step)) return false;
  if (range === "*" || range === "?") return true;
  const ends = range!.split("-").map((end) => {
    if (/^\d+$/.test(end)) return Number(end);
    const at = names === "" ? -1 : names.split(" ").indexOf(end.toLowerCase());
    return at < 0 ? NaN : at + least;
  });
  const [first = NaN, last = first] = ends;
  return ends.length <= 2 && first >= least && last <= most && first <= last;
}

const WHY = "the operator refuses the schedule, so no run starts";

/** The places of schedules in the objects of operators, by API group and kind. */
const SCHEDULES: Readonly<Record<string, readonly string[]>> = {
  "sparkoperator.k8s.io ScheduledSparkApplication": ["schedule"],
  "argoproj.io CronWorkflow": ["schedule", "schedules"],
};

/** The fields with a time zone in these objects. */
const ZONES = ["timeZone", "timezone"];

/** The spelling of a time zone. Each word has a capital, except in `Port-au-Prince`. */
const ZONE = /^[A-Z]\w*([/_+-]([A-Z]\w*|\d+|au|es|of))*$/;

/** The names with three letters. Others are known to Intl, and not to Kubernetes. */
const SHORT = /^[A-Z]{3}$/;
const SHORT_ZONES = /^(CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)$/;

/** The names that the time zone database dropped in 2020, and Intl still knows. */
const DROPPED = /^(SystemV\/.+|US\/Pacific-New|Canada\/East-Saskatchewan)$/;

/** The names of files that only some machines have beside the time zones. */
const OF_MACHINE = /^(posixrules|localtime|(posix|right)\/(.+))$/;

/**
 * Returns whether a text names a time zone.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isTimeZone } from "./cron_schedule.ts";
 *
 * assertEquals(["America/Sao_Paulo", "America/SaoPaulo"].map(isTimeZone), [true, false]);
 * ```
 */
export function isTimeZone(name: string): boolean {
  if (name === "UTC" || name === "Etc/UTC") return true; // without the load of all time zones
  if (!ZONE.test(name) || DROPPED.test(name) || SHORT.test(name) && !SHORT_ZONES.test(name)) {
    return false;
  }
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions();
    // Intl ignores the case.
    return timeZone === name || timeZone.toLowerCase() !== name.toLowerCase();
  } catch {
    return false;
  }
}

/** The problem of a text that names no time zone. */
export function wrongTimeZone(path: string, timeZone: unknown): WrongField[] {
  if (typeof timeZone !== "string" || isTimeZone(timeZone)) return [];
  const [isFile, , , zone] = OF_MACHINE.exec(timeZone) ?? [];
  const fix = 'Write it like "Etc/UTC" or "America/Sao_Paulo".';
  return isFile !== undefined && (zone === undefined || isTimeZone(zone))
    ? [{
      path,
      problem: `${JSON.stringify(timeZone)} is a time zone only on some machines`,
      fix,
      why: "an API server on another machine refuses it, or reads another time zone",
      isUncertain: true,
    }]
    : [{ path, problem: `${JSON.stringify(timeZone)} is not a time zone`, fix }];
}

/** The schedules that an operator refuses: those of ScheduledSparkApplications and CronWorkflows. */
export function wrongOperatorSchedules({ apiVersion, kind, spec }: Fields): WrongField[] {
  const group = typeof apiVersion === "string" ? apiVersion.split("/")[0] : "";
  const fields = SCHEDULES[`${group} ${textOf(kind)}`] ?? [];
  const zones = fields.length === 0 ? [] : ZONES.flatMap((name) => {
    const zone = fieldsIn(spec)[name];
    // The operators accept the time zone of their own pod.
    const isOwn = zone === "Local" || zone === "" || String(zone).includes("{{");
    return isOwn ? [] : wrongTimeZone(`spec.${name}`, zone).map((each) => ({ ...each, why: WHY }));
  });
  return [
    ...zones,
    ...fields.flatMap((field) => {
      const value = fieldsIn(spec)[field];
      const all = Array.isArray(value)
        ? value.map((text, i) => ({ text, path: `spec.${field}[${i}]` }))
        : [{ text: value, path: `spec.${field}` }];
      return all.flatMap(({ text, path }): WrongField[] => {
        if (typeof text !== "string" || text.includes("{{")) return [];
        // The operators accept a time zone before the schedule.
        const wrong = wrongSchedule(text.trim().replace(/^(?:CRON_)?TZ=\S+\s+/, ""));
        return wrong === undefined ? [] : [{
          path,
          problem: `${JSON.stringify(text)} is no schedule: ${wrong}`,
          fix: WRITE_SCHEDULE,
          why: WHY,
        }];
      });
    }),
  ];
}
