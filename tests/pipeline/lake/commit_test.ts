import { bronzeMarkerKey, silverMarkerKey, silverPrefix } from "../../../pipeline/contract/keys.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { startRun } from "../../../pipeline/lake/lifetimes.ts";
import { listAll, listSilverDay, publishWindow } from "../../../pipeline/lake/commit.ts";
import { type Lake, REQUESTS_IN_FLIGHT } from "../../../pipeline/lake/lake.ts";
import type { SilverCommit } from "../../../pipeline/lake/marker.ts";
import { partIn, silverCommit } from "../../support/published_days.ts";
import { bronzePart, DAY, EVENTS, publishBronze } from "../../checks/healthy/published_day.ts";
import { memoryLake } from "../../support/memory_lake.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";

Deno.test("publishWindow stores no marker if the size of a part differs from the commit", async () => {
  const lake = memoryLake();
  const part = await bronzePart(EVENTS);
  const commit = await publishBronze(lake, [part]);
  const key = bronzeMarkerKey(DAY);
  lake.objects.delete(key);
  const publish = () =>
    publishWindow(commit, {
      lake,
      key,
      previous: undefined,
      listed: [],
      began: startRun(),
      dryRun: false,
      observer: { step() {}, progress() {} },
    });

  lake.objects.set(part.key, part.body.slice(1));
  const { kind, message } = await assertRejects(publish, Failure);
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, part.key);
  assertEquals(lake.objects.has(key), false);

  lake.objects.set(part.key, part.body);
  await publish();
  assertEquals(lake.objects.has(key), true);
});

/** A lake that counts the most calls of each method that are in progress at the same time. */
function counted(lake: Lake) {
  const most = { list: 0, remove: 0 };
  const count = async <T>(
    method: keyof typeof most,
    inProgress: Set<symbol>,
    work: () => Promise<T>,
  ) => {
    const call = Symbol();
    inProgress.add(call);
    most[method] = Math.max(most[method], inProgress.size);
    await new Promise((resolve) => setTimeout(resolve));
    inProgress.delete(call);
    return await work();
  };
  const [lists, removals] = [new Set<symbol>(), new Set<symbol>()];
  return {
    most,
    lake: {
      ...lake,
      list: (prefix: string) => count("list", lists, () => lake.list(prefix)),
      remove: (key: string) => count("remove", removals, () => lake.remove(key)),
    },
  };
}

Deno.test("publishWindow confirms and removes the parts of many clients with a bounded number of requests in flight", async () => {
  const memory = memoryLake();
  const { lake, most } = counted(memory);
  const bronze = await publishBronze(memory, [await bronzePart(EVENTS)]);
  const places = Array.from({ length: 200 }, (_, i) => silverPrefix(BigInt(i), DAY));
  const parts = places.map((folder) => partIn(folder, 1));
  const leftovers = places.map((folder) => partIn(folder, 1, "00001").key);
  for (const { key } of parts) memory.objects.set(key, new Uint8Array(1000));
  for (const key of leftovers) memory.objects.set(key, new Uint8Array(7));
  for (const folder of places) {
    // With other days, one listing of silver would be longer than a listing of each folder.
    for (let day = 1; day <= 28; day++) {
      const other = folder.replace(DAY, `2024-02-${String(day).padStart(2, "0")}`);
      memory.objects.set(`${other}part.parquet`, new Uint8Array());
    }
  }
  const commit: SilverCommit = { ...silverCommit(bronze, 0), rows: 200, parts };
  const publish = async () =>
    await publishWindow(commit, {
      lake,
      key: silverMarkerKey(DAY),
      previous: undefined,
      listed: await listSilverDay(lake, DAY),
      began: startRun(),
      dryRun: false,
      observer: { step() {}, progress() {} },
    });

  memory.objects.delete(parts[150]!.key);
  const { message } = await assertRejects(publish, Failure);
  assertStringIncludes(message, parts[150]!.key);
  assertEquals(leftovers.every((key) => memory.objects.has(key)), true);

  memory.objects.set(parts[150]!.key, new Uint8Array(1000));
  await publish();
  assertEquals(most, { list: REQUESTS_IN_FLIGHT, remove: REQUESTS_IN_FLIGHT });
  assertEquals(
    (await listSilverDay(lake, DAY)).map(({ key }) => key).sort(),
    [
      ...parts.map(({ key }) => key),
    ].sort(),
  );
});

Deno.test("listSilverDay lists a day of every client, and folders that belong to no client", async () => {
  const lake = memoryLake();
  const other = "silver/stop_executions/backup/date=2025-12-28/part-00000.parquet";
  const expected = [`${silverPrefix(-5n, DAY)}a`, `${silverPrefix(12n, DAY)}b`, other];
  const elsewhere = [
    `${silverPrefix(12n, "2025-12-29")}c`,
    silverMarkerKey(DAY),
    bronzeMarkerKey(DAY),
  ];
  for (const key of [...expected, ...elsewhere]) lake.objects.set(key, new Uint8Array());
  assertEquals((await listSilverDay(lake, DAY)).map(({ key }) => key).sort(), expected.sort());
});

Deno.test("listAll lists silver in one request if its many clients have few other days", async () => {
  const memory = memoryLake();
  const asked: string[] = [];
  const lake: Lake = {
    ...memory,
    list(prefix) {
      asked.push(prefix);
      return memory.list(prefix);
    },
  };
  const folders = Array.from({ length: 300 }, (_, i) => silverPrefix(BigInt(i), DAY));
  const keys = folders.flatMap((folder) => [`${folder}a`, `${folder}deeper/b`]);
  for (const key of keys) memory.objects.set(key, new Uint8Array());
  for (const folder of folders) {
    memory.objects.set(`${folder.replace(DAY, "2024-02-01")}a`, new Uint8Array());
  }
  memory.objects.set(`${silverPrefix(1000n, DAY)}a`, new Uint8Array());
  assertEquals((await listAll(lake, folders)).map(({ key }) => key).sort(), keys.sort());
  assertEquals(asked.filter((prefix) => prefix === "silver/stop_executions/").length, 1);
  assertEquals(asked.length < 20, true);
});
