import type { DatabaseConfig, S3Config } from "../../pipeline/config.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { deadPort } from "../support/dead_port.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { temporaryLake } from "../support/lakes.ts";
import { type ObjectStore, startObjectStore } from "../support/object_store.ts";
import { outbox } from "../support/postgres.ts";
import { validateReport } from "../support/report_schema.ts";
import { saveStandIn } from "../support/stand_in_image.ts";
import { startStrictS3 } from "../support/strict_s3.ts";
import {
  environment,
  runTask,
  startTask,
  type TaskOutcome,
  withoutRequests,
} from "../support/task.ts";
import { dockerArchive, imageOf } from "../support/images.ts";

// Runs preflight like an operator, on a real Postgres, a directory and a real store.

const LIVE = ["--facts", "database,lake"];
const WRONG = "wr0ng p4ss";

let store: ObjectStore;
Deno.test.beforeAll(async () => void (store = await startObjectStore()));
Deno.test.afterAll(() => store.stop());

/** Every output of every run. The last test searches them for secrets. */
const outputs: string[] = [];
const secrets = new Set<string>([WRONG]);

async function preflightBriefly(
  args: string[],
  env: Record<string, string> = {},
): Promise<TaskOutcome> {
  for (const [name, value] of Object.entries(env)) {
    if (/PASSWORD|SECRET|KEY_ID/.test(name)) secrets.add(value);
  }
  // On a busy machine, a healthy server takes longer than the default.
  const patient = args.includes("--timeout") ? args : ["--timeout", "120", ...args];
  const outcome = await runTask("preflight", patient, env);
  outputs.push(outcome.stdout, outcome.stderr);
  return outcome;
}

/** Runs preflight with a line for each check. */
async function preflight(args: string[], env?: Record<string, string>): Promise<TaskOutcome> {
  return withoutRequests(await preflightBriefly([...args, "--verbose"], env));
}

function withBucket(database: DatabaseConfig, lake: S3Config): Record<string, string> {
  return {
    ...environment(database, ""),
    LAKE_URL: "",
    S3_ENDPOINT: lake.endpoint,
    S3_BUCKET: lake.bucket,
    AWS_REGION: lake.region,
    AWS_ACCESS_KEY_ID: lake.accessKeyId,
    AWS_SECRET_ACCESS_KEY: lake.secretAccessKey,
  };
}

/** Returns the verdicts in a text report. */
function verdicts(stdout: string): Record<string, string> {
  const lines = stdout.matchAll(/^(PASS|WARN|FAIL|SKIP|ERROR) +([a-z-]+) /gm);
  return Object.fromEntries(Array.from(lines, ([, verdict, id]) => [id!, verdict!]));
}

function verdictsOf(stdout: string, ...ids: string[]): string[] {
  const all = verdicts(stdout);
  assertEquals(Object.keys(all), PREFLIGHT.map(({ id }) => id), "a check has no line");
  return ids.map((id) => all[id]!);
}

const DATABASE_CHECKS = ["database-login", "late-writers"];
const LAKE_CHECKS = ["lake-login", "lake-conformance"];

const NOBODY = { host: "", port: 1, name: "", user: "", password: "" };

Deno.test("preflight: on a healthy directory, exits with 0, prints a line per check, and leaves nothing", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const { code, stdout, stderr } = await preflight(LIVE, environment(db.config, lake.path));
  assertEquals([code, stderr], [0, ""]);
  const ids = [...DATABASE_CHECKS, ...LAKE_CHECKS, "table-name"];
  assertEquals(verdictsOf(stdout, ...ids), ids.map(() => "PASS"));
  assertEquals(await lake.list(""), []);
});

Deno.test("preflight: on a healthy bucket, exits with 0 in every format, and leaves nothing", async () => {
  await using db = await outbox();
  const config = await store.createBucket(`preflight-${crypto.randomUUID()}`);
  const env = withBucket(db.config, config);
  for (const output of ["text", "json", "junit", "github"]) {
    const { code, stdout, stderr } = await preflight([...LIVE, "--output", output], env);
    assertEquals([code, stderr], [0, ""], output);
    if (output === "json") {
      const report = JSON.parse(stdout);
      const { command, results } = report;
      assertEquals(validateReport(report), []);
      assertEquals([command, results.length], ["preflight", PREFLIGHT.length]);
    }
  }
  const lake = await openLake(config);
  assertEquals(await lake.list(""), []);
  lake.close();
});

Deno.test("preflight: exits with 3 if the database is stopped, and reports the lake's checks", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const env = { ...environment(db.config, lake.path), DJANGO_DB_PORT: String(deadPort()) };
  const { code, stdout } = await preflight(LIVE, env);
  assertEquals(code, 3);
  assertEquals(verdictsOf(stdout, ...DATABASE_CHECKS), ["ERROR", "ERROR"]);
  assertEquals(verdictsOf(stdout, ...LAKE_CHECKS), ["PASS", "PASS"]);
});

Deno.test("preflight: exits with 3 in time if the store is stopped, and reports the database's checks", async () => {
  await using db = await outbox();
  const lake = await store.createBucket(`stopped-${crypto.randomUUID()}`);
  const env = withBucket(db.config, { ...lake, endpoint: `http://127.0.0.1:${deadPort()}` });
  const { code, stdout } = await preflight([...LIVE, "--timeout", "60"], env);
  assertEquals(code, 3);
  assertEquals(verdictsOf(stdout, ...DATABASE_CHECKS), ["PASS", "PASS"]);
  assertEquals(verdictsOf(stdout, ...LAKE_CHECKS), ["ERROR", "ERROR"]);
});

Deno.test("preflight: exits with 3 at the deadline if servers never respond, and prints the limit", async () => {
  await using db = await outbox();
  const lake = await store.createBucket(`silent-${crypto.randomUUID()}`);
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of silent) taken.push(connection);
  })();
  const { port } = silent.addr;
  const env = {
    ...withBucket(db.config, { ...lake, endpoint: `http://127.0.0.1:${port}` }),
    DJANGO_DB_PORT: String(port),
  };
  // A preflight without a deadline would wait forever here.
  const { code, stdout } = await preflight([...LIVE, "--timeout", "2"], env);
  silent.close();
  await accepting;
  for (const connection of taken) connection.close();
  assertEquals(code, 3);
  const ids = [...DATABASE_CHECKS, ...LAKE_CHECKS];
  assertEquals(verdictsOf(stdout, ...ids), ids.map(() => "ERROR"));
  assertStringIncludes(stdout, "it took longer than 2 s");
});

Deno.test("preflight: exits with 130 on Ctrl-C, and leaves nothing in the lake", async () => {
  const { promise: busy, resolve } = Promise.withResolvers<void>();
  let puts = 0;
  const slow = startStrictS3({
    async fault({ method }, serve) {
      if (method === "PUT" && ++puts === 8) resolve();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return await serve();
    },
  });
  const config = await slow.createBucket("interrupted");
  const env = withBucket(NOBODY, config);
  const task = startTask("preflight", ["--facts", "lake"], env);
  await busy;
  task.kill("SIGINT");
  const { code, stdout, stderr } = await task.outcome;
  outputs.push(stdout, stderr);
  assertEquals(code, 130);
  assertMatch(stderr, /^Interrupted\. /);
  assert(!stdout.includes("lake-login"), "a check still printed a verdict");
  const lake = await openLake(config);
  assertEquals(await lake.list(""), []);
  lake.close();
  await slow.stop();
});

Deno.test("preflight: exits with 3 without configuration, explains each skip, and prints no stack trace", async () => {
  const { code, stdout, stderr } = await preflight(LIVE);
  assertEquals([code, stderr], [3, ""]);
  const ids = PREFLIGHT.map(({ id }) => id);
  assertEquals(verdictsOf(stdout, ...ids), ids.map(() => "SKIP"));
  assertStringIncludes(stdout, "SKIP   database-login");
  assertStringIncludes(stdout, "DJANGO_DB_PASSWORD is not set");
  assertStringIncludes(stdout, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
  assert(!/^ +at /m.test(stdout), "a stack trace");
});

Deno.test("preflight: exits with 1 for a wrong password and a key with a line break, and judges the rest", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const wrong = { ...environment(db.config, lake.path), DJANGO_DB_PASSWORD: WRONG };
  const database = await preflight(LIVE, wrong);
  assertEquals(database.code, 1);
  assertEquals(verdictsOf(database.stdout, "database-login", ...LAKE_CHECKS, "late-writers"), [
    "FAIL",
    "PASS",
    "PASS",
    "SKIP",
  ]);
  const bucket = await store.createBucket(`key-${crypto.randomUUID()}`);
  const env = withBucket(db.config, bucket);
  const key = await preflight(LIVE, { ...env, AWS_SECRET_ACCESS_KEY: "abc/d3f+g\n" });
  assertEquals(key.code, 1);
  assertStringIncludes(
    key.stdout,
    "Cannot use AWS_SECRET_ACCESS_KEY: its value ends with a line break",
  );
  assertEquals(verdictsOf(key.stdout, "lake-login", ...DATABASE_CHECKS), ["FAIL", "PASS", "PASS"]);
  secrets.add("abc/d3f+g");
});

Deno.test("preflight: exits with 0 for a warning, and with 1 under --strict", async () => {
  await using db = await outbox();
  await using lake = await temporaryLake();
  const writer = await db.connect();
  await writer.query("BEGIN; SELECT 1");
  const env = environment(db.config, lake.path);
  const { code, stdout } = await preflight(LIVE, env);
  assertEquals([code, ...verdictsOf(stdout, "late-writers")], [0, "WARN"]);
  assertMatch(stdout, /SELECT pg_terminate_backend\(\d+\);/);
  assertEquals((await preflight([...LIVE, "--strict"], env)).code, 1);
  const reason = ["--skip", "late-writers=a backup runs"];
  const skipped = await preflight([...LIVE, "--strict", ...reason], env);
  assertEquals(skipped.code, 0);
  assertMatch(skipped.stdout, /SKIP +late-writers +as requested: a backup runs/);
  await writer.query("ROLLBACK");
});

Deno.test("preflight: exits with 0 with a skipped check and fact, and does not gather the fact", async () => {
  await using lake = await temporaryLake();
  const env = {
    LAKE_URL: `file://${lake.path}`,
    DJANGO_DB_PORT: "1",
    DJANGO_DB_PASSWORD: "an unused one",
  };
  const facts = await preflight(["--facts", "lake"], env);
  assertEquals([facts.code, ...verdictsOf(facts.stdout, ...LAKE_CHECKS)], [0, "PASS", "PASS"]);
  assertStringIncludes(facts.stdout, "as requested: database not checked (--facts lake)");
  const only = await preflight(["--only", "lake-login"], env);
  assertEquals([only.code, ...verdictsOf(only.stdout, ...LAKE_CHECKS)], [0, "PASS", "SKIP"]);
});

Deno.test("preflight: prints a section per topic, and counts the checks that were skipped as requested", async () => {
  const { code, stdout } = await preflightBriefly(["--facts", "manifests"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^manifests\n-{9}\nPASS {3}manifests-readable /);
  assertMatch(stdout, /\n\nnetwork\n-{7}\nPASS {3}egress-policy /);
  assert(!/^SKIP|^database$/m.test(stdout), stdout);
  assertMatch(
    stdout,
    /\n\n9 checks skipped as requested: cluster not checked \(--facts manifests\); image .*\npreflight: 26 checks: /,
  );
});

Deno.test("preflight: prints a cause once if several checks cannot be decided for it", async () => {
  const { code, stdout } = await preflightBriefly(["--facts", "database"]);
  assertEquals(code, 3);
  assertEquals(stdout.match(/DJANGO_DB_PASSWORD is not set/g)?.length, 1);
  assertMatch(
    stdout,
    /^2 more checks are undecided for the same reason as table-name: .*late-writers/m,
  );
});

Deno.test("preflight: writes reports into files beside the text, each in the format of its flag", async () => {
  const folder = await Deno.makeTempDir();
  const file = (name: string) => `${folder}/${name}`;
  const outputs = [`json=${file("a.json")}`, `junit=${file("b=c.xml")}`, `text=${file("d.txt")}`];
  const args = ["--facts", "manifests", ...outputs.flatMap((each) => ["--output", each])];
  const { code, stdout } = await preflightBriefly(args);
  assertEquals(code, 0);
  assertEquals(await Deno.readTextFile(file("d.txt")), stdout);
  const { version, results } = JSON.parse(await Deno.readTextFile(file("a.json")));
  assertEquals([version, results.length], [1, PREFLIGHT.length]);
  const xml = await Deno.readTextFile(file("b=c.xml"));
  assertMatch(xml, /<testcase classname="preflight.code" name="table-name" time="\d+\.\d{3}"/);
  const json = await preflightBriefly([
    "--facts",
    "manifests",
    "--output",
    "json",
    ...args.slice(2),
  ]);
  assertEquals(json.stdout, await Deno.readTextFile(file("a.json")));
  const refused: [string[], string][] = [
    [["--output", `json=${folder}/no/where.json`], "there is no folder"],
    [["--output", `json=${folder}`], "is a folder"],
    [["--output", "json="], "there is no file after ="],
    [["--output", `xml=${file("x")}`], "text, json, junit, github"],
    [["--output", "json", "--output", "text"], "already has the format json"],
    [["--output", `json=${file("x")}`, "--output", `text=${file("x")}`], "another --output writes"],
  ];
  for (const [args, message] of refused) {
    const { code, stdout, stderr } = await preflightBriefly(args);
    assertEquals(code, 2, args.join(" "));
    assertStringIncludes(stdout + stderr, message);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("preflight: reads an image archive instead of the registries, and skips their checks", async () => {
  const archive = await Deno.makeTempFile({ suffix: ".tar" });
  await saveStandIn(archive);
  const args = ["--facts", "manifests,image", "--image-archive", archive];
  const { code, stdout } = await preflight([...args, "--only", "image-deps,image-pull"]);
  assertEquals([code, ...verdictsOf(stdout, "image-deps", "image-pull")], [0, "PASS", "SKIP"]);
  const missing = await preflight([...args.slice(0, 3), `${archive}.gone`, "--only", "image-deps"]);
  assertEquals([missing.code, ...verdictsOf(missing.stdout, "image-deps")], [3, "ERROR"]);
  await Deno.remove(archive);
});

Deno.test("preflight: reads the program of an image in an archive", async () => {
  const folder = await Deno.makeTempDir();
  const name = "ghcr.io/acme/etl:1.0.0";
  const archive = `${folder}/image.tar`;
  const entrypoint = ["spark-submit", "--master=k8s://https://kubernetes.default.svc", "/a.py"];
  await Deno.writeFile(
    archive,
    dockerArchive(imageOf({ layers: [{ a: "" }], entrypoint }), [name]),
  );
  await Deno.writeTextFile(
    `${folder}/job.yaml`,
    "apiVersion: batch/v1\nkind: Job\nmetadata: { name: etl, namespace: analytics-jobs }\nspec:\n" +
      "  template:\n    spec:\n      restartPolicy: Never\n" +
      `      containers: [{ name: etl, image: "${name}" }]\n`,
  );
  const args = ["--manifests", folder, "--only", "rbac", "--facts"];
  const without = await preflight([...args, "manifests"]);
  assert(!without.stdout.includes("FAIL"), without.stdout);
  const { stdout } = await preflight([...args, "manifests,image", "--image-archive", archive]);
  assertEquals(verdictsOf(stdout, "rbac"), ["FAIL"], stdout);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("preflight: exits with 2 for unknown values, and lists the known ones", async () => {
  const refused: [string[], string][] = [
    [["--facts", "lake,moon"], "Choose from manifests, cluster, image, database, lake."],
    [["--only", "lake-logon"], "lake-login, lake-conformance"],
    [["--skip", "lake-logon=x"], "lake-login, lake-conformance"],
    [["--skip", "lake-login"], 'Write --skip lake-login="the reason".'],
    [["--skip", "lake-login= "], "the reason"],
    [["--manifests", "deno.json"], '--manifests "deno.json": it is a file. Use its directory'],
    [["--manifests", "no/such/place"], '--manifests "no/such/place": there is no such directory'],
    [["--timeout", "0"], "whole number of seconds"],
    [["--output", "xml"], "text, json, junit, github"],
    [["lake"], "this command takes no argument"],
    [["--", "--strict"], "this command has no such flag"],
  ];
  const all = await Promise.all(refused.map(([args]) => preflight(args)));
  for (const [i, { code, stdout, stderr }] of all.entries()) {
    assertEquals([code, stdout], [2, ""], refused[i]![0].join(" "));
    assertStringIncludes(stderr, refused[i]![1]);
  }
});

Deno.test("preflight: --help prints examples, and needs no environment", async () => {
  const { code, stdout } = await preflight(["--help"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "deno task preflight --facts manifests");
});

Deno.test("explain: prints the page of a check or the list of all, and exits with 2 for an unknown one", async () => {
  const page = await runTask("explain", ["late-writers"]);
  assertEquals([page.code, page.stdout.split("\n")[0]], [0, "late-writers"]);
  const list = await runTask("explain");
  assertEquals(list.code, 0);
  assertMatch(
    list.stdout,
    /^After a run: bronze\n(?: {2}.+\n)* {2}row-counts +bronze has every event of the outbox exactly once$/m,
  );
  const none = await runTask("explain", ["late-writer"]);
  assertEquals([none.code, none.stdout], [2, ""]);
  assertStringIncludes(none.stderr, "late-writers, lake-login");
});

Deno.test("explain: has permission only to read files, enforced by Deno", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  const env = { allow: ["TERM"], ignore: true }; // every other variable is as if it were not set
  // --project can name any file.
  assertEquals(config.permissions.explain, { read: true, env });
});

Deno.test("preflight: prints no secret in any of these runs", () => {
  assert(outputs.length > 40 && secrets.size > 5);
  for (const secret of secrets) {
    for (const output of outputs) assert(!output.includes(secret));
  }
});
