import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { DatabaseConfig } from "../../pipeline/config.ts";

/** What befalls one connection with Postgres. */
export interface PostgresFault {
  readonly kind: (typeof POSTGRES_FAULTS)[number];
  /** Bytes that the server says before it happens. */
  readonly after: number;
}

/** The kinds of fault that a connection with Postgres can have. */
export const POSTGRES_FAULTS = [
  /** The connection ends as soon as it stands. */
  "refuse",
  /** The connection is reset. */
  "reset",
  /** The server's side of it ends, as if the server had gone. */
  "end",
  /** Nothing comes for a while, and then all of it. */
  "stall",
] as const;

/** A proxy in front of Postgres, which does to connections what it is told. */
export interface PostgresProxy extends AsyncDisposable {
  /** How to connect through it. */
  through(config: DatabaseConfig): DatabaseConfig;
  /** Begins a run: what befalls its next connection. Those that follow have no fault. */
  plan(fault: PostgresFault | undefined): void;
  /** The faults that befell connections since the run began. */
  faults(): readonly PostgresFault["kind"][];
}

/** Milliseconds of a stall. */
const STALL = 300;

/** Starts a proxy on a free port of loopback. It has no faults until it is told. */
export async function startPostgresProxy({ host, port }: DatabaseConfig): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  let planned: PostgresFault | undefined;
  let befallen: PostgresFault["kind"][] = [];

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // the other side hears of it by "close"
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
