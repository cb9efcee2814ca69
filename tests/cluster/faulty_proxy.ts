import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Access } from "./kubeconfig.ts";
import type { Changeable } from "./state.ts";

// A proxy that injects faults that a real API server has only by accident. It forwards everything,
// except for one list that breaks off, or responds to nothing.

/** The fault of the proxy. */
export type Fault =
  /**
   * Lists of a kind, such as `secrets`, stop in the middle: they stall, or the connection drops.
   */
  | { readonly list: string; readonly inTheMiddle: "stalls" | "drops" }
  /** Accepts connections and sends no response. */
  | "silence";

/** A faulty proxy. Stopped on disposal. */
export interface FaultyProxy extends AsyncDisposable {
  /** The user's credentials with the address of the proxy. */
  readonly access: Access;
}

/** Starts a proxy for one user on a free port of 127.0.0.1. */
export async function faultyProxy(
  { folder }: Pick<Changeable, "folder">,
  access: Access,
  fault: Fault,
): Promise<FaultyProxy> {
  const { port, close } = await (fault === "silence" ? listen() : serve(folder, access, fault));
  return {
    access: { ...access, server: `https://127.0.0.1:${port}` },
    [Symbol.asyncDispose]: close,
  };
}

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

function listen(): Promise<Listening> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  return Promise.resolve({
    port: listener.addr.port,
    async close() {
      listener.close();
      await accepting;
      for (const connection of connections) connection.close();
    },
  });
}

async function serve(
  folder: string,
  { server: target, ca, login }: Access,
  fault: Exclude<Fault, "silence">,
): Promise<Listening> {
  const [cert, key] = await Promise.all(
    ["server.crt", "server.key"].map((name) => Deno.readTextFile(`${folder}/${name}`)),
  );
  const certificate = "token" in login ? {} : { cert: login.certificate, key: login.key };
  const client = Deno.createHttpClient({ caCerts: [ca], ...certificate });
  const answerTo = async (request: IncomingMessage, response: ServerResponse) => {
    const answer = await forward(request, target, client);
    const body = new Uint8Array(await answer.arrayBuffer());
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    if (!isListOf(fault.list, request)) return void response.end(body);
    const drop = () => response.socket?.destroy();
    response.write(body.subarray(0, body.length / 2), fault.inTheMiddle === "drops" ? drop : noop);
  };
  const pending = new Set<Promise<void>>();
  const server: Server = createServer({ cert, key }, (request, response) => {
    // The client may be gone when the response arrives.
    const answering = answerTo(request, response)
      .catch(() => void response.socket?.destroy())
      .finally(() => pending.delete(answering));
    pending.add(answering);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      await Promise.all(pending);
      client.close();
    },
  };
}

async function forward(request: IncomingMessage, target: string, client: Deno.HttpClient) {
  const chunks: Uint8Array[] = await Array.fromAsync(request);
  const passed = ["authorization", "accept", "content-type"].flatMap((name) => {
    const value = request.headers[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  return await fetch(`${target}${request.url}`, {
    client,
    method: request.method!,
    headers: Object.fromEntries(passed),
    ...(chunks.length === 0 ? {} : { body: new Blob(chunks as BlobPart[]) }),
  });
}

function isListOf(plural: string, { method, url }: IncomingMessage): boolean {
  return method === "GET" && new URL(url!, "https://_").pathname.endsWith(`/${plural}`);
}

function noop(): void {}
