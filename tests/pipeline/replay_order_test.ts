import { type PageCodec, THIS_THREAD } from "../../pipeline/page_thread.ts";
import { openEvents } from "../../pipeline/replay_order.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { memoryLake } from "../support/memory_lake.ts";
import { type BronzeEvent, storeBronze } from "../support/replay.ts";

/** A codec like a second thread: an answer needs a turn of the event loop. */
function slowCodec(): PageCodec & { readonly requests: number; readonly inProgress: number } {
  let requests = 0;
  let inProgress = 0;
  return {
    ...THIS_THREAD,
    get requests() {
      return requests;
    },
    get inProgress() {
      return inProgress;
    },
    async decompress(pages) {
      requests++;
      inProgress++;
      await new Promise((resolve) => setTimeout(resolve, 0));
      inProgress--;
      return await THIS_THREAD.decompress(pages);
    },
  };
}

function event(id: number, event_seq: bigint | null): BronzeEvent {
  return {
    event_id: `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`,
    event_type: "EXECUTED",
    event_seq,
    operation_id: BigInt(id),
    client_id: 1n,
    occurred_at: 1766930591_000000n,
    symbol: "BTCUSDC",
    source: "ws",
  };
}

/** Five parts. The event of the last one has no event_seq, so it comes first. */
async function openParts(codec: PageCodec) {
  const lake = memoryLake();
  const events = [1n, 2n, 3n, 4n, null].map((seq, i) => event(i, seq));
  const parts = await storeBronze(lake, [events.map((each) => [[each]])]);
  return await openEvents(lake, parts, { codec });
}

Deno.test("scan: the first parts are decompressed before the events without event_seq are used", async () => {
  const codec = slowCodec();
  const events = await openParts(codec);
  for await (const { location } of events.scan(["operation_id"])) {
    assertEquals(location.part, 4);
    assert(codec.requests > 1, `${codec.requests}`);
    break;
  }
  events.close();
});

Deno.test("scan: when the caller stops, no part is being read any more", async () => {
  const codec = slowCodec();
  const events = await openParts(codec);
  for (const most of [1, 2, 3]) {
    let groups = 0;
    for await (const _ of events.scan(["operation_id"])) if (++groups === most) break;
    assertEquals(codec.inProgress, 0, `after ${most} row groups`);
  }
  events.close();
});
