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
 * @param render returns the page, and whether the lake could be read. An update is a page without its
 *   style and scripts
 */
export async function answer(
  request: Request,
  port: number,
  render: (isUpdate: boolean) => Promise<{ readonly html: string; readonly isRead: boolean }>,
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
  if (pathname !== "/" && pathname !== "/update") {
    return plain(404, "There is no such page. Open /.\n");
  }
  const isUpdate = pathname === "/update";
  const { html, isRead } = await render(isUpdate);
  return new Response(html, {
    status: isRead || isUpdate ? 200 : 503,
    headers: { ...HEADERS, "content-type": "text/html; charset=utf-8" },
  });
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  const type = "text/plain; charset=utf-8";
  return new Response(text, { status, headers: { ...HEADERS, "content-type": type, ...headers } });
}
