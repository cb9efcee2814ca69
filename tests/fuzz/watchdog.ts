import process from "node:process";
import { MOST_CPU, SPINS } from "./limits.ts";

// A thread beside the one that parses. It ends the whole process where one input takes too long.

/** Milliseconds between two looks. */
const LOOK = 100;

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Looks at the number of the input that is under way, for as long as the process lives. */
function watch(current: Int32Array): void {
  let [seen, since] = [-1, 0];
  setInterval(() => {
    const input = Atomics.load(current, 0);
    if (input !== seen) {
      [seen, since] = [input, cpu()];
    } else if (input >= 0 && cpu() - since > MOST_CPU) {
      Deno.stderr.writeSync(new TextEncoder().encode(`${SPINS}\n`));
      Deno.kill(Deno.pid, "SIGKILL");
    }
  }, LOOK);
}

globalThis.addEventListener("message", (event) => watch((event as MessageEvent).data));
