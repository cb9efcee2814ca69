import { bronzeMarkerKey } from "./contract/events.ts";
import {
  EXECUTION_COLUMNS,
  EXECUTION_CONTRACT,
  silverMarkerKey,
  silverPrefix,
} from "./contract/executions.ts";
import type { Day } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { folderOf, listAll, publishWindow } from "./lake/commit.ts";
import type { Lake } from "./lake/lake.ts";
import {
  type BronzeCommit,
  type Part,
  readMarker,
  type SilverCommit,
  type StoredMarker,
} from "./lake/marker.ts";
import { cutParts, damaged, type NewPart, readPart, storeParts } from "./lake/parts.ts";
import { type Observer, plural } from "./progress.ts";
import { type ClientExecutions, createReplay, type Replay, REPLAYED_COLUMNS } from "./replay.ts";
import { placer, unsequencedRanks } from "./replay_order.ts";
import { type Layer, verifySealed } from "./verify.ts";

/** What a silver run needs. */
export interface SilverOptions {
  /** Where bronze is and silver goes. */
  readonly lake: Lake;
  /** The day to replay. */
  readonly day: Day;
  /** Do everything except storing and removing objects. */
  readonly dryRun?: boolean;
  /** Hears what the run does. */
  readonly observer: Observer;
}

/** How often a run begins anew because bronze was published again under it. */
const ATTEMPTS = 3;

/**
 * Replays one day of bronze into silver: one row per operation that has an execution event, each with
 * the operation's latest state. It reads exactly the parts that the bronze marker names, and publishes
 * as bronze does. Silver is sealed when the bronze that it was made from is.
 *
 * @throws {Failure} nothing was published; data: the day has no bronze, or a part of it is damaged
 */
export async function runSilver(options: SilverOptions): Promise<void> {
  const { lake, day, observer } = options;
  for (let attempt = 1;; attempt++) {
    // Silver's own marker is read first: whoever publishes from a newer bronze changes it.
    const previous = await readMarker(lake, "silver", silverMarkerKey(day), day);
    const bronze = await readMarker(lake, "bronze", bronzeMarkerKey(day), day);
    if (bronze === undefined) throw noBronze(lake, day);
    try {
      await transform(bronze, previous, options);
      return;
    } catch (error) {
      const now = await readMarker(lake, "bronze", bronzeMarkerKey(day), day);
      if (now?.sha256 === bronze.sha256 || attempt === ATTEMPTS) throw error;
      observer.step({
        step: "bronze",
        says: "bronze was published again meanwhile; beginning anew",
        data: { attempt },
        warning: true,
      });
    }
  }
}

async function transform(
  bronze: StoredMarker<BronzeCommit>,
  previous: StoredMarker<SilverCommit> | undefined,
  { lake, day, dryRun = false, observer }: SilverOptions,
): Promise<void> {
  const { state, rows: events, parts: sources } = bronze.commit;
  observer.step({
    step: "bronze",
    says: `${lake.url(bronze.key)}, ${state}, ${plural(events, "event")} in ` +
      plural(sources.length, "part"),
    data: { key: bronze.key, state, rows: events, parts: sources.length },
  });
  const replay = await replayParts(lake, bronze.commit, observer);
  observer.step({
    step: "replay",
    says: `${plural(events, "event")} to ${plural(replay.operations, "execution")}`,
    data: { events, executions: replay.operations },
  });

  const clients = replay.clients();
  const before = previous?.commit.parts ?? [];
  const places = new Set([
    ...clients.map(({ client }) => silverPrefix(client, day)),
    ...before.map(folderOf),
  ]);
  const listed = await listAll(lake, places);
  const key = silverMarkerKey(day);
  const publication = { lake, key, previous, listed, dryRun, observer };
  const cut = cutClients(clients, day);
  if (previous?.commit.state === "sealed") {
    await verifySealed(previous.commit, cut, SILVER, publication);
    return;
  }

  const parts = await storeParts(lake, cut, !dryRun, () => {});
  observer.step({
    step: "parts",
    says: `${plural(parts.length, "part")} for ${plural(clients.length, "client")}`,
    data: { parts: parts.length, keys: parts.map(({ key }) => key) },
  });
  const commit: SilverCommit = {
    layer: "silver",
    day,
    state,
    rows: replay.operations,
    bronze: { key: bronze.key, sha256: bronze.sha256 },
    contract: EXECUTION_CONTRACT,
    parts,
  };
  await publishWindow(commit, publication);
}

async function replayParts(
  lake: Lake,
  { parts, rows: of }: BronzeCommit,
  observer: Observer,
): Promise<Replay> {
  const place = placer(await unsequencedRanks(readers(lake, parts.toReversed())));
  const replay = createReplay();
  const names = ["event_seq", "event_id", ...REPLAYED_COLUMNS];
  let rows = 0;
  for (const part of parts) {
    const reader = await readPart(lake, part);
    try {
      for await (const { rows: count, columns } of reader.groups(names)) {
        const [seqs, ids, ...values] = columns;
        for (let i = 0; i < count; i++) replay.add(values, i, place(seqs![i]!, ids![i]!));
        rows += count;
        observer.progress({ rows, of, parts: 0 });
      }
    } catch (error) {
      throw damaged(lake, part, (error as Error).message);
    }
  }
  return replay;
}

async function* readers(lake: Lake, parts: readonly Part[]) {
  for (const part of parts) yield await readPart(lake, part);
}

async function* cutClients(
  clients: readonly ClientExecutions[],
  day: Day,
): AsyncGenerator<NewPart> {
  for (const { client, groups } of clients) {
    yield* cutParts(groups(), EXECUTION_COLUMNS, silverPrefix(client, day));
  }
}

const [OPERATION, CLIENT] = [1, 2];

const SILVER: Layer = {
  columns: EXECUTION_COLUMNS,
  contract: EXECUTION_CONTRACT,
  source: "the replay of bronze",
  describe: (row) => `operation ${row[OPERATION]} of client ${row[CLIENT]}`,
  compare(a, b) {
    for (const column of [CLIENT, OPERATION]) {
      const [x, y] = [a[column] as bigint, b[column] as bigint];
      if (x !== y) return x < y ? -1 : 1;
    }
    return 0;
  },
};

function noBronze(lake: Lake, day: Day): Failure {
  return new Failure(
    "data",
    `Cannot make silver of ${day}: bronze has no commit marker for it (${
      lake.url(bronzeMarkerKey(day))
    }). Run bronze first: deno task bronze --date ${day}`,
  );
}
