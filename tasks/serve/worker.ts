import { Failure } from "../../pipeline/errors.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { serve } from "../cli/confined.ts";
import { reportFailure } from "../cli/failure.ts";
import { printing } from "../cli/observer.ts";
import { Reading } from "../exporter/reading.ts";
import { repeatFlags } from "../cli/next_command.ts";
import { calendarData } from "../report/calendar_data.ts";
import type { Template } from "../report/content.ts";
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
    onFailure(error) {
      failure = messageOf(error);
      reportFailure(error, order.reporter);
    },
  });
  let failure = "";
  const render = async (isUpdate: boolean) => {
    const { value, began } = await status.ask(order.timeout * 1000);
    const made = new Date(began ?? Date.now()).toISOString().slice(0, 19).replace("T", " ");
    const { interval, about } = order;
    const page = {
      ...{ command: "status", made, about },
      ...(value === undefined
        ? { live: { interval, failure } }
        : { live: { interval, age: Date.now() - began! }, calendar: calendarData(value) }),
    };
    const template = isUpdate ? EMPTY : order.template;
    return { isRead: value !== undefined, html: await renderDocument(page, template) };
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

/** An update needs no style and no script: the page has them. */
const EMPTY: Template = { style: "", scripts: [], pages: {} };

/** Why the lake could not be read, as in the terminal. The page has no details of an unexpected error. */
function messageOf(error: unknown): string {
  const why = error instanceof Failure
    ? repeatFlags(error.message)
    : "An unexpected error; the terminal of serve has it.";
  return `The lake could not be read. ${why}`;
}

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
