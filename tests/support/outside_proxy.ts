/** A proxy on an address of this machine that other machines can use. Stopped on disposal. */
export interface OutsideProxy extends AsyncDisposable {
  /** The address or the name of this machine, which is no loopback address. */
  readonly host: string;
  /** The TCP port. */
  readonly port: number;
}

/** Forwards all data to a port of 127.0.0.1, for commands that refuse loopback hosts. */
export function outsideProxy(port: number): OutsideProxy {
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const flows: Promise<unknown>[] = [];

  async function pass(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port });
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
  }

  const serving = (async () => {
    for await (const client of listener) flows.push(pass(client));
  })();
  return {
    host: hostOfMachine(),
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      await Promise.allSettled(flows);
    },
  };
}

/** The first address that is no loopback address. Without one, the name of the machine. */
function hostOfMachine(): string {
  const outside = Deno.networkInterfaces().find(({ family, address }) =>
    family === "IPv4" && !address.startsWith("127.")
  );
  return outside?.address ?? Deno.hostname();
}
