import process from "node:process";
import { MOST_CPU, OVER_CPU_LIMIT } from "./limits.ts";

// A thread beside the parser's thread. It ends the whole process if one input takes too long.

/** Milliseconds between two checks of the current input. */
const LOOK = 100;

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Checks the number of the current input until the process exits. */
function watch(current: Int32Array): void {
  let [seen, since] = [-1, 0];
  setInterval(() => {
    const input = Atomics.load(current, 0);
    if (input !== seen) {
      [seen, since] = [input, cpu()];
    } else if (input >= 0 && cpu() - since > MOST_CPU) {
      Deno.stderr.writeSync(new TextEncoder().encode(`${OVER_CPU_LIMIT}\n`));
      Deno.kill(Deno.pid, "SIGKILL");
    }
  }, LOOK);
}

globalThis.addEventListener("message", (event) => watch((event as MessageEvent).data));
