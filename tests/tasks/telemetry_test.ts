import { generatedEvents, RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { environment, ROOT, runTask } from "../support/task.ts";

// Runs commands with OTEL_DENO=true, and receives what they export over OTLP.

const DAY = "2025-12-28";

// deno-lint-ignore no-explicit-any
type Json = any;

/** A receiver of OTLP/HTTP with JSON on a free port of 127.0.0.1. */
function receiver() {
  const bodies: { readonly path: string; readonly text: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    bodies.push({ path: new URL(request.url).pathname, text: await request.text() });
    return Response.json({});
  });
  const parsed = (path: string): Json[] =>
    bodies.filter((each) => each.path === path).map(({ text }) => JSON.parse(text));
  return {
    bodies,
    env: {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    },
    spans: (): Json[] =>
      parsed("/v1/traces").flatMap(({ resourceSpans }) => resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .filter(({ scope }) => scope.name === "deep-storage")
        .flatMap(({ spans }) => spans),
    metrics: (): Json[] =>
      parsed("/v1/metrics").flatMap(({ resourceMetrics }) => resourceMetrics)
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics }) => metrics),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function attribute(span: Json, name: string): unknown {
  const { value } = span.attributes.find(({ key }: Json) => key === name) ?? {};
  const number = value?.intValue ?? value?.doubleValue;
  return value?.stringValue ?? (number === undefined ? undefined : Number(number));
}

Deno.test("telemetry: a run exports a span of each step with its day, and metrics, and no secret", async () => {
  await using db = await outbox({ events: [RUNBOOK_EVENTS, generatedEvents(30)] });
  await using lake = await temporaryLake();
  await using otlp = receiver();
  const env = { ...environment(db.config, lake.path), ...otlp.env };
  const { code, stdout, stderr } = await runTask("run", [DAY], env);
  assertEquals([code, stderr], [0, ""], stdout);

  const spans = otlp.spans();
  const named = (name: string) => spans.filter((span) => span.name === `deep_storage.${name}`);
  const one = (name: string, layer?: string) => {
    const [found, ...more] = named(name).filter((span) =>
      layer === undefined || attribute(span, "deep_storage.layer") === layer
    );
    assert(found !== undefined && more.length === 0, `${name} ${layer}: ${more.length}`);
    return found;
  };
  const root = one("day");
  assertEquals(attribute(root, "deep_storage.command"), "run");
  const parentOf = (span: Json) =>
    spans.find(({ spanId }) => spanId === span.parentSpanId)?.name.replace("deep_storage.", "");
  for (const step of ["bronze", "silver", "postflight"]) {
    assertEquals([step, parentOf(one(step))], [step, "day"]);
  }
  for (const step of ["fence", "snapshot", "copy"]) {
    assertEquals([step, parentOf(one(step, "bronze"))], [step, "bronze"]);
  }
  assertEquals(parentOf(one("part")), "copy");
  for (const layer of ["bronze", "silver"]) assertEquals(parentOf(one("marker", layer)), layer);
  assertEquals(parentOf(one("replay")), "silver");
  for (const span of spans) {
    assertEquals(attribute(span, "deep_storage.day"), DAY, span.name);
    assert(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano), span.name);
    assertEquals(span.traceId, root.traceId, span.name);
  }
  assertEquals(attribute(one("copy"), "deep_storage.rows"), 32);
  assertEquals(attribute(one("part"), "deep_storage.rows"), 32);
  const checks = named("check").map((span) => attribute(span, "deep_storage.check.id"));
  assert(checks.includes("row-counts") && checks.includes("silver-values"), checks.join());

  const metrics = otlp.metrics();
  const points = (name: string): Json[] =>
    metrics.filter((metric) => metric.name === name)
      .flatMap(({ sum, histogram }) => (sum ?? histogram).dataPoints);
  assertEquals(points("deep_storage.rows").map((point) => Number(point.asInt ?? point.asDouble)), [
    32,
  ]);
  assert(points("deep_storage.step.duration").some((point) => Number(point.count) === 1));
  assert(points("deep_storage.check.verdicts").length > 5);

  const texts = otlp.bodies.map(({ text }) => text).join("\n");
  for (const secret of [db.config.password, RUNBOOK_EVENTS.slice(-200, -100)]) {
    assert(!texts.includes(secret), "a secret or an event was exported");
  }
});

Deno.test("telemetry: a failure sets the status and the kind of its spans, and not its message", async () => {
  await using lake = await temporaryLake();
  await using otlp = receiver();
  const env = { LAKE_URL: `file://${lake.path}`, ...otlp.env };
  assertEquals((await runTask("silver", [DAY], env)).code, 1);
  const spans = otlp.spans().filter(({ name }) => name === "deep_storage.silver");
  assertEquals(spans.length, 1);
  assertEquals(spans[0].status.code, 2);
  assertEquals(attribute(spans[0], "error.type"), "data");
  assert(!JSON.stringify(spans).includes("commit marker"));
});

Deno.test("traceSteps: a copy that fails has its span, with the rows until then", async () => {
  await using otlp = receiver();
  const program = `
    import { inSpan, traceSteps } from "${new URL("tasks/cli/tracing.ts", ROOT)}";
    const observer = { step() {}, progress() {} };
    const copy = (traced) => {
      traced.step({ step: "part", says: "", data: { rows: 7, bytes: 70 } });
      throw new Error("the copy failed");
    };
    const work = () => traceSteps(observer, "bronze", "${DAY}", async (traced) => copy(traced));
    await inSpan("deep_storage.bronze", {}, work).catch(({ message }) => console.log(message));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    cwd: ROOT,
    env: otlp.env,
    stderr: "null",
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "the copy failed\n");
  const copies = otlp.spans().filter(({ name }) => name === "deep_storage.copy");
  assertEquals(copies.map((span) => attribute(span, "deep_storage.rows")), [7]);
  assertEquals(copies[0].status.code, 2);
});

Deno.test("telemetry: no key of the store is exported", async () => {
  await using otlp = receiver();
  const keys = {
    AWS_ACCESS_KEY_ID: "AKIDSECRETID",
    AWS_SECRET_ACCESS_KEY: "s3cr3t/key+value",
    AWS_SESSION_TOKEN: "t0ken-of-the-session",
  };
  const env = { S3_ENDPOINT: "http://127.0.0.1:1", ...keys, ...otlp.env, OTEL_DENO_CONSOLE: "" };
  assertEquals((await runTask("silver", [DAY], env)).code, 3);
  assert(otlp.spans().length > 0);
  const texts = otlp.bodies.map(({ text }) => text).join("\n");
  for (const key of Object.values(keys)) assert(!texts.includes(key), key);
});

Deno.test("telemetry: preflight exports its checks, and without OTEL_DENO nothing is exported", async () => {
  await using otlp = receiver();
  const { OTEL_DENO: _, ...off } = otlp.env;
  const facts = ["--facts", "manifests", "--only", "dns-egress"];
  assertEquals((await runTask("preflight", facts, off)).code, 0);
  assertEquals(otlp.bodies, []);
  assertEquals((await runTask("preflight", facts, otlp.env)).code, 0);
  const isIt = (span: Json) => attribute(span, "deep_storage.check.id") === "dns-egress";
  const [check, ...more] = otlp.spans().filter(isIt);
  assertEquals([check.name, more], ["deep_storage.check", []]);
  assertEquals(attribute(check, "deep_storage.check.verdict"), "pass");
});
