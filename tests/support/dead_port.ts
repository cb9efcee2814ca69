import { freePort } from "../../tasks/demo/free_port.ts";

/**
 * Returns a port of 127.0.0.1 where no server listens, and where no test starts one. The demo, the
 * tests and Linux choose the ports of their servers from higher ones.
 */
export function deadPort(): number {
  return freePort(18_000, 2_000);
}
