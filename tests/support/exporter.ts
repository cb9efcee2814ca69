import { assertEquals } from "./assert.ts";
import { spawnTask } from "./task.ts";

/** A running exporter. Ended on disposal. */
export interface RunningExporter extends AsyncDisposable {
  /** The address, as in `127.0.0.1:41234`. */
  readonly address: string;
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
  const address = await addressIn(child.stdout);
  if (address === undefined) throw new Error(`The exporter did not start: ${await errors}`);
  let ended: ReturnType<RunningExporter["end"]> | undefined;
  const end = () =>
    ended ??= (async () => {
      child.kill("SIGTERM");
      return { code: (await child.status).code, stderr: await errors };
    })();
  return {
    address,
    async scrape() {
      const response = await fetch(`http://${address}/metrics`);
      assertEquals(response.status, 200);
      return await response.text();
    },
    end,
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

/** Reads the address that the exporter prints, and drops its later output. */
async function addressIn(output: ReadableStream<Uint8Array>): Promise<string | undefined> {
  let text = "";
  const reader = output.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return undefined;
    text += value;
    const address = /http:\/\/(\S+)\/metrics/.exec(text)?.[1];
    if (address !== undefined) {
      await reader.cancel();
      return address;
    }
  }
}

/** The value of a series in the text format; undefined if the text has no such series. */
export function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
