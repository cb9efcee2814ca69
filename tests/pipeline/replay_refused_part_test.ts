import { Failure } from "../../pipeline/errors.ts";
import type { Lake } from "../../pipeline/lake/lake.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { type BronzeEvent, replayParts, storeBronze } from "../support/replay.ts";

const eventAt = (event_seq: bigint): BronzeEvent => ({
  event_id: `${event_seq}`,
  event_seq,
  event_type: "STOP_TRIGGERED",
  operation_id: 1n,
  client_id: 1n,
  occurred_at: 0n,
  symbol: "BTCUSDC",
  source: "ws",
});

for (const [damaged, slow] of [[0, 1], [2, 0]] as const) {
  Deno.test(`replay: reads no part any more after it refused part ${damaged}`, async () => {
    const lake = memoryLake();
    const numbers = [1n, 2n, 3n];
    const parts = await storeBronze(lake, [numbers.map((seq) => [[eventAt(seq)]])]);
    parts[damaged] = { ...parts[damaged]!, sha256: "0".repeat(64) };
    let reading = 0;
    const slowLake: Lake = {
      ...lake,
      async get(key) {
        reading++;
        if (key === parts[slow]!.key) await new Promise((resolve) => setTimeout(resolve, 20));
        const stored = await lake.get(key);
        reading--;
        return stored;
      },
    };
    await assertRejects(() => replayParts(slowLake, parts), Failure, "sha256 differs");
    assertEquals(reading, 0);
  });
}
