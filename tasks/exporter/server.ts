import { TEXT_FORMAT } from "../metrics/metric.ts";

/** Prometheus stops a scrape after 10 s, unless its request names another limit. */
const SCRAPE_TIMEOUT = 10;

/** The part of the time limit of a scrape that is left for the answer. */
const RESERVE = 0.9;

/**
 * Answers a request to the exporter.
 *
 * @param scrape returns the metrics as text; gets the milliseconds that it may wait for a reading
 */
export async function answer(
  request: Request,
  scrape: (patience: number) => Promise<string>,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(405, "The exporter only answers GET and HEAD.\n", { allow: "GET, HEAD" });
  }
  switch (new URL(request.url).pathname) {
    case "/metrics":
      return new Response(await scrape(patienceFor(request)), {
        headers: { "content-type": TEXT_FORMAT },
      });
    case "/healthz":
      return plain(200, "ok\n");
    case "/":
      return plain(200, "The exporter of deep storage. Its metrics are under /metrics.\n");
    default:
      return plain(404, "There is no such page. The metrics are under /metrics.\n");
  }
}

function patienceFor({ headers }: Request): number {
  const named = Number(headers.get("x-prometheus-scrape-timeout-seconds"));
  const seconds = named > 0 && named <= 3600 ? named : SCRAPE_TIMEOUT;
  return seconds * RESERVE * 1000;
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
  });
}
