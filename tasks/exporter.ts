import {
  databaseConfig,
  dayBy,
  lakeConfig,
  requestedRange,
  sealGrace,
  unsetForDatabase,
} from "../pipeline/config.ts";
import { dayOf, type DayRange } from "../pipeline/contract/window.ts";
import { type Command, endsOnPurpose } from "./cli/command.ts";
import { runConfined } from "./cli/confined.ts";
import { CONNECTION_HELP } from "./cli/environment_help.ts";
import { failureReporterOf } from "./cli/failure.ts";
import { type Flags, seconds } from "./cli/flags.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";
import { DEFAULT_LISTEN, formatListen, parseListen } from "./exporter/listen.ts";
import type { ExporterOrder } from "./exporter/order.ts";
import { version } from "./overview.ts";
import { DAYS_WITH_METRICS } from "./metrics/status_metrics.ts";

/** Seconds between two readings. */
const INTERVAL = 300;
/** The time limit of a reading in seconds. */
const TIMEOUT = 120;
/** The time limit for each fact of the checks in seconds. */
const CHECK_TIMEOUT = 300;

/** The command `exporter`. */
export const command: Command = {
  name: "exporter",
  values: ["listen", "interval", "timeout", "check-interval", "from", "project"],
  switches: [],
  help: `
Serves the state of the lake to Prometheus, under /metrics, until Ctrl-C. It reads the commit
markers and counts the events of the outbox, as status does, and changes nothing.

Usage: deno task exporter [--listen HOST:PORT] [--interval SECONDS] [--timeout SECONDS]
                          [--check-interval SECONDS] [--from DAY] [--project FILE]

  --listen HOST:PORT        the address; default: ${DEFAULT_LISTEN}, which only this machine reaches
  --interval SECONDS        read the lake and the outbox when Prometheus asks, but at most once in
                            this time; default: ${INTERVAL}
  --timeout SECONDS         the time limit of a reading; default: ${TIMEOUT}
  --check-interval SECONDS  also run postflight for the newest sealed day when the day is sealed,
                            and again after this time; default: never. It reads the whole day
  --from DAY                the first day to read; default: the first day in the lake or the outbox
${projectHelp(28)}

Examples:
  deno task exporter
  deno task exporter --listen 0.0.0.0:9877 --check-interval 21600
  deno task exporter --from 2025-12-01 --interval 60

The metrics of single days are those of the newest ${DAYS_WITH_METRICS} days in the lake. Without
DJANGO_DB_PASSWORD, the exporter reads only the lake. The metrics, the alerts and
the dashboard: deno task explain monitoring
${CONNECTION_HELP}`,
  async run(flags, _, interrupts) {
    using _ends = endsOnPurpose(interrupts);
    const project = await projectOrDefault(flags);
    const listen = parseListen(flags.value("listen") ?? DEFAULT_LISTEN);
    const checks = flags.value("check-interval") !== undefined;
    const database = checks || unsetForDatabase().length === 0
      ? databaseConfig(undefined, project)
      : undefined;
    const order: ExporterOrder = {
      listen,
      version: version(),
      range: rangeOf(flags),
      database,
      grace: sealGrace(),
      interval: seconds(flags, INTERVAL, "interval"),
      timeout: seconds(flags, TIMEOUT),
      checkInterval: checks ? seconds(flags, 0, "check-interval") : undefined,
      checkTimeout: CHECK_TIMEOUT,
      lake: lakeConfig(undefined, project),
      reporter: failureReporterOf("exporter"),
    };
    const needs = { database, lake: order.lake, writes: false, listens: formatListen(listen) };
    return await runConfined(import.meta.resolve("./exporter/worker.ts"), order, needs);
  },
};

function rangeOf(flags: Flags): DayRange {
  const from = flags.value("from");
  if (from === undefined) return {};
  const asked = requestedRange({ from, to: undefined });
  const today = dayOf(BigInt(Date.now()) * 1000n);
  return { from: asked?.from && dayBy(asked.from, today), to: undefined };
}
