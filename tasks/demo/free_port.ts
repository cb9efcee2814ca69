/**
 * The first port and the number of ports that {@linkcode freePort} chooses from. Systems give higher
 * ports to clients, and to servers that ask for any port. Only another call of freePort can choose
 * the same port before its server listens on it. This is rare, and the demo then tries another port.
 */
const FIRST = 20_000;
const COUNT = 12_000;

/** Returns a free port of 127.0.0.1, chosen at random from a range. */
export function freePort(first = FIRST, count = COUNT): number {
  for (;;) {
    const port = first + Math.floor(Math.random() * count);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
