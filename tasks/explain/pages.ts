import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../../checks/preflight/catalog.ts";

/** The name of the runbook's first page, README.md. */
export const GUIDE = "guide";

/** The section of the guide that is a page as well. Its name is that of the heading in a link. */
export const LOG_IN = "log-in";

/** The commands that have a page in the runbook, each with a short description. */
export const COMMAND_PAGES: ReadonlyMap<string, string> = new Map([
  ["run", "copy days into bronze and silver, and check each day"],
  ["amend", "add late events to a published day"],
  ["status", "show the state of each day and the next command"],
  ["show", "print rows of one day of bronze or silver, exactly"],
  ["clean", "remove the leftovers of interrupted runs of one day"],
]);

/** The failures of a command that no check has a page for, each with a short description. */
export const FAILURE_PAGES: ReadonlyMap<string, string> = new Map([
  ["publish-conflict", "another run published the day, or a run took too long"],
  ["table-lock", "an exclusive lock on the table of the outbox stopped a run"],
  ["unexpected-error", "a command ended with an error that the toolkit does not know"],
]);

/** The alerts of monitoring/alerts.yaml, each with a short description. */
export const ALERT_PAGES: ReadonlyMap<string, string> = new Map([
  ["alert-nothing-sealed", "no day was sealed for 26 hours"],
  ["alert-day-open", "a day is not sealed two days after its end"],
  ["alert-check-failing", "a check fails, or could not judge"],
  ["alert-sealed-day-differs", "a sealed day has late or lost events, or was changed"],
  ["alert-run-failed", "a command ended with another exit code than 0"],
  ["alert-exporter-down", "the exporter, or a source of the exporter, is down"],
]);

/** Other pages, which are in docs/, each with a short description. */
export const REFERENCE_PAGES: ReadonlyMap<string, string> = new Map([
  ["configuration", "variables, the file with the names of the platform, permissions"],
  ["database", "the table, and the grants that the pipeline needs"],
  ["lake", "the layout, how to read a day safely, markers and quarantine"],
  ["monitoring", "metrics, alerts and a dashboard for Prometheus"],
  ["report", "reports for a browser, and the state of the lake in a browser"],
]);

/** Pages about one topic. */
export interface Topic {
  readonly title: string;
  /** The description of each page, by the name of the page. */
  readonly pages: ReadonlyMap<string, string>;
}

/** All pages of the runbook by topic. The page of a check is in the topic of its first command. */
export function topics(): Topic[] {
  return [
    {
      title: "Start here",
      pages: new Map([
        [GUIDE, "from an empty cluster to a nightly run"],
        [LOG_IN, "give the commands the logins of the database and the lake"],
      ]),
    },
    { title: "Commands", pages: COMMAND_PAGES },
    { title: "Failures of a command", pages: FAILURE_PAGES },
    { title: "Alerts", pages: ALERT_PAGES },
    ...bySection("Before a run", PREFLIGHT),
    ...bySection("After a run", POSTFLIGHT.filter(({ id }) => !isIn(PREFLIGHT, id))),
  ];
}

type Listed = Pick<(typeof PREFLIGHT)[number], "id" | "title" | "section">;

function isIn(checks: readonly Listed[], id: string): boolean {
  return checks.some((check) => check.id === id);
}

function bySection(phase: string, checks: readonly Listed[]): Topic[] {
  const groups = Map.groupBy(checks, ({ section = "other" }) => section);
  return [...groups].map(([section, group]) => ({
    title: `${phase}: ${section}`,
    pages: new Map(group.map(({ id, title }) => [id, title])),
  }));
}
