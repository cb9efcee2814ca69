/** The demo, the tests and Linux choose the ports of their servers from higher ones. */
const FIRST = 18_000;
const COUNT = 2_000;

/** Returns a port of 127.0.0.1 where no server listens, and where no test starts one. */
export function deadPort(): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
