import { bronzeMarkerKey } from "../../../pipeline/contract/keys.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { startRun } from "../../../pipeline/lake/lifetimes.ts";
import { publishWindow } from "../../../pipeline/lake/commit.ts";
import {
  bronzePart,
  DAY,
  EVENTS,
  memoryLake,
  publishBronze,
} from "../../checks/healthy/published_day.ts";
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
