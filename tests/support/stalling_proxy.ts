/** A proxy in front of a server that can lose bytes. Stopped on disposal. */
export interface StallingProxy extends AsyncDisposable {
  readonly port: number;
}

/**
 * Forwards all data until the server has sent this many bytes. Later bytes of the server are lost
 * without any signal to either side, as behind a firewall that dropped the connection.
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
          // the process has already exited
        }
      }
      await Promise.all(flows);
    },
  };
}
