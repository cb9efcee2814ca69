import { databaseConfig, lakeConfig, sealGrace, unsetForDatabase } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import { aboutOf } from "./cli/about.ts";
import { type Command, endsOnPurpose } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { CONNECTION_HELP } from "./cli/environment_help.ts";
import { failureReporterOf } from "./cli/failure.ts";
import { type Flags, seconds } from "./cli/flags.ts";
import { htmlTemplate } from "./cli/html_report.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";
import { HOST, type ServeOrder } from "./serve/order.ts";

/** The port, unless `--port` names another one. */
const PORT = 9878;
/** Seconds between two readings. */
const INTERVAL = 10;
/** The time limit of a reading in seconds. */
const TIMEOUT = 120;

/** The command `serve`. */
export const command: Command = {
  name: "serve",
  values: ["port", "interval", "timeout", "project"],
  switches: [],
  help: `
Shows the state of the lake in a browser, until Ctrl-C: the calendar of status, and the last
publications. Only this machine can open the page. The command reads, and changes nothing.

Usage: deno task serve [--port PORT] [--interval SECONDS] [--timeout SECONDS] [--project FILE]

  --port PORT         the port of ${HOST}; default: ${PORT}
  --interval SECONDS  the page reads the lake and the outbox again after this time; default: ${INTERVAL}
  --timeout SECONDS   the time limit of a reading; default: ${TIMEOUT}
${projectHelp(22)}

Examples:
  deno task serve
  deno task serve --port 8080

Without DJANGO_DB_PASSWORD, the page shows only the lake. For details: deno task explain report
${CONNECTION_HELP}`,
  async run(flags, _, interrupts) {
    using _ends = endsOnPurpose(interrupts);
    const port = portOf(flags);
    const project = await projectOrDefault(flags);
    const database = unsetForDatabase().length === 0
      ? databaseConfig(undefined, project)
      : undefined;
    const lake = lakeConfig(undefined, project);
    const order: ServeOrder = {
      port,
      about: aboutOf({ database, lake }),
      template: await htmlTemplate({ project, hasPictures: true }),
      database,
      grace: sealGrace(),
      interval: seconds(flags, INTERVAL, "interval"),
      timeout: seconds(flags, TIMEOUT),
      lake,
      reporter: failureReporterOf("serve"),
    };
    const needs = { database, lake, writes: false, listens: `${HOST}:${port}` };
    return await runConfined(import.meta.resolve("./serve/worker.ts"), order, needs);
  },
};

/** Reads the port. With 0, the system chooses a free one. */
function portOf(flags: Flags): number {
  const text = flags.value("port") ?? String(PORT);
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Failure({
    kind: "configuration",
    task: `use --port ${JSON.stringify(text)}`,
    problem: "a port is a number from 0 to 65535",
    remedy: `Use a port such as ${PORT}.`,
  });
}
