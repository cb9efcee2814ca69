import { type JobOptions, type JobRun, JOBS, jobVariables, programEnvironment } from "./spark.ts";

// A driver in which several jobs run, one after the other. The start of a JVM takes most of the time
// of a job.

/** A driver for several jobs. Ended on disposal. */
export interface JobDriver extends AsyncDisposable {
  /** Runs a job after the earlier ones. */
  submit(options: JobOptions): Promise<JobRun>;
}

const PROGRAM = new URL("driver_process.py", import.meta.url).pathname;
const END = /\nJOB ENDED WITH (\d+)\n/;

/** Starts a driver. Its JVM starts with its first job. */
export async function startDriver(): Promise<JobDriver> {
  const scratch = await Deno.makeTempDir({ prefix: "spark-" });
  const { python, env } = await programEnvironment(scratch);
  const start = () => {
    const child = new Deno.Command(python, {
      args: [PROGRAM],
      cwd: scratch,
      clearEnv: true,
      env: {
        ...env,
        // The zone of a JVM is that of its first job.
        TZ: "Asia/Kathmandu",
        PYTHONPATH: JOBS,
        PYSPARK_SUBMIT_ARGS: "--master local[2] --driver-memory 1g pyspark-shell",
      },
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    // A stream that decodes would read ahead, from one test into the next.
    const output = child.stderr.getReader();
    return { child, output, decoder: new TextDecoder(), input: child.stdin.getWriter(), said: "" };
  };
  let running = start();
  const run = async ({ job, prelude = "", ...options }: JobOptions): Promise<JobRun> => {
    const order = { path: `${JOBS}${job}`, prelude, env: jobVariables({ job, ...options }) };
    // If the process has ended, the end of its output tells.
    const line = new TextEncoder().encode(`${JSON.stringify(order)}\n`);
    await running.input.write(line).catch(() => {});
    for (;;) {
      const end = END.exec(running.said);
      if (end !== null) {
        const said = running.said.slice(0, end.index);
        running.said = running.said.slice(end.index + end[0].length);
        return { code: Number(end[1]), said };
      }
      const { value, done } = await running.output.read();
      if (done) {
        const { said } = running;
        running = start(); // for the jobs of the other tests
        throw new Error(`The driver has ended:\n${said}`);
      }
      running.said += running.decoder.decode(value, { stream: true });
    }
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    submit(options) {
      const result = last.then(() => run(options));
      last = result.catch(() => {});
      return result;
    },
    async [Symbol.asyncDispose]() {
      const { child, input, output } = running;
      await input.close().catch(() => {});
      while (!(await output.read()).done); // the JVM ends last, and removes its files
      await child.status;
      await Deno.remove(scratch, { recursive: true });
    },
  };
}
