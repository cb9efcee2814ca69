import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as send,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import {
  alter,
  type Answer,
  type FaultPlan,
  keyOf,
  pretended,
  refusal,
  type S3Fault,
  type S3Request,
} from "./s3_faults.ts";

/** A proxy in front of an S3 store that injects planned faults. */
export interface S3Proxy extends AsyncDisposable {
  /** Endpoint of the proxy. */
  readonly endpoint: string;
  /** Begins a run: counts its requests from 0 and applies this plan. */
  plan(faults: FaultPlan): void;
  /** Returns the faults since the run began. */
  faults(): readonly S3Fault[];
  /** Returns the puts since the run began that were reported as successful but had no effect. */
  pretences(): readonly Pretence[];
}

/** A put that the store reported as successful but did not perform. */
export interface Pretence {
  /** Key of the object to put. */
  readonly key: string;
  /** ETag of the object to replace; undefined if the put had no such condition. */
  readonly replaces: string | undefined;
}

/** Longest stall in milliseconds. */
const STALL = 400;

/** Starts a proxy on a free loopback port, without faults. */
export async function startS3Proxy(store: string): Promise<S3Proxy> {
  const upstream = new URL(store);
  const agent = new Agent({ keepAlive: true });
  const pending = new Set<Promise<void>>();
  /** The previous response to each listing, for stale listings. */
  const listings = new Map<string, Answer>();
  let plan: FaultPlan = () => undefined;
  let number = 0;
  let befallen: S3Fault[] = [];
  let pretences: Pretence[] = [];

  async function forward(incoming: IncomingMessage, body: Uint8Array): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = send({
      agent,
      host: upstream.hostname,
      port: upstream.port,
      method: incoming.method!,
      path: incoming.url!,
      headers: incoming.headers,
    }, resolve);
    outgoing.on("error", reject);
    outgoing.end(body);
    const response = await promise;
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(response.headers)) {
      if (!/^(transfer-encoding|connection|keep-alive)$/.test(name)) headers[name] = String(value);
    }
    return { status: response.statusCode!, headers, body: await whole(response) };
  }

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await whole(incoming);
    const request: S3Request = { method: incoming.method!, target: incoming.url! };
    const fault = plan(request, number++);
    if (fault !== undefined) befallen.push(fault);
    const serve = () => forward(incoming, body);
    switch (fault) {
      case undefined: {
        const served = await serve();
        if (isListing(request)) listings.set(request.target, served);
        return reply(request, outgoing, served);
      }
      case "cut-before":
        return void incoming.socket.destroy();
      case "cut-after":
        await serve();
        return void incoming.socket.destroy();
      case "cut-within":
        return cutWithin(outgoing, await serve());
      case "stall":
        await new Promise((resolve) => setTimeout(resolve, STALL * ((number * 7) % 10) / 10));
        return reply(request, outgoing, await serve());
      case "error-after":
      case "twice":
        await serve();
        return reply(request, outgoing, refusal(fault) ?? await serve());
      case "no-effect":
        if (request.method === "PUT") {
          const replaces = incoming.headers["if-match"]?.replaceAll('"', "");
          pretences.push({ key: keyOf(request), replaces });
        }
        return reply(request, outgoing, pretended(request, body) ?? await serve());
      case "stale-list": {
        const before = isListing(request) ? listings.get(request.target) : undefined;
        return reply(request, outgoing, before ?? await serve());
      }
      default:
        return reply(request, outgoing, refusal(fault) ?? alter(fault, request, await serve()));
    }
  }

  const server = createServer((incoming, outgoing) => {
    incoming.on("error", () => {});
    outgoing.on("error", () => {});
    // A killed client is gone when its response arrives.
    const answering = answer(incoming, outgoing)
      .catch(() => void incoming.socket.destroy())
      .finally(() => pending.delete(answering));
    pending.add(answering);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan(faults) {
      plan = faults;
      number = 0;
      befallen = [];
      pretences = [];
    },
    faults: () => befallen,
    pretences: () => pretences,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      await Promise.all(pending);
      agent.destroy();
    },
  };
}

function isListing({ method, target }: S3Request): boolean {
  return method === "GET" && target.includes("list-type=2");
}

function reply({ method }: S3Request, outgoing: ServerResponse, answer: Answer): void {
  const { status, headers, body } = answer;
  const length = method === "HEAD" || status === 204 ? {} : { "content-length": body.length };
  outgoing.writeHead(status, { ...headers, ...length });
  outgoing.end(body);
}

/** Promises a full response, sends half of it, and closes the connection. */
function cutWithin(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  outgoing.writeHead(status, { ...headers, "content-length": Math.max(2, body.length) });
  outgoing.write(body.subarray(0, Math.max(1, body.length >> 1)), () => outgoing.socket?.destroy());
}

async function whole(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = await Array.fromAsync(message);
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}
