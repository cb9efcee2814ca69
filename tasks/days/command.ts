import {
  clockDecides,
  clusterConfig,
  databaseConfig,
  lakeConfig,
  requestedDays,
  requestedRange,
  sealGrace,
} from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import { workersFor } from "../../pipeline/parallel.ts";
import type { LookedAt } from "../cli/about.ts";
import { hidingLogin, type Login, withLogin } from "../cli/cluster_login.ts";
import type { Interruption } from "../cli/command.ts";
import { type Needs, runConfined } from "../cli/confined.ts";
import { failureReporterOf } from "../cli/failure.ts";
import { choice, type Flags, seconds } from "../cli/flags.ts";
import { prepareReports } from "../cli/html_report.ts";
import { clusterFlags } from "../cli/platform_options.ts";
import type { ReportFiles } from "../cli/report_files.ts";
import { OUTPUTS } from "../cli/observer.ts";
import { reportOutputs } from "../cli/report_outputs.ts";
import { projectHelp, projectOrDefault } from "../cli/project_options.ts";
import { filesOf, metricsFileOf } from "../metrics/metrics_file.ts";
import { ENGINES, refuseSparkFlags } from "../spark/options.ts";
import type { DayCommand, DayFormat, Order, Work } from "./order.ts";

/** The flags of every command that processes days. */
export const DAY_FLAGS = {
  values: ["date", "from", "to", "project"],
  repeatable: ["output"],
  switches: ["keep-going"],
  operand: "day",
} as const;

/** The lines of a `--help` about them. */
export const DAY_FLAGS_HELP = `
  DAY, or --date DAY    one day in UTC: YYYY-MM-DD, or yesterday or today by the database's clock;
                        default: JOB_DATE, or today
  --from DAY [--to DAY] all days from the first to the last; the default of --to is yesterday
  --keep-going          continue with the next day if a day fails
  -v, --verbose         also print the permissions of the process, and each request to a server
${projectHelp(24)}`.slice(
  1,
);

/** The formats of a command that makes layers. */
export const LAYER_FORMATS: readonly DayFormat[] = [...OUTPUTS, "junit"];

/** The lines of a `--help` about the files of `--output`. */
export const FILES_HELP = `
  --output FORMAT=FILE  also write a report into a file, in any of these formats, or html: the
                        timeline of each day, and the checks`.slice(1);

/** The lines of a `--help` about `--output`, for a command that makes layers. */
export const OUTPUT_HELP = `
  --output json         one JSON object per step; run adds the checks, and several days a summary
  --output junit        a test suite per day, with a test case per layer and per check
${FILES_HELP}`.slice(1);

/** The default of `--silence`, in seconds. */
const DEFAULT_SILENCE = 300;

/** The line of a `--help` about `--silence`, for a command that reads Postgres. */
export const SILENCE_HELP =
  `  --silence SECONDS     end the run if Postgres sends nothing for this long; default: ${DEFAULT_SILENCE}`;

/** The lines of a `--help` about `--earlier-source`, for a command that adds to bronze. */
export const EARLIER_SOURCE_HELP = `
  --earlier-source SOURCE
                        the source that the lake was copied from, as a refusal prints it, if it is
                        the outbox under an earlier name or before a move; needed once`.slice(
  1,
);

/** The value of `--silence` in milliseconds; undefined if it was not given. */
export function silenceOf(flags: Flags): number | undefined {
  return flags.value("silence") === undefined
    ? undefined
    : 1000 * seconds(flags, DEFAULT_SILENCE, "silence");
}

/** The default time limit for gathering one fact, in seconds. */
export const DEFAULT_TIMEOUT = 300;

/**
 * Runs a command for the selected days, with only the permissions that the command needs.
 *
 * @param formats the output formats that the command supports
 * @param reports opens the files of the reports
 * @param interruption how the command receives Ctrl-C, if it has the engine `spark`
 */
export async function workThroughDays(
  command: DayCommand,
  flags: Flags,
  formats: readonly DayFormat[],
  reports: ReportFiles,
  interruption?: Interruption,
): Promise<number> {
  const written = await reportOutputs(flags, reports, formats);
  const pending = flags.on("pending");
  const several = pending || flags.value("from") !== undefined;
  const days = daysOf(flags, pending);
  const project = await projectOrDefault(flags);
  const work: Work = {
    command,
    days,
    several,
    output: written.output,
    transcript: Object.fromEntries(written.files.map(({ format }) => [format, []])),
    keepGoing: flags.on("keep-going"),
    dryRun: flags.on("dry-run"),
    grace: sealGrace(),
    silence: silenceOf(flags),
    earlierSource: flags.value("earlier-source"),
    timeout: seconds(flags, DEFAULT_TIMEOUT),
    strict: flags.on("strict"),
    verbose: flags.on("verbose"),
    reporter: reports.watch(failureReporterOf(command)),
    metricsFile: await metricsFileOf(flags),
    sends: written.html !== undefined,
  };
  if (interruption !== undefined) {
    if (choice(flags, "engine", ENGINES) === "spark") {
      if (work.earlierSource !== undefined) {
        throw usage(
          "--earlier-source",
          "with --engine spark",
          "a Spark job accepts no other name. Run the command once without --engine",
        );
      }
      const lookedAt = sparkPlaces(flags);
      const write = await prepareReports(written, project, lookedAt);
      const { workOnSpark } = await load<typeof import("../spark/work.ts")>("../spark/work.ts");
      return await workOnSpark(work, flags, interruption, write);
    }
    refuseSparkFlags(flags, command);
  }
  const start = async (login: Login) => {
    const { database, named, lake, forwards } = login;
    const write = await prepareReports(written, project, { database: named, lake });
    const reporter = hidingLogin(failureReporterOf(command), login);
    const order: Order = { ...work, database, lake, reporter };
    const module = import.meta.resolve("./worker.ts");
    const onFailure = (message: string) => reports.addMessage(message);
    return await runConfined(module, order, { ...needsOf(order), forwards }, write, onFailure);
  };
  if (command === "postflight") {
    return await withLogin(flags, project, start, { needsDatabase: true });
  }
  const needsDatabase = command !== "silver" || ("from" in days && clockDecides(days));
  const database = needsDatabase ? databaseConfig(undefined, project) : undefined;
  const lake = lakeConfig(undefined, project);
  return await start({ database, named: database, lake, forwards: false });
}

/** What a run with the engine `spark` looks at. */
function sparkPlaces(flags: Flags): LookedAt {
  const cluster = clusterConfig(clusterFlags(flags));
  const manifests = flags.value("manifests") ?? "manifests";
  return { manifests, ...(!("absent" in cluster) && { cluster }) };
}

function daysOf(flags: Flags, pending: boolean): Order["days"] {
  const { operand } = flags;
  const [date, from, to] = ["date", "from", "to"].map((name) => flags.value(name));
  if (!pending) return requestedDays({ operand, date, from, to });
  if (operand !== undefined || date !== undefined) {
    const what = operand === undefined ? "--date" : "a day";
    throw usage(
      "--pending",
      `with ${what}`,
      "--pending finds the days itself. To limit them, use --from",
    );
  }
  return { pending: requestedRange({ from, to }) ?? {} };
}

function usage(what: string, beside: string, why: string): Failure {
  return new Failure({
    kind: "configuration",
    task: `use ${what} ${beside}`,
    problem: why,
    remedy: "See --help.",
  });
}

/**
 * Loads a module. With a literal `import()`, Deno would read the module and all checks at the start
 * of each command.
 */
function load<M>(specifier: string): Promise<M> {
  return import(specifier);
}

/** The permissions that the worker needs. */
export function needsOf({ command, database, lake, metricsFile }: Order): Needs {
  const copies = command === "bronze" || command === "run";
  const startsWorkers = copies && workersFor(navigator.hardwareConcurrency) > 0;
  const files = filesOf(metricsFile);
  return { database, lake, writes: command !== "postflight", startsWorkers, files };
}
