import type { RowGroup, Value } from "./contract/column.ts";
import { EVENT_TIMES, EXECUTION_COLUMNS, EXECUTION_STATUS } from "./contract/tables.ts";
import { bytesCells, int64Cells, rankCells, textCells } from "./typed_columns.ts";

/** The columns of bronze that a replay reads, in the order that {@linkcode Replay.add} expects. */
export const REPLAYED_COLUMNS = [
  "event_type",
  "operation_id",
  "client_id",
  "event_id",
  "occurred_at",
  "symbol",
  "source",
  "stop_price",
  "trigger_price",
  "quantity",
  "side",
  "exchange_order_id",
  "fill_price",
  "slippage_pct",
] as const;

/** Index of the first column for which silver has the last value that is not null. */
const FIRST_CARRIED = 7;

/** One client's executions. */
export interface ClientExecutions {
  /** The client's id. */
  readonly client: bigint;
  /** The number of executions of this client. */
  readonly rows: number;
  /** The executions by operation, in silver's columns. */
  groups(): Iterable<RowGroup>;
}

/** The states of operations, to which events are added. */
export interface Replay {
  /**
   * Adds an event. Only events of the execution types have an effect.
   *
   * @param values the event's values, by {@linkcode REPLAYED_COLUMNS}
   * @param rank the event's place in the order of the replay, from 1. Events may come in any order:
   *   of two values for one cell, the one with the higher rank stays.
   */
  add(values: readonly ArrayLike<Value>[], row: number, rank: number): void;
  /** The number of operations until now. */
  readonly operations: number;
  /** Returns all executions, by client. */
  clients(): ClientExecutions[];
}

const GROUP_ROWS = 10_000;

/**
 * Begins a replay. Memory use is about 300 bytes per operation and does not depend on the number of
 * events.
 */
export function createReplay(): Replay {
  const indexes = new Map<bigint, number>();
  // Columns without nulls come from the last event, so they share one rank.
  const lastRank = rankCells();
  const last = {
    operation_id: int64Cells(),
    client_id: int64Cells(),
    execution_id: textCells(),
    symbol: textCells(),
    source: textCells(),
    status: textCells(),
  };
  const carried = {
    stop_price: bytesCells(9),
    trigger_price: bytesCells(9),
    quantity: bytesCells(9),
    side: textCells(),
    exchange_order_id: textCells(),
    fill_price: bytesCells(9),
    slippage_pct: int64Cells(),
    triggered_at: int64Cells(),
    submitted_at: int64Cells(),
    executed_at: int64Cells(),
  };
  const ranks = new Map(Object.keys(carried).map((name) => [name, rankCells()]));

  const carry = (name: keyof typeof carried, index: number, value: Value, rank: number) => {
    const seen = ranks.get(name)!;
    if (value === null || rank < seen.get(index)) return;
    seen.set(index, rank);
    carried[name].set(index, value as never);
  };
  const carriedNames = REPLAYED_COLUMNS.slice(FIRST_CARRIED) as (keyof typeof carried)[];

  return {
    get operations() {
      return indexes.size;
    },
    add(values, row, rank) {
      const type = values[0]![row] as string;
      const status = EXECUTION_STATUS.get(type);
      if (status === undefined) return;
      const operation = values[1]![row] as bigint;
      let index = indexes.get(operation);
      if (index === undefined) indexes.set(operation, index = indexes.size);
      if (rank > lastRank.get(index)) {
        lastRank.set(index, rank);
        last.operation_id.set(index, operation);
        last.client_id.set(index, values[2]![row] as bigint);
        last.execution_id.set(index, values[3]![row] as string);
        last.symbol.set(index, values[5]![row] as string);
        last.source.set(index, values[6]![row] as string);
        last.status.set(index, status);
      }
      const time = EVENT_TIMES.get(type);
      if (time !== undefined) carry(time, index, values[4]![row]!, rank);
      for (let i = 0; i < carriedNames.length; i++) {
        carry(carriedNames[i]!, index, values[FIRST_CARRIED + i]![row]!, rank);
      }
    },
    clients() {
      const { client_id: client, operation_id: operation } = last;
      const order = Uint32Array.from({ length: indexes.size }, (_, i) => i);
      order.sort((a, b) =>
        compare(client.get(a), client.get(b)) || compare(operation.get(a), operation.get(b))
      );
      const cell = (name: string, index: number): Value => {
        if (name in last) return last[name as keyof typeof last].get(index);
        return ranks.get(name)!.get(index) === 0
          ? null
          : carried[name as keyof typeof carried].get(index);
      };
      const clients: ClientExecutions[] = [];
      for (let from = 0; from < order.length;) {
        const id = client.get(order[from]!);
        let to = from + 1;
        while (to < order.length && client.get(order[to]!) === id) to++;
        const members = order.subarray(from, to);
        clients.push({ client: id, rows: members.length, groups: () => rowGroups(members, cell) });
        from = to;
      }
      return clients;
    },
  };
}

function* rowGroups(
  members: Uint32Array,
  cell: (name: string, index: number) => Value,
): Generator<RowGroup> {
  for (let from = 0; from < members.length; from += GROUP_ROWS) {
    const some = Array.from(members.subarray(from, from + GROUP_ROWS));
    const columns = EXECUTION_COLUMNS.map(({ name }) => some.map((index) => cell(name, index)));
    yield { rows: some.length, columns };
  }
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
