import { Failure } from "../../pipeline/errors.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { serve } from "../cli/confined.ts";
import { reportFailure } from "../cli/failure.ts";
import { printing } from "../cli/observer.ts";
import { Reading } from "../exporter/reading.ts";
import { calendarData } from "../report/calendar_data.ts";
import { renderDocument } from "../report/document.ts";
import { readStatus, type Status } from "../status/reading.ts";
import { answer } from "./answer.ts";
import { HOST, type ServeOrder } from "./order.ts";

// This is a worker. Its permissions are limited to its address, to the database, and to reading the
// lake.

serve(async (order: ServeOrder) => {
  const status = new Reading({
    task: "read the lake and the outbox",
    read: (signal) => readOnce(order, signal),
    interval: order.interval * 1000,
    timeout: order.timeout * 1000,
    onFailure: (error) => void reportFailure(error, order.reporter),
  });
  const render = async () => {
    const { value, began } = await status.ask(order.timeout * 1000);
    if (value === undefined) return undefined;
    const made = new Date(began!).toISOString().slice(0, 19).replace("T", " ");
    const content = { command: "status", isLive: true, made, calendar: calendarData(value) };
    return await renderDocument(content, order.template);
  };
  try {
    const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
      { hostname: HOST, port: order.port, onListen: ({ port }) => reportAddress(port) },
      (request) => answer(request, server.addr.port, render),
    );
    await server.finished;
    return 0;
  } catch (error) {
    return reportFailure(cannotListen(order.port, error), order.reporter);
  }
});

async function readOnce(
  { lake: config, database, grace }: ServeOrder,
  signal: AbortSignal,
): Promise<Status> {
  const lake = await openLake(config, signal);
  try {
    return await readStatus({ lake, database, range: {}, grace });
  } finally {
    lake.close();
  }
}

function reportAddress(port: number): void {
  const url = `http://${HOST}:${port}/`;
  printing("serve", "text").step({
    step: "listening",
    says: `${url}  (Ctrl-C ends it)`,
    data: { url },
  });
}

function cannotListen(port: number, error: unknown): unknown {
  if (!(error instanceof Deno.errors.AddrInUse)) return error;
  return new Failure({
    kind: "configuration",
    task: `listen on ${HOST}:${port}`,
    problem: "another program listens there",
    remedy: "Choose another port with --port.",
    cause: error,
  });
}
