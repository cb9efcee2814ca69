import { gatherSource } from "../../../checks/facts/source.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { RUNBOOK_EVENTS } from "../../../tasks/demo/events.ts";
import { assertEquals, assertRejects } from "../../support/assert.ts";
import { outbox } from "../../support/postgres.ts";

const DAY = parseDay("2025-12-28")!;

function event(number: number, occurredAt: string): string {
  return `INSERT INTO stop_events (event_id, occurred_at, operation_id, client_id, symbol,
                                   event_type, source)
          VALUES ('00000000-0000-4000-8000-${String(number).padStart(12, "0")}',
                  '${occurredAt}', 1, 1, 'BTCUSDC', 'EXECUTED', 'ws')`;
}

Deno.test("the outbox's rows of a day, from its first microsecond to its last", async () => {
  const edges = [
    event(1, "2025-12-27T23:59:59.999999Z"),
    event(2, "2025-12-28T00:00:00Z"),
    event(3, "2025-12-28T23:59:59.999999Z"),
    event(4, "2025-12-29T00:00:00Z"),
  ];
  await using db = await outbox({ events: [RUNBOOK_EVENTS, ...edges] });
  const source = await gatherSource(db.config, DAY);
  assertEquals([source.day, source.rows, source.events], [DAY, 4, 4]);
});

Deno.test("an event_id that is there twice is counted once", async () => {
  const again = "ALTER TABLE stop_events DROP CONSTRAINT stop_events_pkey";
  const noon = "2025-12-28T12:00:00Z";
  await using db = await outbox({ events: [again, event(1, noon), event(1, noon)] });
  const { rows, events } = await gatherSource(db.config, DAY);
  assertEquals([rows, events], [2, 1]);
});

Deno.test("the session ends with the gathering, also where that fails", async () => {
  await using db = await outbox();
  const sessions = async () => {
    const [row] = await db.query(`SELECT count(*) AS count FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'`);
    return row!.count;
  };
  const gone = async () => {
    for (let i = 0; i < 100 && await sessions() !== "0"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return await sessions();
  };
  await gatherSource(db.config, DAY);
  assertEquals(await gone(), "0");
  await db.query("DROP TABLE stop_events");
  await assertRejects(() => gatherSource(db.config, DAY), Failure, "stop_events");
  assertEquals(await gone(), "0");
});

Deno.test("an aborted gathering fails at once, and says why", async () => {
  await using db = await outbox();
  const late = new Failure("unreachable", "Cannot wait any longer.");
  await assertRejects(() => gatherSource(db.config, DAY, AbortSignal.abort(late)));
});
