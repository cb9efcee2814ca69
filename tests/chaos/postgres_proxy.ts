import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { DatabaseConfig } from "../../pipeline/config.ts";

/** A fault of one Postgres connection. */
export interface PostgresFault {
  readonly kind: (typeof POSTGRES_FAULTS)[number];
  /** Number of bytes that the server sends before the fault. */
  readonly after: number;
}

/** The kinds of fault of a Postgres connection. */
export const POSTGRES_FAULTS = [
  /** The connection is closed as soon as it is established. */
  "refuse",
  /** The connection is reset. */
  "reset",
  /** The server side closes the connection, as if the server had stopped. */
  "end",
  /** Data is held back for a while, and then sent in full. */
  "stall",
] as const;

/** A proxy in front of Postgres that injects planned faults. */
export interface PostgresProxy extends AsyncDisposable {
  /** Returns a database configuration that connects through the proxy. */
  through(config: DatabaseConfig): DatabaseConfig;
  /** Begins a run and sets the fault of its next connection. Later connections have no fault. */
  plan(fault: PostgresFault | undefined): void;
  /** Returns the faults since the run began. */
  faults(): readonly PostgresFault["kind"][];
}

/** Duration of a stall in milliseconds. */
const STALL = 300;

/** Starts a proxy on a free loopback port, without faults. */
export async function startPostgresProxy({ host, port }: DatabaseConfig): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  let planned: PostgresFault | undefined;
  let befallen: PostgresFault["kind"][] = [];

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // "close" on the other socket ends the pair
    return socket;
  }

  function accept(client: Socket): void {
    keep(client);
    const fault = planned;
    planned = undefined;
    if (fault?.kind === "refuse") {
      befallen.push("refuse");
      client.destroy();
      return;
    }
    const server = keep(connect(port, host));
    client.on("close", () => server.destroy());
    server.on("close", () => client.end());
    client.on("data", (bytes) => server.write(bytes));
    let said = 0;
    let happened = fault === undefined;
    server.on("data", (bytes: Uint8Array) => {
      said += bytes.length;
      if (happened || said <= fault!.after) return void client.write(bytes);
      happened = true;
      befallen.push(fault!.kind);
      const before = bytes.subarray(0, Math.max(0, fault!.after - (said - bytes.length)));
      if (fault!.kind === "stall") {
        client.write(before);
        server.pause();
        setTimeout(() => {
          client.write(bytes.subarray(before.length));
          server.resume();
        }, STALL);
        return;
      }
      server.destroy();
      if (fault!.kind === "end") client.end(before);
      else client.write(before, () => client.resetAndDestroy());
    });
  }

  const listener = createServer(accept);
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const own = (listener.address() as AddressInfo).port;
  return {
    through: (config) => ({ ...config, host: "127.0.0.1", port: own }),
    plan(fault) {
      planned = fault;
      befallen = [];
    },
    faults: () => befallen,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, "close");
    },
  };
}
