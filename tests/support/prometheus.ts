import { startServer } from "../../tasks/demo/server_process.ts";
import { onFreePort, untilAnswers } from "./on_free_port.ts";

const programs = ["/usr/bin/prometheus", "/usr/bin/promtool"];
const isInstalled = programs.every((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/**
 * Declares a test that needs Prometheus. If Prometheus is not installed, the test fails in CI and is
 * ignored elsewhere, with the reason in its name.
 */
export function prometheusTest(name: string, run: () => Promise<void>): void {
  if (isInstalled) return Deno.test(name, run);
  const missing = `${name}: Prometheus is not installed here, it needs the package prometheus`;
  Deno.test({
    name: missing,
    ignore: Deno.env.get("CI") !== "true",
    fn() {
      throw new Error(missing);
    },
  });
}

/** Runs promtool, and returns its exit code and its output. */
export async function promtool(
  args: readonly string[],
  input = "",
): Promise<{ readonly code: number; readonly output: string }> {
  const child = new Deno.Command("/usr/bin/promtool", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, output: text(stdout) + text(stderr) };
}

/** A Prometheus on a free port of 127.0.0.1. Ended on disposal. */
export interface RunningPrometheus extends AsyncDisposable {
  /** Returns the series of an expression: their labels and values. */
  query(expression: string): Promise<readonly Sample[]>;
  /** Returns the names of the alerts that fire. */
  firing(): Promise<readonly string[]>;
}

/** A series with its current value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a Prometheus scrapes and evaluates. */
export interface PrometheusOptions {
  /** The addresses by job. */
  readonly targets: Readonly<Record<string, string>>;
  /** The text of a rules file. */
  readonly rules?: string;
}

/** Starts a Prometheus that scrapes targets every 2 s, and evaluates rules every 200 ms. */
export function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus> {
  return onFreePort((port) => start(port, options));
}

async function start(
  port: number,
  { targets, rules }: PrometheusOptions,
): Promise<RunningPrometheus> {
  const folder = await Deno.makeTempDir({ prefix: "prometheus-" });
  if (rules !== undefined) await Deno.writeTextFile(`${folder}/rules.yaml`, rules);
  const config = {
    // A busy exporter does not answer within the shortest intervals.
    global: { scrape_interval: "2s", scrape_timeout: "2s", evaluation_interval: "200ms" },
    rule_files: rules === undefined ? [] : [`${folder}/rules.yaml`],
    scrape_configs: Object.entries(targets).map(([job_name, address]) => ({
      job_name,
      static_configs: [{ targets: [address] }],
    })),
  };
  await Deno.writeTextFile(`${folder}/prometheus.json`, JSON.stringify(config));
  const server = startServer({
    command: [
      "/usr/bin/prometheus",
      `--config.file=${folder}/prometheus.json`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    log: `${folder}/log`,
    remove: folder,
  });
  const api = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const { status, data, error } = await response.json();
    if (status !== "success") throw new Error(error);
    return data;
  };
  try {
    await untilAnswers(server, async () => {
      const response = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      await response?.body?.cancel();
      return response?.ok === true;
    });
  } catch (error) {
    const log = await Deno.readTextFile(`${folder}/log`).catch(() => "");
    await server.stop();
    throw new Error(log, { cause: error });
  }
  return {
    async query(expression) {
      const { result } = await api(`query?query=${encodeURIComponent(expression)}`);
      // deno-lint-ignore no-explicit-any
      return result.map(({ metric, value }: any) => ({ labels: metric, value: Number(value[1]) }));
    },
    async firing() {
      const { alerts } = await api("alerts");
      // deno-lint-ignore no-explicit-any
      const firing = alerts.filter(({ state }: any) => state === "firing");
      // deno-lint-ignore no-explicit-any
      return [...new Set<string>(firing.map(({ labels }: any) => labels.alertname))].sort();
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
