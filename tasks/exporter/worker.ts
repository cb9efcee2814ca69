import { Failure } from "../../pipeline/errors.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { serve } from "../cli/confined.ts";
import { reportFailure } from "../cli/failure.ts";
import { repeatFlags } from "../cli/next_command.ts";
import { printing } from "../cli/observer.ts";
import { renderMetrics } from "../metrics/metric.ts";
import { NO_LOGIN, readStatus, type Status } from "../status/reading.ts";
import { newestDayChecks } from "./checks.ts";
import { formatListen, type Listen } from "./listen.ts";
import { exporterMetrics } from "./metrics.ts";
import type { ExporterOrder } from "./order.ts";
import { Reading } from "./reading.ts";
import { answer } from "./server.ts";

// This is a worker. Its permissions are limited to its address, to the database, and to reading the
// lake.

serve(async (order: ExporterOrder) => {
  const onFailure = (error: unknown) => void reportFailure(error, order.reporter);
  const status = new Reading({
    task: "read the lake and the outbox",
    read: (signal) => readOnce(order, onFailure, signal),
    interval: order.interval * 1000,
    timeout: order.timeout * 1000,
    onFailure,
  });
  const checks = newestDayChecks(order, status, onFailure);
  const scrape = async (patience: number) => {
    const known = await status.ask(patience);
    // The checks read a whole day, so a scrape does not wait for them.
    const checked = await checks?.ask(0);
    const knowledge = { status: known, checks: checked, now: Date.now(), version: order.version };
    return renderMetrics(exporterMetrics(knowledge));
  };
  if (order.database === undefined) {
    const says = `not read: ${repeatFlags(NO_LOGIN)}`;
    printing("exporter", "text").step({ step: "outbox", says, data: {} });
  }
  try {
    const server = Deno.serve(
      { ...order.listen, onListen: (address) => reportAddress(address) },
      (request) => answer(request, scrape),
    );
    await server.finished;
    return 0;
  } catch (error) {
    return reportFailure(cannotListen(order.listen, error), order.reporter);
  }
});

async function readOnce(
  { lake: config, database, range, grace }: ExporterOrder,
  onFailure: (error: unknown) => void,
  signal: AbortSignal,
): Promise<Status> {
  const lake = await openLake(config, signal);
  try {
    const status = await readStatus({ lake, database, range, grace });
    if (status.outbox.state === "failed") onFailure(status.outbox.failure);
    return status;
  } finally {
    lake.close();
  }
}

function reportAddress(address: Listen): void {
  const url = `http://${formatListen(address)}/metrics`;
  printing("exporter", "text").step({ step: "listening", says: url, data: { url } });
}

function cannotListen(listen: Listen, error: unknown): unknown {
  if (
    !(error instanceof Deno.errors.AddrInUse) && !(error instanceof Deno.errors.AddrNotAvailable)
  ) {
    return error;
  }
  return new Failure({
    kind: "configuration",
    task: `listen on ${formatListen(listen)}`,
    problem: error instanceof Deno.errors.AddrInUse
      ? "another program listens there"
      : "this machine does not have the address",
    remedy: "Choose another address with --listen.",
    cause: error,
  });
}
