import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { readTemplates } from "../../../tasks/spark/templates.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";

// Which Jobs of the manifests can run a given day.

const FILE = new URL("../../../manifests/50-bronze-ingest.yaml", import.meta.url);

/** Returns the problem of the Job of bronze after a change of its text, or undefined. */
async function problem(pattern: string, text: string, table = "stop_events") {
  const original = await Deno.readTextFile(FILE);
  assertStringIncludes(original, pattern);
  const directory = await Deno.makeTempDir({ prefix: "templates-" });
  try {
    await Deno.writeTextFile(`${directory}/job.yaml`, original.replace(pattern, () => text));
    const project = { ...DEFAULT_PROJECT, database: { ...DEFAULT_PROJECT.database, table } };
    const { signal } = new AbortController();
    const templates = await readTemplates(directory, ["bronze"], project, signal);
    const { container, table: given } = templates.get("bronze")!;
    assertEquals([container, given], ["spark-driver", table]);
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    assertEquals(error.kind, "configuration");
    return error.problem;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const ENV = "          env:\n";
const named = (value: string) => `${ENV}            - { name: OUTBOX_TABLE, value: '${value}' }\n`;

Deno.test("readTemplates: takes a Job with one driver, which gets the day", async () => {
  assertEquals(await problem(ENV, ENV), undefined);
  assertEquals(
    await problem("  suspend: true\n", "  suspend: true\n  completions: 1\n"),
    undefined,
  );
  const sidecar = "      containers:\n        - { name: proxy, image: envoy }\n";
  assertEquals(await problem("      containers:\n", sidecar), undefined);
});

Deno.test("readTemplates: refuses a Job in which the day does not reach one driver", async () => {
  const submit = "{ name: a, image: a, command: [/opt/spark/bin/spark-submit] }";
  const containers = "      containers:\n";
  const second = await problem(containers, `${containers}        - ${submit}\n`);
  assertMatch(second!, /^it has 2 containers that can be the driver/);
  const init = await problem(containers, "      initContainers:\n");
  assertMatch(init!, /^the init container spark-driver runs Spark/);
  const mode = await problem("--deploy-mode=client", "--deploy-mode=cluster");
  assertMatch(mode!, /^its deploy mode is cluster/);
  for (const [name, value] of [["completions", 0], ["parallelism", 2]]) {
    const text = `  suspend: true\n  ${name}: ${value}\n`;
    assertMatch((await problem("  suspend: true\n", text))!, RegExp(`^its ${name} is ${value}`));
  }
  const selector = await problem("  suspend: true\n", "  suspend: true\n  manualSelector: true\n");
  assertMatch(selector!, /^it has a manualSelector/);
});

Deno.test("readTemplates: refuses a Job of another table than the project", async () => {
  assertEquals(await problem(ENV, named("stop_events")), undefined);
  assertEquals(await problem(ENV, named("Shop.Events"), "shop.events"), undefined);
  assertEquals(await problem(ENV, named('"a$$b"'), '"a$b"'), undefined);
  assertMatch((await problem(ENV, named("shop.events")))!, /is shop\.events, and the project has/);
  assertMatch((await problem(ENV, named("$(TABLE)")))!, /^its OUTBOX_TABLE is /);
  const source = "valueFrom: { configMapKeyRef: { name: a, key: b } }";
  const hidden = await problem(ENV, `${ENV}            - { name: OUTBOX_TABLE, ${source} }\n`);
  assertMatch(hidden!, /^its OUTBOX_TABLE is not a literal/);
});

Deno.test("readTemplates: refuses a Job of another namespace or Secret", async () => {
  const other = await problem("namespace: analytics-jobs", "namespace: staging");
  assertMatch(other!, /^its namespace is staging, and that of the project is analytics-jobs$/);
  const secret = await problem("name: contabo-s3-credentials", "name: other");
  assertMatch(secret!, /of the Secret other, and that of the project is AWS_ACCESS_KEY_ID of the/);
});
