import {
  dayBy,
  type DaysAsked,
  daysOf,
  requestedDays,
  requestedRange,
  sealGrace,
  unsetForDatabase,
} from "../pipeline/config.ts";
import { dayOf, type DayRange } from "../pipeline/contract/window.ts";
import {
  hidingLogin,
  type Login,
  LOGIN_FLAGS,
  LOGIN_HELP,
  withLogin,
} from "./cli/cluster_login.ts";
import type { Command } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { CONNECTION_HELP } from "./cli/environment_help.ts";
import { failureReporterOf } from "./cli/failure.ts";
import type { Flags } from "./cli/flags.ts";
import { prepareReports } from "./cli/html_report.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { reportOutputs } from "./cli/report_outputs.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";
import { filesOf, METRICS_FLAG, metricsFileHelp, metricsFileOf } from "./metrics/metrics_file.ts";
import type { StatusOrder } from "./status/worker.ts";

/** The command `status`. */
export const command: Command = {
  name: "status",
  values: ["date", "from", "to", "project", ...LOGIN_FLAGS.values, METRICS_FLAG],
  repeatable: ["output"],
  switches: ["check", ...LOGIN_FLAGS.switches],
  operand: "day",
  choices: { output: [...OUTPUTS, "html"], ...LOGIN_FLAGS.choices },
  help: `
Shows the state of each day: the commit markers of bronze and silver, the number of events in the
outbox, and the next command. It reads no Parquet file, and changes nothing.

Usage: deno task status [DAY] [--from DAY] [--to DAY] [--check] [--project FILE]
                        [--output text|json] [--metrics-file FILE]
                        [--credentials cluster] [--port-forward] [--kubeconfig FILE]
                        [--context NAME] [--namespace NAME]

  DAY, --date DAY     one day: YYYY-MM-DD in UTC, today or yesterday
  --from DAY          the first day; default: the first day in the lake or the outbox
  --to DAY            the last day; default: today
  --check             exit with 1 if a day that is over is not sealed in both layers, or a day was
                      copied from another source, or the outbox has late or lost events
${projectHelp(22)}
${metricsFileHelp(22)}
  --output json       JSON lines: one object per day, and one for the total
  --output FORMAT=FILE
                      also write text, json or html into a file; html is a calendar of the lake

${LOGIN_HELP}

Examples:
  deno task status                       every day
  deno task status --from 2025-12-01     every day since then
  deno task status --check               for a monitor
  deno task status --credentials cluster --port-forward
  deno task status --output html=lake.html

Without DJANGO_DB_PASSWORD, it shows only the lake; --check needs the outbox.
The output in detail: deno task explain status
${CONNECTION_HELP}`,
  async run(flags, _, __, reports) {
    const project = await projectOrDefault(flags);
    const outputs = await reportOutputs(flags, reports, OUTPUTS);
    const asked = {
      output: outputs.output,
      inFiles: outputs.files.map(({ format }) => format),
      sends: outputs.html !== undefined,
      range: rangeOf(flags),
      grace: sealGrace(),
      check: flags.on("check"),
      metricsFile: await metricsFileOf(flags),
    };
    const work = async (login: Login) => {
      const { database, named, lake, forwards } = login;
      const reporter = hidingLogin(failureReporterOf("status"), login);
      const order: StatusOrder = { ...asked, database, lake, reporter };
      const write = await prepareReports(outputs, project, { database: named, lake });
      const files = filesOf(asked.metricsFile);
      const needs = { database, lake, writes: false, files, forwards };
      const module = import.meta.resolve("./status/worker.ts");
      const onFailure = (message: string) => reports.addMessage(message);
      return await runConfined(module, order, needs, write, onFailure);
    };
    // A monitor must not pass because nothing compared the days with the outbox.
    const needsDatabase = flags.on("check") || unsetForDatabase().length === 0;
    return await withLogin(flags, project, work, { needsDatabase });
  },
};

/**
 * Returns the range of days to show; without flags, a range without bounds. The clock of this machine
 * decides which day is today, because the command also works without a database.
 */
function rangeOf(flags: Flags): DayRange {
  const given = {
    operand: flags.operand,
    date: flags.value("date"),
    from: flags.value("from"),
    to: flags.value("to"),
  };
  const one = given.operand ?? given.date;
  const asked: Partial<DaysAsked> = one === undefined
    ? requestedRange(given) ?? {}
    : requestedDays(given);
  const today = dayOf(BigInt(Date.now()) * 1000n);
  const { from, to } = asked;
  if (from !== undefined && to !== undefined) daysOf({ from, to }, today);
  return { from: from && dayBy(from, today), to: to && dayBy(to, today) };
}
