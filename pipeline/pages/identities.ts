import { EVENT_COLUMNS } from "../contract/tables.ts";
import type { CopyBlock } from "../outbox/copy_tap.ts";
import { fieldsOf } from "./column_kinds.ts";
import { createRowReader, NULL, TABLE_ROWS } from "./copy_rows.ts";
import { uuidText } from "./uuid_column.ts";

/** An event's identity and place in the order: event_id and event_seq. */
export type Identity = readonly [eventId: string, eventSeq: bigint | null];

/**
 * Reads the identities of events, one by one.
 *
 * @param copy a COPY of event_id and event_seq
 */
export async function* readIdentities(copy: AsyncIterable<CopyBlock>): AsyncGenerator<Identity> {
  const reader = createRowReader(fieldsOf(EVENT_COLUMNS.slice(0, 2)));
  const { table } = reader;
  for await (const block of copy) {
    for (let at = 0; at < block.length;) {
      at = reader.read(block, at, TABLE_ROWS, Infinity);
      if (table.refused !== undefined) throw new Error("an event has no valid identity");
      for (let row = 0; row < table.rows; row++) {
        const seq = table.starts[TABLE_ROWS + row]!;
        yield [
          uuidText(block.bytes, table.starts[row]!),
          seq === NULL ? null : block.view.getBigInt64(seq),
        ];
      }
    }
  }
  reader.end();
}
