import { shell } from "../../pipeline/shell.ts";
import { type Cell, renderTable } from "../cli/table.ts";
import type { ScheduledCronJob, ScheduledRun } from "./cron_jobs.ts";

const COLUMNS = ["cronjob", "state", "schedule", "next start", "last run"]
  .map((title) => ({ title }));

/** Renders the CronJobs as a table, then why Jobs failed, and how to look at the ones that run. */
export function renderSchedule(
  all: readonly ScheduledCronJob[],
  namespace: string,
  colour: boolean,
): string[] {
  const runs = all.flatMap(({ runs }) => runs);
  return [
    ...renderTable(COLUMNS, all.map(rowOf), colour),
    ...all.flatMap(({ runs: [last] }) =>
      last?.result === "failed" ? failureOf(last, namespace) : []
    ),
    ...runs.filter(({ result }) => result === "running")
      .flatMap((run) => renderRunning(run, namespace)),
  ];
}

function rowOf(
  { name, suspended, schedule, timeZone, next, missed, runs: [last] }: ScheduledCronJob,
) {
  const row: Cell[] = [
    name,
    suspended ? { text: "suspended", style: "yellow" } : { text: "on", style: "green" },
    `${schedule} ${timeZone ?? "in the time zone of the control plane"}`,
    suspended ? "none" : missed === undefined ? next ?? "not known" : `now, for ${missed}`,
    last === undefined ? "none" : resultOf(last),
  ];
  return row;
}

function resultOf({ result, started, ended }: ScheduledRun): Cell {
  if (result === "running") return `running since ${started}`;
  const text = `${result} ${ended ?? started}`;
  return { text, style: result === "failed" ? "red" : "green" };
}

/**
 * Renders a switched CronJob.
 *
 * @param next the next start; undefined if the time is not known
 * @param missed the start that Kubernetes makes up for now
 */
export function renderSwitched(
  name: string,
  suspend: boolean,
  { next, missed }: Pick<ScheduledCronJob, "next" | "missed">,
): string {
  if (suspend) return `suspended  ${name}`;
  const now = missed === undefined ? [] : [`starts now, because it missed ${missed}`];
  const later = next === undefined ? [] : [`next at ${next}`];
  return [`on         ${name}`, ...now, ...later].join(", ");
}

function failureOf({ job, reason }: ScheduledRun, namespace: string): string[] {
  return [
    `Job ${namespace}/${job} failed${reason === undefined ? "" : `: ${reason}`}`,
    shell`  its output: kubectl -n ${namespace} logs job/${job}`,
  ];
}

/** Renders how to look at a Job that runs, and how to stop it. */
export function renderRunning({ job, started }: ScheduledRun, namespace: string): string[] {
  return [
    `Job ${namespace}/${job} is running since ${started}`,
    shell`  its output: kubectl -n ${namespace} logs -f job/${job}`,
    shell`  to stop it: kubectl -n ${namespace} delete job ${job}`,
  ];
}
