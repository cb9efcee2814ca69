import { EVENT_COLUMNS } from "./contract/events.ts";
import type { Lake } from "./lake/lake.ts";
import type { BronzeCommit } from "./lake/marker.ts";
import { BRONZE, BRONZE_ORDER } from "./layers.ts";
import { type Row, storedRows } from "./merge.ts";
import type { Connection } from "./outbox/connection.ts";
import { decodeCopy } from "./outbox/copy_binary.ts";
import { missingEvents } from "./outbox/presence.ts";
import { identitiesQuery } from "./outbox/snapshot.ts";
import type { Window } from "./contract/window.ts";

/**
 * The events that bronze has of a window and the outbox has no longer, by identity. A count would not
 * tell: an outbox that lost two events and gained three has one more.
 *
 * @param published what bronze has
 * @throws {Failure} data: a part of bronze is missing or damaged
 */
export async function lostEvents(
  connection: Connection,
  window: Window,
  lake: Lake,
  published: BronzeCommit,
): Promise<Set<string>> {
  const columns = EVENT_COLUMNS.slice(0, BRONZE_ORDER.length);
  const copied = decodeCopy(connection.copy(identitiesQuery(window)), columns);
  const stored = storedRows(lake, published.parts, BRONZE_ORDER, BRONZE.compare);
  const absent: string[] = [];
  const there = textRows(copied);
  let a = await there.next();
  for await (const row of stored) {
    while (!a.done && BRONZE.compare(a.value, row) < 0) a = await there.next();
    if (a.done || BRONZE.compare(a.value, row) !== 0) absent.push(row[0] as string);
  }
  while (!a.done) a = await there.next(); // the session is free only at the end of the copy
  // An event whose event_seq was altered has another place in the order, and is there all the same.
  return await missingEvents(connection, window, absent);
}

const ASCII = new TextDecoder();

async function* textRows(groups: ReturnType<typeof decodeCopy>): AsyncGenerator<Row> {
  for await (const { rows, columns } of groups) {
    const [ids, seqs] = columns;
    for (let i = 0; i < rows; i++) yield [ASCII.decode(ids![i] as Uint8Array), seqs![i] ?? null];
  }
}
