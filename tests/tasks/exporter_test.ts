import { bronzeMarkerKey } from "../../pipeline/contract/keys.ts";
import { parseDay } from "../../pipeline/contract/window.ts";
import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { until } from "../cluster/until.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { startExporter, valueOf } from "../support/exporter.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { prometheusTest, promtool, startPrometheus } from "../support/prometheus.ts";
import { publish, quarantineOf, store } from "../support/published_days.ts";
import { environment, runTask } from "../support/task.ts";

// Starts the exporter as an operator does, on a real Postgres and a lake in a directory.

const DAY = parseDay("2025-12-28")!;
const BEFORE = parseDay("2025-12-27")!;

const LATE_EVENT = `
  INSERT INTO stop_events (event_id, event_seq, occurred_at, operation_id, client_id, symbol,
                           event_type, source)
  VALUES ('99999999-9999-4999-8999-999999999999', 999999, '2025-12-28T15:00:00Z', 9, 1, 'BTCUSDC',
          'EXECUTED', 'manual')`;

Deno.test("exporter: serves the state of a real run, and reads once for many scrapes", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(300)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", [DAY], env)).code, 0);
  await using exporter = await startExporter(env, ["--check-interval", "3600"]);
  const all = await Promise.all(Array.from({ length: 20 }, () => exporter.scrape()));
  for (const text of all) {
    assertEquals(
      valueOf(text, 'deep_storage_readings_total{subject="status",result="success"}'),
      1,
    );
  }
  const text = all[0]!;
  const bytes = (await lake.list("bronze/events/")).filter(({ key }) => key.endsWith(".parquet"))
    .reduce((sum, each) => sum + each.bytes, 0);
  const expected = {
    'deep_storage_up{source="lake"}': 1,
    'deep_storage_up{source="outbox"}': 1,
    'deep_storage_last_sealed_day_timestamp_seconds{layer="bronze"}': 1766880000,
    'deep_storage_last_sealed_day_timestamp_seconds{layer="silver"}': 1766880000,
    'deep_storage_day_rows{day="2025-12-28",layer="bronze"}': 302,
    'deep_storage_day_size_bytes{day="2025-12-28",layer="bronze"}': bytes,
    'deep_storage_day_state{day="2025-12-28",layer="silver",state="sealed"}': 1,
    'deep_storage_windows{layer="bronze",state="sealed"}': 1,
    "deep_storage_late_events": 0,
    "deep_storage_lost_events": 0,
    "deep_storage_quarantined_events": 0,
    "deep_storage_open_windows": 0,
    "deep_storage_failed_windows": 0,
  };
  for (const [series, value] of Object.entries(expected)) {
    assertEquals([series, valueOf(text, series)], [series, value]);
  }
  const now = Date.now() / 1000;
  const age = valueOf(text, 'deep_storage_last_sealed_day_age_seconds{layer="silver"}')!;
  assert(Math.abs(now - 1766880000 - 86400 - age) < 600, `${age}`);
  const stored = valueOf(text, 'deep_storage_last_seal_timestamp_seconds{layer="silver"}')!;
  assert(now - stored >= 0 && now - stored < 600, `${stored}`);

  await until("postflight has run", async () => {
    return (await exporter.scrape()).includes("deep_storage_check_verdict");
  });
  const checked = await exporter.scrape();
  const verdict = 'command="postflight",day="2025-12-28",check="row-counts"';
  assertEquals(valueOf(checked, `deep_storage_check_verdict{${verdict},verdict="pass"}`), 1);
  assertEquals(valueOf(checked, `deep_storage_check_findings{${verdict}}`), 0);
  assertEquals(await exporter.end(), { code: 0, stderr: "" });
});

Deno.test("exporter: counts pending, open and failed days, late, lost and quarantined events", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(30)] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", [DAY], env)).code, 0);
  await using exporter = await startExporter(env, ["--interval", "1", "--from", "2025-12-26"]);
  const reaches = (series: string, value: number) =>
    until(`${series} is ${value}`, async () => valueOf(await exporter.scrape(), series) === value);

  await db.query(LATE_EVENT);
  await reaches("deep_storage_late_events", 1);
  await reaches('deep_storage_day_late_events{day="2025-12-28"}', 1);
  await db.query("DELETE FROM stop_events WHERE client_id = 1 AND event_seq IN (1, 2, 999999)");
  await reaches("deep_storage_late_events", 0);
  await reaches("deep_storage_lost_events", 2);
  await reaches("deep_storage_failed_windows", 1);

  await publish(lake, BEFORE, 3, { state: "open", quarantine: quarantineOf(BEFORE, 2) });
  await reaches("deep_storage_open_windows", 1);
  await reaches("deep_storage_quarantined_events", 2);
  // 2025-12-26 has no marker, so it is the oldest pending day.
  await reaches("deep_storage_oldest_pending_day_end_timestamp_seconds", 1766793600);
  await lake.put(bronzeMarkerKey(parseDay("2025-12-26")!), new TextEncoder().encode("{"));
  await reaches('deep_storage_windows{layer="bronze",state="unusable"}', 1);
});

Deno.test("exporter: after a failed reading, exports that the source is down and no earlier value", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS] });
  await using lake = await temporaryLake();
  const env = environment(db.config, lake.path);
  assertEquals((await runTask("run", [DAY], env)).code, 0);
  await using exporter = await startExporter(env, ["--interval", "1"]);
  const up = (source: string) => `deep_storage_up{source="${source}"}`;
  const reaches = (source: string, value: number) =>
    until(
      `${source} ${value}`,
      async () => valueOf(await exporter.scrape(), up(source)) === value,
    );
  await reaches("outbox", 1);

  await db.query("ALTER TABLE stop_events RENAME TO elsewhere");
  await reaches("outbox", 0);
  const withoutOutbox = await exporter.scrape();
  assertEquals(valueOf(withoutOutbox, up("lake")), 1);
  assertStringIncludes(withoutOutbox, "deep_storage_last_seal_timestamp_seconds");
  assert(!/late_events|lost_events|stray_events/.test(withoutOutbox), withoutOutbox);
  await db.query("ALTER TABLE elsewhere RENAME TO stop_events");

  await Deno.rename(`${lake.path}/bronze`, `${lake.path}/elsewhere`);
  await Deno.writeTextFile(`${lake.path}/bronze`, "not a folder");
  await reaches("lake", 0);
  const withoutLake = await exporter.scrape();
  const names = new Set([...withoutLake.matchAll(/^(deep_storage_\w+)/gm)].map(([name]) => name));
  const expected = ["build_info", "up", "readings_total"].map((name) => `deep_storage_${name}`);
  assertEquals([...names], expected);
  await Deno.remove(`${lake.path}/bronze`);
  await Deno.rename(`${lake.path}/elsewhere`, `${lake.path}/bronze`);
  await reaches("lake", 1);
  await reaches("outbox", 1);
  const { stderr } = await exporter.end();
  assertMatch(stderr, /stop_events/);
  assert(!stderr.includes(db.config.password));
});

Deno.test("exporter: without a password of the database, exports only the lake, and says so", async () => {
  await using lake = await temporaryLake();
  await store(lake, await publish(lake, DAY, 4));
  await using exporter = await startExporter({ LAKE_URL: `file://${lake.path}` });
  assertStringIncludes(exporter.printed, "not read: DJANGO_DB_PASSWORD is not set.");
  assertStringIncludes(exporter.printed, "deno task explain log-in");
  const text = await exporter.scrape();
  assertEquals(valueOf(text, 'deep_storage_day_rows{day="2025-12-28",layer="silver"}'), 2);
  assert(!/source="outbox"|late_events|lost_events|stray_events/.test(text), text);
});

Deno.test("exporter: answers only GET and HEAD, and only its pages", async () => {
  await using lake = await temporaryLake();
  await using exporter = await startExporter({ LAKE_URL: `file://${lake.path}` });
  const statusOf = async (path: string, method = "GET") => {
    const response = await fetch(`http://${exporter.address}${path}`, { method });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await statusOf("/metrics", "HEAD"), 200);
  assertEquals(await statusOf("/metrics", "POST"), 405);
  assertEquals(await statusOf("/healthz"), 200);
  assertEquals(await statusOf("/"), 200);
  assertEquals(await statusOf("/etc/passwd"), 404);
});

Deno.test("exporter: refuses an address that is none, or that is in use", async () => {
  await using lake = await temporaryLake();
  const env = { LAKE_URL: `file://${lake.path}` };
  for (const address of ["9877", "localhost", "127.0.0.1:99999", "http://127.0.0.1:1"]) {
    const { code, stderr } = await runTask("exporter", ["--listen", address], env);
    assertEquals(code, 2, address);
    assertStringIncludes(stderr, "it is not a host with a port");
  }
  await using exporter = await startExporter(env);
  const { code, stderr } = await runTask("exporter", ["--listen", exporter.address], env);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "another program listens there");
});

prometheusTest(
  "exporter: Prometheus scrapes it, and promtool finds no fault in its metrics",
  async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    await using lake = await temporaryLake();
    const env = environment(db.config, lake.path);
    assertEquals((await runTask("run", [DAY], env)).code, 0);
    await using exporter = await startExporter(env, ["--check-interval", "3600"]);
    await until("postflight has run", async () => {
      return (await exporter.scrape()).includes("deep_storage_check_verdict");
    });
    const text = await exporter.scrape();
    assertEquals(await promtool(["check", "metrics"], text), { code: 0, output: "" });
    assertEquals((await promtool(["check", "metrics"], `${text}no metric\n`)).code, 1);

    const targets = { "deep-storage": exporter.address };
    await using prometheus = await startPrometheus({ targets });
    await until("Prometheus has scraped the exporter", async () => {
      return (await prometheus.query('up{job="deep-storage"} == 1')).length === 1;
    });
    await until("Prometheus has the rows of the day", async () => {
      const [found] = await prometheus.query('deep_storage_day_rows{layer="bronze"}');
      return found?.value === 2 && found.labels.day === DAY;
    });
  },
);
