/** The headers of every answer: no other page may show or read it, and no browser keeps it. */
const HEADERS = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * Answers a request of a browser on this machine. A page of another site can resolve its own name to
 * this machine, so the name in the request must be that of this machine.
 *
 * @param port the port of the server
 * @param render returns the page; undefined if the lake could not be read
 */
export async function answer(
  request: Request,
  port: number,
  render: () => Promise<string | undefined>,
): Promise<Response> {
  const names = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!names.includes(request.headers.get("host") ?? "")) {
    return plain(421, `This server answers only to http://${names[0]}/.\n`);
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(405, "This server only answers GET and HEAD.\n", { allow: "GET, HEAD" });
  }
  const { pathname } = new URL(request.url);
  if (pathname === "/favicon.ico") return new Response(null, { status: 204, headers: HEADERS });
  if (pathname !== "/") return plain(404, "There is no such page. Open /.\n");
  const page = await render();
  if (page === undefined) {
    return plain(
      503,
      "The lake could not be read. The terminal of deno task serve has the reason.\n",
    );
  }
  return new Response(page, {
    headers: { ...HEADERS, "content-type": "text/html; charset=utf-8" },
  });
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  const type = "text/plain; charset=utf-8";
  return new Response(text, { status, headers: { ...HEADERS, "content-type": type, ...headers } });
}
