import { type EmbeddedPostgres, startPostgres } from "../../tasks/demo/embedded_postgres.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { rgwInstalled, startRgw } from "../support/ceph_rgw.ts";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "../support/assert.ts";
import type { ObjectStore } from "../support/object_store.ts";
import { startStrictS3 } from "../support/strict_s3.ts";
import { runTask } from "../support/task.ts";
import { openArena } from "./arena.ts";
import { createOutbox, eventOf, insertSql } from "./outbox.ts";
import { createRandom } from "./random.ts";
import { CENTURY, perform } from "./runs.ts";
import { keyOf } from "./s3_faults.ts";
import { startS3Proxy } from "./s3_proxy.ts";
import { createTally, renderProgress, renderTally } from "./tally.ts";
import { isMarker, judgePretences, judgeUnderFire } from "./under_fire.ts";
import { Broken } from "./view.ts";
import { playWindow } from "./window.ts";
import { planWindow } from "./window_plan.ts";

// A few windows of `deno task chaos`, always with the same seed.

const SEED = 4;
const WINDOWS = 6;

let server: EmbeddedPostgres;
const stores = new Map<string, ObjectStore | undefined>([["a directory", undefined]]);
Deno.test.beforeAll(async () => {
  server = await startPostgres();
  stores.set("a strict store", startStrictS3());
  if (rgwInstalled()) stores.set("Ceph RGW", await startRgw());
});
Deno.test.afterAll(async () => {
  await server.stop();
  for (const store of stores.values()) await store?.stop();
});

for (const place of ["a directory", "a strict store", "Ceph RGW"]) {
  Deno.test({
    name: `chaos on ${place}: every promise holds in ${WINDOWS} windows`,
    ignore: place === "Ceph RGW" && !rgwInstalled(),
    async fn() {
      const tally = createTally();
      await using arena = await openArena(server.config, stores.get(place), tally);
      for (let window = 0; window < WINDOWS; window++) {
        await playWindow(arena, planWindow(createRandom(SEED).fork(`window ${window}`)));
      }
      const text = renderTally(tally);
      for (const about of ["runs", "faults", "changes", "looks", "windows"]) {
        assert(tally.counts.has(about), `no counts for ${about}:\n${text}`);
      }
    },
  });
}

Deno.test("renderProgress counts windows, runs, faults and broken windows", () => {
  const tally = createTally();
  const state = { done: 0, of: 20, broken: 0, elapsed: 900 };
  assertEquals(renderProgress(tally, state), "0 of 20 windows, 0 runs, 0 faults, 0 broken, 0 s");
  for (const what of ["bronze ok", "bronze ok", "silver data"]) tally.count("runs", what);
  tally.count("faults", "store: refused");
  assertEquals(
    renderProgress(tally, { done: 7, of: 20, broken: 1, elapsed: 65_900 }),
    "7 of 20 windows, 3 runs, 1 fault, 1 broken, 1 min 5 s",
  );
});

Deno.test("planWindow: the same seed gives the same window, and windows differ", () => {
  const plan = (seed: number, window: number) =>
    planWindow(createRandom(seed).fork(`window ${window}`));
  assertEquals(plan(1, 0), plan(1, 0));
  assertNotEquals(plan(1, 0), plan(1, 1));
  assertNotEquals(plan(1, 0), plan(2, 0));
});

Deno.test("judgeUnderFire: accepts an outcome only if the faults explain it", () => {
  const met = { kind: "bronze", faulty: false, storeLies: false, bronzeBefore: true } as const;
  const ends = (
    end: "unreachable" | "configuration" | "data" | "error",
    message: string,
    more = {},
  ) => {
    try {
      judgeUnderFire({ end, message }, { ...met, ...more });
      return "right";
    } catch (error) {
      return (error as Error).name;
    }
  };
  assertEquals(ends("unreachable", "the connection was cut"), "Broken");
  assertEquals(ends("unreachable", "the connection was cut", { faulty: true }), "right");
  assertEquals(ends("unreachable", "another run published this day meanwhile"), "right");
  assertEquals(ends("configuration", "the store refuses", { faulty: true }), "Broken");
  assertEquals(
    ends("configuration", "the store refuses", { faulty: true, storeLies: true }),
    "right",
  );
  assertEquals(ends("data", "a part is not there"), "Broken");
  assertEquals(ends("data", "it differs from the outbox"), "right");
  assertEquals(ends("data", "Run bronze first"), "Broken");
  assertEquals(ends("data", "Run bronze first", { bronzeBefore: false }), "right");
  assertEquals(ends("error", "TypeError", { faulty: true, storeLies: true }), "Broken");
});

Deno.test("judgePretences: detects a run that trusts the store's answer about its marker", async () => {
  const store = stores.get("a strict store")!;
  await using database = await createOutbox(server.config);
  await using proxy = await startS3Proxy(store.config.endpoint);
  const direct = await store.createBucket(`liar-${crypto.randomUUID()}`);
  const [lake, truth] = await Promise.all([
    openLake({ ...direct, endpoint: proxy.endpoint }),
    openLake(direct),
  ]);
  const bronze = (through: Lake) =>
    perform({ kind: "bronze", grace: CENTURY }, database.config, through);
  await database.owner.query(insertSql([eventOf(1)]));
  assertEquals((await bronze(lake)).end, "ok");

  await database.owner.query(insertSql([eventOf(2)]));
  const lie = () =>
    proxy.plan((request) =>
      request.method === "PUT" && isMarker(keyOf(request)) ? "no-effect" : undefined
    );
  lie();
  assertEquals((await bronze(lake)).end, "unreachable");

  // Returns what the run put instead of reading the store, like a client that never verifies.
  const put = new Map<string, Uint8Array<ArrayBuffer>>();
  const trusting: Lake = {
    ...lake,
    get: (key) => {
      const bytes = put.get(key);
      return bytes ? Promise.resolve({ bytes, etag: "any" }) : lake.get(key);
    },
    put: (key, body, condition) => {
      if (isMarker(key)) put.set(key, body);
      return lake.put(key, body, condition);
    },
  };
  lie();
  assertEquals((await bronze(trusting)).end, "ok");
  const pretences = proxy.pretences();
  assertEquals(pretences.length, 1);
  await assertRejects(() => judgePretences(truth, pretences), Broken, "never took its marker");

  // If another run has published since, the previous marker proves nothing.
  proxy.plan(() => undefined);
  assertEquals((await bronze(lake)).end, "ok");
  await judgePretences(truth, pretences);
  lake.close();
  truth.close();
});

Deno.test("chaos: prints the seed and the counts, and rejects an invalid number", async () => {
  const { code, stdout } = await runTask("chaos", ["--windows", "1", "--seed", "3"]);
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, "seed 3, directory");
  assertStringIncludes(stdout, "0 broken");
  const wrong = await runTask("chaos", ["--windows", "many"]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.stderr, 'Cannot use --windows "many": it is not a whole number.');
});
