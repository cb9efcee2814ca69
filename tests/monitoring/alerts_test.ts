import { parse, stringify } from "yaml";
import { dayOf, daysBetween, windowOf } from "../../pipeline/contract/window.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { generatedEvents } from "../../tasks/demo/events.ts";
import { freePort } from "../../tasks/demo/free_port.ts";
import { ALERT_PAGES } from "../../tasks/explain/pages.ts";
import { until } from "../cluster/until.ts";
import { blocksOf, edited } from "../runbook/blocks.ts";
import { openShell } from "../runbook/shell.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { type RunningExporter, startExporter } from "../support/exporter.ts";
import { temporaryLake } from "../support/lakes.ts";
import { onOneDay } from "../support/one_day.ts";
import { outbox } from "../support/postgres.ts";
import { prometheusTest, promtool, startPrometheus } from "../support/prometheus.ts";
import { environment, ROOT, runTask } from "../support/task.ts";

// The alerts and the dashboard: their sources, their unit tests, and a drill in which each alert fires
// and clears on a real Prometheus, a real exporter, a real Postgres and a lake in a directory.

const MONITORING = new URL("../../monitoring/", import.meta.url);
const read = (file: string) => Deno.readTextFileSync(new URL(file, MONITORING));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  for: string;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Rules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

const rules: Rules = parse(read("alerts.yaml"));
const alerts = rules.groups.flatMap((group) => group.rules);
const dashboard: {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
} = JSON.parse(read("dashboard.json"));
/** The expressions of the dashboard. Grafana sets the variable. */
const expressions = dashboard.panels.flatMap(({ targets }) => targets)
  .map(({ expr }) => expr.replaceAll("$__rate_interval", "5m"));

Deno.test("alerts: each alert has its page in the runbook, and each page its alert", () => {
  for (const { alert, annotations } of alerts) {
    const { runbook, summary, description } = annotations;
    const page = runbook!.replace("deno task explain ", "");
    assert(ALERT_PAGES.has(page), page);
    const text = Deno.readTextFileSync(new URL(`../runbook/${page}.md`, MONITORING));
    assertStringIncludes(text, `\`${alert}\``);
    assert(summary !== undefined && description !== undefined);
  }
  assertEquals(alerts.length, ALERT_PAGES.size);
});

prometheusTest(
  "alerts: promtool finds no fault in the rules, and their unit tests pass",
  async () => {
    const file = new URL("alerts.yaml", MONITORING).pathname;
    const checked = await promtool(["check", "rules", file]);
    assertEquals(checked.code, 0, checked.output);
    assertStringIncludes(checked.output, `${alerts.length} rules found`);
    const tests = new URL("alerts.yaml", import.meta.url).pathname;
    const tested = await promtool(["test", "rules", tests]);
    assertEquals(tested.code, 0, tested.output);
    const text = Deno.readTextFileSync(tests);
    for (const { alert } of alerts) assertStringIncludes(text, alert);
  },
);

/** The rules with the shortest possible durations in `for`. Their expressions are unchanged. */
function impatientRules(): string {
  const copy = structuredClone(rules);
  for (const rule of copy.groups.flatMap((group) => group.rules)) rule.for = "0s";
  return stringify(copy);
}

/** Serves the current text of a file on a free port of 127.0.0.1. */
function serveFile(file: string): { readonly address: string } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async () =>
      new Response(await Deno.readTextFile(file), {
        headers: { "content-type": "text/plain; version=0.0.4" },
      }),
  );
  return {
    address: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** An operator who pastes the diagnosis of a page. */
interface Operator extends AsyncDisposable {
  /**
   * Pastes the commands of the section Diagnosis, with the values in the lines that have a comment.
   * Returns what the terminal showed.
   */
  diagnose(page: string, values?: Readonly<Record<string, string>>): Promise<string>;
}

/** What the drill does not have: a cluster. */
const NEEDS_CLUSTER = /\bkubectl\b|^deno task schedule$/;

async function operator(env: Readonly<Record<string, string>>): Promise<Operator> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/bin`);
  await Deno.symlink(Deno.execPath(), `${folder}/bin/deno`);
  const { PATH = "", HOME = "" } = Deno.env.toObject();
  const of = { HOME, PATH: `${folder}/bin:${PATH}`, NO_COLOR: "1", TERM: "dumb", PAGER: "cat" };
  let shells = 0;
  return {
    async diagnose(page, values = {}) {
      const shell = await openShell(`${folder}/${++shells}`, ROOT.pathname, { ...of, ...env });
      const text = Deno.readTextFileSync(new URL(`../runbook/${page}.md`, MONITORING));
      const blocks = blocksOf(text).filter(({ language, section }) =>
        language === "sh" && section === "Diagnosis"
      );
      // Line by line, because a command that fails would end its block.
      const lines = blocks.flatMap((block) => edited(block, values).text.split("\n"))
        .filter((line) => !NEEDS_CLUSTER.test(line));
      let all = "";
      for (const line of lines) {
        const { shown } = await shell.paste(line);
        assert(!/^(Cannot (understand|use) |bash: )/m.test(shown), `${line}: ${shown}`);
        all += shown;
      }
      return all;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

prometheusTest(
  "alerts: each alert fires and clears in a drill, and every panel has data",
  () => onOneDay(drill),
);

/** Lets each alert fire and clear. */
async function drill(): Promise<void> {
  const now = BigInt(Date.now()) * 1000n;
  const DAY_MICROS = 86_400_000_000n;
  const [first, last] = [dayOf(now - 3n * DAY_MICROS), dayOf(now - DAY_MICROS)];
  const days = [...daysBetween(first, last)];
  const events = days.map((day, seed) => generatedEvents(20, { day, seed }));
  await using db = await outbox({ events });
  await using lake = await temporaryLake();
  const folder = await Deno.makeTempDir();
  const env = { ...environment(db.config, lake.path), SEAL_GRACE_MINUTES: "0" };
  const succeeds = async (name: string, ...args: string[]) => {
    const { code, stdout, stderr } = await runTask(name, args, env);
    assertEquals(code, 0, `${name}: ${stdout}${stderr}`);
  };
  await succeeds("run", last, "--metrics-file", `${folder}/run.prom`);
  await using files = serveFile(`${folder}/run.prom`);
  await using onCall = await operator(env);
  const shows = async (page: string, texts: string[], values?: Record<string, string>) => {
    const shown = await onCall.diagnose(page, values);
    for (const text of texts) assertStringIncludes(shown, text, page);
  };

  // After a restart, the exporter listens on the same port.
  const listen = ["--listen", `127.0.0.1:${freePort()}`];
  const flags = [...listen, "--interval", "1", "--check-interval", "1", "--from", first];
  let exporter: RunningExporter = await startExporter(env, flags);
  const { address } = exporter;
  try {
    await using prometheus = await startPrometheus({
      targets: { "deep-storage": address, node: files.address },
      rules: impatientRules(),
    });
    const fire = (...expected: string[]) =>
      until(`exactly these alerts fire: ${expected.join(", ") || "none"}`, async () => {
        return (await prometheus.firing()).join() === expected.join();
      });

    // The oldest day ended two days ago and is not sealed yet.
    await fire("DeepStorageDayOpen");
    await shows("alert-day-open", [`${first}  missing`, `deno task run --date ${first}`]);
    await succeeds("run", "--from", first, "--to", last);
    await fire();

    for (const expression of expressions) {
      const mayBeEmpty = /verdict!=|findings\) > 0/.test(expression);
      // Prometheus refuses an expression with a wrong syntax.
      await until(`${expression} has data`, async () => {
        return (await prometheus.query(expression)).length > 0 || mayBeEmpty;
      });
    }

    const markers = days.flatMap((day) => [bronzeMarkerKey(day), silverMarkerKey(day)]);
    const storeAt = (time: number) =>
      Promise.all(markers.map((key) => Deno.utime(lake.file(key), time, time)));
    await storeAt(Date.now() / 1000 - 27 * 3600);
    await fire("DeepStorageNothingSealed");
    await shows("alert-nothing-sealed", [`${last}  sealed`, "status: "]);
    await storeAt(Date.now() / 1000);
    await fire();

    const start = windowOf(last).start / 1_000_000n;
    await db.query(`
    INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                             event_type, source)
    VALUES ('99999999-9999-4999-8999-999999999999', 99999999, to_timestamp(${start}), 9, 1,
            'BTCUSDC', 'EXECUTED', 'manual')`);
    // Postflight compares the same events, so its check fails too.
    await fire("DeepStorageCheckFailing", "DeepStorageSealedDayDiffers");
    const late = { DAY: last };
    await shows("alert-sealed-day-differs", ["+1 late", "1 event came late"], late);
    await shows("alert-check-failing", ["row-counts\r\n", "FAIL   row-counts"], late);
    await succeeds("amend", last, "--yes");
    await fire();

    await exporter.end();
    await fire("DeepStorageExporterDown");
    const EXPORTER = address;
    await shows("alert-exporter-down", ["Failed to connect", "PASS   lake-login"], { EXPORTER });
    exporter = await startExporter(env, flags);
    await fire();

    await db.query("ALTER TABLE stop_events RENAME TO elsewhere");
    await fire("DeepStorageCheckFailing", "DeepStorageExporterDown");
    await shows("alert-exporter-down", ['{source="outbox"} 0', '{source="lake"} 1'], {
      EXPORTER,
    });
    const { code } = await runTask("run", [last, "--metrics-file", `${folder}/run.prom`], env);
    assert(code !== 0);
    await fire("DeepStorageCheckFailing", "DeepStorageExporterDown", "DeepStorageRunFailed");
    await shows("alert-run-failed", ["stop_events"]);
    await db.query("ALTER TABLE elsewhere RENAME TO stop_events");
    await succeeds("run", last, "--metrics-file", `${folder}/run.prom`);
    await fire();
  } finally {
    await exporter.end();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("alerts: every metric of the alerts and of the dashboard is in the table of the documentation", () => {
  const text = [...alerts.map(({ expr }) => expr), ...expressions].join("\n");
  const names = new Set(text.match(/deep_storage_\w+/g));
  const documented = Deno.readTextFileSync(new URL("../docs/monitoring.md", MONITORING));
  for (const name of names) assertStringIncludes(documented, `| \`${name}\` `);
  assert(names.size > 20);
});
