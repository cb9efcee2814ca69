import type { DatabaseConfig, LakeConfig } from "../../pipeline/config.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { type Outcome, perform, type Run } from "./runs.ts";
import type { ProcessFate } from "./window_plan.ts";

/** The order for a process, sent as JSON on its standard input. */
interface Order {
  readonly kind: Run["kind"];
  /** Grace in microseconds, as decimal text (JSON has no bigint). */
  readonly grace: string;
  readonly keepAltered: boolean;
  readonly database: DatabaseConfig;
  readonly lake: LakeConfig;
}

/** A process that has loaded all modules and waits for a request. */
export interface Child {
  /**
   * Starts a run in the process and applies the planned signals.
   *
   * @returns the outcome of the run; undefined if the process was killed before the run ended
   */
  run(
    run: Run,
    database: DatabaseConfig,
    lake: LakeConfig,
    fate: ProcessFate,
  ): Promise<Outcome | undefined>;
}

const READY = "ready\n";

/** Starts a process. The process exits when its run ends or when it is killed. */
export async function startChild(): Promise<Child> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-check", "-P=test", new URL(import.meta.url).pathname],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const said = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(READY)) {
    const { value, done } = await said.read();
    if (done) throw new Error("The child process exited before it was ready.");
    text += value;
  }
  text = text.slice(text.indexOf(READY) + READY.length);

  return {
    async run({ kind, grace = 0n, keepAltered = false }, database, lake, fate) {
      const order: Order = { kind, grace: String(grace), keepAltered, database, lake };
      const writer = process.stdin.getWriter();
      await writer.write(new TextEncoder().encode(JSON.stringify(order)));
      await writer.close();
      await applyFate(fate, (signal) => {
        try {
          process.kill(signal);
        } catch (error) {
          if (!(error instanceof TypeError)) throw error; // the process has already exited
        }
      });
      for (let read = await said.read(); !read.done; read = await said.read()) text += read.value;
      const { signal } = await process.status;
      if (signal === "SIGKILL") return undefined;
      return JSON.parse(text) as Outcome;
    },
  };
}

async function applyFate(fate: ProcessFate, send: (signal: Deno.Signal) => void): Promise<void> {
  if (fate.kind === "whole") return;
  await pause(fate.after);
  if (fate.kind === "killed") return send("SIGKILL");
  send("SIGSTOP");
  await pause(fate.during);
  send("SIGCONT");
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

if (import.meta.main) {
  await Deno.stdout.write(new TextEncoder().encode(READY));
  const { kind, grace, keepAltered, database, lake: config }: Order = await new Response(
    Deno.stdin.readable,
  ).json();
  const lake = await openLake(config);
  const outcome = await perform({ kind, grace: BigInt(grace), keepAltered }, database, lake);
  lake.close();
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(outcome)));
}
