import { createServer } from "node:https";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { freePort } from "../../../tasks/demo/free_port.ts";
import type { Access } from "../../cluster/kubeconfig.ts";
import type { Changeable } from "../../cluster/state.ts";

// A proxy in front of the API server that interferes with watches, and that can go away.

/** What the proxy does with watches. Without an entry, it forwards them. */
export interface Interference {
  /** A status, or what happens after the response has begun. */
  readonly watches?: number | "drop" | "half a line" | "gone" | "end";
}

/** A proxy. The end of the block stops it. */
export interface WatchProxy extends AsyncDisposable {
  /** The administrator's credentials with the address of the proxy. */
  readonly access: Access;
  /** The number of watches so far. */
  count(): number;
  /** Stops the proxy, and drops all connections. */
  stop(): Promise<void>;
  /** Starts the proxy again, with the same address. */
  start(): Promise<void>;
}

const GONE = {
  type: "ERROR",
  object: {
    apiVersion: "v1",
    kind: "Status",
    status: "Failure",
    reason: "Expired",
    message: "too old resource version",
    code: 410,
  },
};

/**
 * Starts a proxy for the administrator on a free port of 127.0.0.1, which Linux gives to no client
 * while the proxy is away.
 */
export async function watchProxy(
  { folder, admin }: Changeable,
  { watches }: Interference,
): Promise<WatchProxy> {
  if (!("certificate" in admin.login)) throw new Error("The administrator has a certificate.");
  const { certificate: cert, key } = admin.login;
  const client = Deno.createHttpClient({ caCerts: [admin.ca], cert, key });
  const [serverCert, serverKey] = await Promise.all(
    ["server.crt", "server.key"].map((name) => Deno.readTextFile(`${folder}/${name}`)),
  );
  let count = 0;
  const interfere = (response: ServerResponse): boolean => {
    if (watches === undefined) return false;
    const isStatus = typeof watches === "number";
    response.writeHead(isStatus ? watches : 200, { "content-type": "application/json" });
    if (watches === "drop" || watches === "half a line") {
      const text = watches === "drop" ? "\n" : '{"type":"ADDED","obj';
      response.write(text, () => response.socket?.destroy());
    } else if (watches === "gone") response.end(`${JSON.stringify(GONE)}\n`);
    else if (isStatus) response.end(JSON.stringify({ ...GONE.object, code: watches }));
    else response.end();
    return true;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const isWatch = new URL(request.url!, "https://_").searchParams.get("watch") === "true";
    if (isWatch) count++;
    if (isWatch && interfere(response)) return;
    const pieces: Uint8Array[] = await Array.fromAsync(request);
    const ending = new AbortController();
    response.on("close", () => ending.abort());
    const { accept = "*/*" } = request.headers;
    const answered = await fetch(`${admin.server}${request.url}`, {
      client,
      method: request.method!,
      headers: { accept, "content-type": request.headers["content-type"] ?? "" },
      ...(pieces.length === 0 ? {} : { body: new Blob(pieces as BlobPart[]) }),
      signal: ending.signal,
    });
    const type = answered.headers.get("content-type") ?? "";
    response.writeHead(answered.status, { "content-type": type }).flushHeaders();
    for await (const piece of answered.body ?? []) response.write(piece);
    response.end();
  };
  const pending = new Set<Promise<void>>();
  const listen = async (port: number) => {
    const server = createServer({ cert: serverCert, key: serverKey }, (request, response) => {
      const answering = answer(request, response)
        .catch(() => void response.socket?.destroy())
        .finally(() => pending.delete(answering));
      pending.add(answering);
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  const port = freePort();
  let server = await listen(port);
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
    await Promise.all(pending);
  };
  return {
    access: { ...admin, server: `https://127.0.0.1:${port}` },
    count: () => count,
    stop,
    async start() {
      server = await listen(port);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      client.close();
    },
  };
}
