/** A way to a server on which bytes can get lost. It ends with its block. */
export interface StallingProxy extends AsyncDisposable {
  readonly port: number;
}

/**
 * Passes everything on, until the server has sent so many bytes. What it sends after that gets lost,
 * and neither side is told, as behind a firewall that forgot the connection.
 */
export function stallingProxy(port: number, after: number): StallingProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  const flows: Promise<void>[] = [];

  async function pass(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port });
    open.push(client, server);
    let left = after;
    const lossy = new TransformStream<Uint8Array, Uint8Array>({
      transform(bytes, out) {
        if (left > 0) out.enqueue(bytes.subarray(0, left));
        left -= bytes.length;
      },
    });
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeThrough(lossy).pipeTo(client.writable),
    ]);
  }

  const serving = (async () => {
    for await (const client of listener) flows.push(pass(client));
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // it ended by itself
        }
      }
      await Promise.all(flows);
    },
  };
}
