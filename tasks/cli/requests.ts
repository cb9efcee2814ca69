import { onServerRequest, type ServerRequest } from "../../pipeline/server_requests.ts";
import { isVerbose } from "./common_flags.ts";
import { printError } from "./terminal.ts";

/** With `--verbose`, prints each request of this thread to a server on standard error. */
export function printRequests(): void {
  if (isVerbose()) onServerRequest((request) => printError(renderRequest(request)));
}

/** Renders a request: the server, the request, its result, and how long it took. */
export function renderRequest({ server, what, milliseconds, result }: ServerRequest): string {
  const time = `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
  return `request ${server.padEnd(11)} ${what}  ${result === "" ? "" : `${result}, `}${time}`;
}
