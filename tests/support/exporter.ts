import { assertEquals } from "./assert.ts";
import { spawnTask } from "./task.ts";

/** A running exporter. Ended on disposal. */
export interface RunningExporter extends AsyncDisposable {
  /** The address, as in `127.0.0.1:41234`. */
  readonly address: string;
  /** What it printed up to the line with its address. */
  readonly printed: string;
  /** Returns the metrics as text. */
  scrape(): Promise<string>;
  /** Sends SIGTERM, and returns the exit code and the standard error. */
  end(): Promise<{ readonly code: number; readonly stderr: string }>;
}

/** Starts the task `exporter` on a free port of 127.0.0.1, unless the arguments name an address. */
export async function startExporter(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<RunningExporter> {
  const listen = args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
  const child = spawnTask("exporter", [...listen, ...args], env);
  const errors = new Response(child.stderr).text();
  const printed = await printedUntilAddress(child.stdout);
  const address = ADDRESS.exec(printed)?.[1];
  if (address === undefined) throw new Error(`The exporter did not start: ${await errors}`);
  let ended: ReturnType<RunningExporter["end"]> | undefined;
  const end = () =>
    ended ??= (async () => {
      child.kill("SIGTERM");
      return { code: (await child.status).code, stderr: await errors };
    })();
  return {
    address,
    printed,
    async scrape() {
      // On a busy machine, the first reading can take longer than a scrape waits by default.
      const headers = { "x-prometheus-scrape-timeout-seconds": "180" };
      const response = await fetch(`http://${address}/metrics`, { headers });
      assertEquals(response.status, 200);
      return await response.text();
    },
    end,
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

const ADDRESS = /http:\/\/(\S+)\/metrics/;

/** Reads the output until the exporter prints its address, and drops its later output. */
async function printedUntilAddress(output: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const reader = output.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return text;
    text += value;
    if (ADDRESS.test(text)) {
      await reader.cancel();
      return text;
    }
  }
}

/** The value of a series in the text format; undefined if the text has no such series. */
export function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
