import { beginReading, type LocatedTargets } from "../../pipeline/execution_columns.ts";
import { type PageCodec, THIS_THREAD } from "../../pipeline/page_thread.ts";
import { openEvents } from "../../pipeline/replay_order.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { storeBronze } from "../support/replay.ts";

/** A codec for which every second column of a part with one row group is not compressed. */
function halfCompressed(): PageCodec {
  let reads = 0;
  return {
    ...THIS_THREAD,
    decompress: (pages) =>
      reads++ % 2 === 0
        ? Promise.resolve(pages.map(({ body }) => body))
        : THIS_THREAD.decompress(pages),
  };
}

Deno.test("columns: a page that is not compressed stays usable while the next column of the part is read", async () => {
  const lake = memoryLake();
  const parts = await storeBronze(lake, [[[[{
    event_id: "00000000-0000-0000-0000-000000000001",
    event_seq: 1n,
    event_type: "STOP_TRIGGERED",
    operation_id: 1n,
    client_id: 1n,
    occurred_at: 1766930591_000000n,
    symbol: "BTCUSDC",
    source: "ws",
  }]]]]);
  const events = await openEvents(lake, parts, { mostKept: 0 });
  const groups: LocatedTargets[] = [];
  for await (const { from, to, location } of events.scan(["operation_id"])) {
    groups.push({ from, to, location, targets: new Int32Array(to - from), ranks: undefined });
  }
  // The part is read once for each column, as for this number of operations.
  const reading = beginReading(events, groups, 4_000_000, true, halfCompressed());
  assert(reading.passes.length > 8, `${reading.passes.length}`);
  for await (const { chunks } of reading.chunks) {
    const contents = () => chunks.flatMap((own) => own.flatMap((chunk) => chunk.contents));
    const lengths = contents().map(({ length }) => length);
    await new Promise((resolve) => setTimeout(resolve, 0)); // the next column is read meanwhile
    assertEquals(contents().map(({ length }) => length), lengths);
  }
  await reading.close();
});
