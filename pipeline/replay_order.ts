import type { Value } from "./contract/column.ts";
import { REPLAY_ORDER } from "./contract/tables.ts";
import type { FileGroup, PartReader } from "./lake/parquet_reader.ts";

// A replay adds events in the order (event_seq, occurred_at, event_id), beginning with events
// without an event_seq. In bronze, those events are last, by event_id. Therefore, the positions are
// computed before the replay begins.

const [SEQ, TIME, ID] = [0, 1, 2];

/**
 * The places of the events that have no event_seq.
 *
 * @param last opens bronze's parts, the last one first; those before the first event_seq seen from
 *   the end are not opened
 * @returns for each of these events, in bronze's order, its place in the replay, from 1
 */
export async function unsequencedRanks(
  last: AsyncIterable<Pick<PartReader, "groups">>,
): Promise<Uint32Array> {
  let times: bigint[] = [];
  let ids: string[] = [];
  for await (const part of last) {
    const before = { times, ids };
    times = [];
    ids = [];
    let sequenced = false;
    for await (const group of part.groups(REPLAY_ORDER)) {
      sequenced = collect(group, times, ids) || sequenced;
    }
    for (let i = 0; i < before.ids.length; i++) {
      times.push(before.times[i]!);
      ids.push(before.ids[i]!);
    }
    if (sequenced) break;
  }
  const order = Uint32Array.from(ids, (_, i) => i);
  order.sort((a, b) => compare(times[a]!, times[b]!) || compare(ids[a]!, ids[b]!));
  const ranks = new Uint32Array(ids.length);
  order.forEach((event, place) => ranks[event] = place + 1);
  return ranks;
}

/**
 * Collects the events of a group that have no event_seq. Returns whether the group has other
 * events.
 */
function collect({ rows, columns }: FileGroup, times: bigint[], ids: string[]): boolean {
  let sequenced = false;
  for (let i = 0; i < rows; i++) {
    if (columns[SEQ]![i] !== null) {
      sequenced = true;
      continue;
    }
    times.push(columns[TIME]![i] as bigint);
    ids.push(columns[ID]![i] as string);
  }
  return sequenced;
}

/**
 * Assigns a position in the replay to every event, in bronze's order.
 *
 * @param unsequenced the result of {@linkcode unsequencedRanks}
 */
export function placer(unsequenced: Uint32Array): (seq: Value, id: Value) => number {
  let sequenced = 0;
  let without = 0;
  let previous: Value = null;
  return (seq, id) => {
    if (seq === null) {
      const place = unsequenced[without++];
      if (place === undefined) throw new Error(`event ${id} without event_seq is not at the end`);
      return place;
    }
    if (without > 0 || previous !== null && seq <= previous) {
      throw new Error(`event ${id} with event_seq ${seq} comes after event_seq ${previous}`);
    }
    previous = seq;
    return unsequenced.length + ++sequenced;
  };
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
