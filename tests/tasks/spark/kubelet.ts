import { controlPlane } from "../../support/control_plane.ts";

/** A server that plays the part of a kubelet that serves logs. Stopped on disposal. */
export interface LogServer extends AsyncDisposable {
  readonly port: number;
  /** Adds a line to the log of a pod. */
  write(pod: string, line: string): void;
  /** Ends the log of a pod, because its container has ended. */
  end(pod: string): void;
  /** Ends all connections without ending a log. Returns their number. */
  drop(): number;
  /** Returns the number of connections that wait for lines. */
  readers(): number;
}

interface Log {
  readonly lines: string[];
  isOver: boolean;
  readonly readers: Set<ReadableStreamDefaultController<Uint8Array>>;
}

/** Starts a server of logs on a free port of 127.0.0.1. */
export async function serveLogs(): Promise<LogServer> {
  const { folder } = controlPlane();
  const [cert, key] = await Promise.all(
    ["server.crt", "server.key"].map((name) => Deno.readTextFile(`${folder}/${name}`)),
  );
  const logs = new Map<string, Log>();
  const logOf = (pod: string): Log => {
    const log = logs.get(pod) ?? { lines: [], isOver: false, readers: new Set() };
    logs.set(pod, log);
    return log;
  };
  const encode = (line: string) => new TextEncoder().encode(`${line}\n`);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: cert!,
    key: key!,
    onListen() {},
  }, ({ url }) => {
    const [, , , pod = ""] = new URL(url).pathname.split("/");
    const log = logOf(pod);
    let reader: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        reader = controller;
        for (const line of log.lines) controller.enqueue(encode(line));
        if (log.isOver) controller.close();
        else log.readers.add(controller);
      },
      cancel: () => void log.readers.delete(reader),
    });
    return new Response(body, { headers: { "content-type": "text/plain" } });
  });
  const close = (log: Log) => {
    const { size } = log.readers;
    for (const reader of log.readers) reader.close();
    log.readers.clear();
    return size;
  };
  return {
    port: server.addr.port,
    write(pod, line) {
      const log = logOf(pod);
      log.lines.push(line);
      for (const reader of log.readers) reader.enqueue(encode(line));
    },
    end(pod) {
      logOf(pod).isOver = true;
      close(logOf(pod));
    },
    readers: () => [...logs.values()].reduce((count, { readers }) => count + readers.size, 0),
    drop: () => [...logs.values()].reduce((count, log) => count + close(log), 0),
    async [Symbol.asyncDispose]() {
      for (const log of logs.values()) close(log);
      await server.shutdown();
    },
  };
}
