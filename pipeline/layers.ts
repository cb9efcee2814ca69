import type { Layer } from "./compare.ts";
import { EVENT_COLUMNS, EVENT_CONTRACT } from "./contract/events.ts";
import { EXECUTION_COLUMNS, EXECUTION_CONTRACT } from "./contract/executions.ts";

const [ID, SEQ] = [0, 1];

/** The columns by which bronze is ordered, at the beginning of a row. */
export const BRONZE_ORDER: readonly string[] = EVENT_COLUMNS.slice(0, 2).map(({ name }) => name);

/** Bronze: by event_seq, those without one last, then by event_id. */
export const BRONZE: Layer = {
  columns: EVENT_COLUMNS,
  contract: EVENT_CONTRACT,
  source: "the outbox",
  identify: (row) => row[ID] as string,
  describe: (row) => `event ${row[ID]}`,
  compare(a, b) {
    const [seqA, seqB] = [a[SEQ], b[SEQ]] as (bigint | null)[];
    if (seqA !== seqB) {
      if (seqA == null || seqB == null) return seqA == null ? 1 : -1;
      return seqA < seqB ? -1 : 1;
    }
    return a[ID]! < b[ID]! ? -1 : a[ID]! > b[ID]! ? 1 : 0;
  },
};

const [OPERATION, CLIENT] = [1, 2];

/** Silver: by client, then by operation. */
export const SILVER: Layer = {
  columns: EXECUTION_COLUMNS,
  contract: EXECUTION_CONTRACT,
  source: "the replay of bronze",
  identify: (row) => String(row[OPERATION]),
  describe: (row) => `operation ${row[OPERATION]} of client ${row[CLIENT]}`,
  compare(a, b) {
    for (const column of [CLIENT, OPERATION]) {
      const [x, y] = [a[column] as bigint, b[column] as bigint];
      if (x !== y) return x < y ? -1 : 1;
    }
    return 0;
  },
};
