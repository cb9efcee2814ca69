import { parseDay } from "../../pipeline/contract/window.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { valueOf } from "../support/exporter.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { prometheusTest, promtool } from "../support/prometheus.ts";
import { publish } from "../support/published_days.ts";
import { environment, runTask } from "../support/task.ts";

// Runs the commands with --metrics-file, on a real Postgres and a lake in a directory.

const DAY = parseDay("2025-12-28")!;

interface Folder extends AsyncDisposable {
  readonly path: string;
  readonly file: string;
  /** Returns the text of the file. It is the only file in the folder. */
  text(): Promise<string>;
}

async function metricsFolder(): Promise<Folder> {
  const path = await Deno.makeTempDir({ prefix: "metrics-" });
  const file = `${path}/deep-storage.prom`;
  return {
    path,
    file,
    async text() {
      const names = [...Deno.readDirSync(path)].map(({ name }) => name);
      assertEquals(names, ["deep-storage.prom"]);
      return await Deno.readTextFile(file);
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test("run --metrics-file: writes exit code, durations, days and the verdict of each check", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(30)] });
  await using lake = await temporaryLake();
  await using folder = await metricsFolder();
  const env = environment(db.config, lake.path);
  const flags = ["--metrics-file", folder.file];
  const first = await runTask("run", [DAY, ...flags, "--output", "json"], env);
  assertEquals([first.code, first.stderr], [0, ""]);
  assert(!first.stdout.includes("measured"), first.stdout);
  const text = await folder.text();
  const value = (series: string) => valueOf(text, `deep_storage_${series}`);
  assertEquals(value('run_exit_code{command="run"}'), 0);
  assertEquals(value('run_windows{command="run",result="success"}'), 1);
  assertEquals(value('run_windows{command="run",result="failure"}'), 0);
  for (const step of ["bronze", "silver", "postflight"]) {
    const seconds = value(`run_step_duration_seconds{command="run",day="${DAY}",step="${step}"}`);
    assert(seconds! > 0, step);
  }
  const check = `command="run",day="${DAY}",check="silver-rows"`;
  assertEquals(value(`check_verdict{${check},verdict="pass"}`), 1);
  const ended = value('run_end_timestamp_seconds{command="run"}')!;
  assert(Math.abs(Date.now() / 1000 - ended) < 600);

  // A run that fails replaces the file.
  await db.query("DELETE FROM stop_events WHERE client_id = 1 AND event_seq = 1");
  const second = await runTask("run", ["--from", DAY, "--to", DAY, ...flags], env);
  assertEquals(second.code, 1);
  const failed = await folder.text();
  const after = (series: string) => valueOf(failed, `deep_storage_${series}`);
  assertEquals(after('run_exit_code{command="run"}'), 1);
  assertEquals(after('run_windows{command="run",result="failure"}'), 1);
  assert(!failed.includes("check_verdict"), failed);
});

Deno.test("run --metrics-file: writes the file also if the database is out of reach", async () => {
  await using lake = await temporaryLake();
  await using folder = await metricsFolder();
  const env = {
    DJANGO_DB_HOST: "127.0.0.1",
    DJANGO_DB_PORT: "1",
    DJANGO_DB_PASSWORD: "not in the file",
    LAKE_URL: `file://${lake.path}`,
  };
  const { code } = await runTask("run", ["--pending", "--metrics-file", folder.file], env);
  assertEquals(code, 3);
  const text = await folder.text();
  assertEquals(valueOf(text, 'deep_storage_run_exit_code{command="run"}'), 3);
  assert(!text.includes("not in the file"));
});

Deno.test("postflight --metrics-file: writes a verdict that fails", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await using folder = await metricsFolder();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", [DAY], env)).code, 0);
  await db.query("UPDATE stop_events SET fill_price = 1 WHERE fill_price IS NOT NULL");
  const { code } = await runTask("postflight", [DAY, "--metrics-file", folder.file], env);
  assertEquals(code, 1);
  const check = `{command="postflight",day="${DAY}",check="row-counts"`;
  const text = await folder.text();
  assertEquals(valueOf(text, `deep_storage_check_verdict${check},verdict="fail"}`), 1);
  assertEquals(valueOf(text, `deep_storage_check_findings${check}}`), 1);
});

Deno.test("status --metrics-file: writes the days, and that the lake is down if it cannot be read", async () => {
  await using lake = await temporaryLake();
  await using folder = await metricsFolder();
  const env = { LAKE_URL: `file://${lake.path}` };
  await publish(lake, DAY, 4);
  const flags = ["--metrics-file", folder.file];
  assertEquals((await runTask("status", flags, env)).code, 0);
  const text = await folder.text();
  assertEquals(valueOf(text, `deep_storage_day_rows{day="${DAY}",layer="bronze"}`), 4);
  assertEquals(valueOf(text, 'deep_storage_up{source="lake"}'), 1);
  await Deno.rename(`${lake.path}/bronze`, `${lake.path}/elsewhere`);
  await Deno.writeTextFile(`${lake.path}/bronze`, "not a folder");
  const { code } = await runTask("status", flags, env);
  assert(code > 0);
  const down = await folder.text();
  assertEquals(valueOf(down, 'deep_storage_up{source="lake"}'), 0);
  assertEquals(valueOf(down, 'deep_storage_run_exit_code{command="status"}'), code);
  assert(!down.includes("day_rows"), down);
});

Deno.test("preflight --metrics-file: writes the verdict of each check", async () => {
  await using folder = await metricsFolder();
  const flags = ["--facts", "manifests", "--metrics-file", folder.file];
  const { code } = await runTask("preflight", flags);
  assertEquals(code, 0);
  const text = await folder.text();
  assertEquals(valueOf(text, 'deep_storage_run_exit_code{command="preflight"}'), 0);
  const check = 'command="preflight",check="dns-egress",verdict="pass"';
  assertEquals(valueOf(text, `deep_storage_check_verdict{${check}}`), 1);
});

Deno.test("--metrics-file: refuses a name that no collector reads, and a folder that is missing", async () => {
  await using lake = await temporaryLake();
  const env = { LAKE_URL: `file://${lake.path}` };
  for (
    const [file, problem] of [
      ["metrics.txt", "only files that end in .prom"],
      ["/no/such/folder/a.prom", "there is no folder /no/such/folder/"],
    ] as const
  ) {
    const { code, stderr } = await runTask("status", ["--metrics-file", file], env);
    assertEquals(code, 2);
    assertStringIncludes(stderr, problem);
  }
});

prometheusTest("--metrics-file: promtool finds no fault in the files", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  await using folder = await metricsFolder();
  const env = environment(db.config, lake.path);
  for (const args of [["run", DAY], ["status"], ["postflight", DAY]]) {
    const [name, ...rest] = args as [string, ...string[]];
    const { code } = await runTask(name, [...rest, "--metrics-file", folder.file], env);
    assertEquals(code, 0, name);
    const checked = await promtool(["check", "metrics"], await folder.text());
    assertEquals(checked, { code: 0, output: "" }, name);
  }
});
