import { createHash } from "node:crypto";
import { bronzeMarkerKey, silverMarkerKey, silverPrefix } from "./contract/keys.ts";
import { EXECUTION_COLUMNS, EXECUTION_CONTRACT } from "./contract/tables.ts";
import type { Day } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { BRONZE, BRONZE_ORDER, compareWindow, type Difference, SILVER } from "./compare.ts";
import { listAll, type Publication, publishWindow, removeBesideSealed } from "./lake/commit.ts";
import { type RunStart, startRun } from "./lake/lifetimes.ts";
import { wasOnce } from "./lake/history.ts";
import type { Lake } from "./lake/lake.ts";
import {
  type BronzeCommit,
  type Part,
  readMarker,
  type SilverCommit,
  type StoredMarker,
} from "./lake/marker.ts";
import type { PartReader } from "./lake/parquet_reader.ts";
import {
  cutParts,
  damaged,
  folderOf,
  type Lineage,
  lineageOf,
  type NewPart,
  readPart,
  storeParts,
} from "./lake/parts.ts";
import { openMerged } from "./merge.ts";
import { NAMED, type Observer, plural } from "./progress.ts";
import { type ClientExecutions, createReplay, type Replay, REPLAYED_COLUMNS } from "./replay.ts";
import { placer, unsequencedRanks } from "./replay_order.ts";

/** Options of a silver run. */
export interface SilverOptions {
  /** The lake that contains bronze and silver. */
  readonly lake: Lake;
  /** The day to replay. */
  readonly day: Day;
  /**
   * True to rebuild a sealed silver whenever its parts, its marker or its bronze changed.
   * Otherwise, a sealed silver is rebuilt only after bronze was amended.
   */
  readonly follow?: boolean;
  /** True to skip storing and removing objects. */
  readonly dryRun?: boolean;
  /** Receives the steps and the progress of the run. */
  readonly observer: Observer;
}

/** Number of attempts of a run if bronze is published again during the run. */
const ATTEMPTS = 3;

/**
 * Replays one day of bronze into silver: one row per operation that has an execution event, each
 * with the operation's latest state. It reads exactly the parts that the bronze marker lists, and
 * publishes with the same protocol as bronze. Silver is sealed if its bronze is sealed.
 *
 * @throws {Failure} nothing was published; data: the day has no bronze, or a part of it is damaged;
 *   unreachable: bronze was published again and again meanwhile
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { parseDay } from "./contract/window.ts";
 * import { openLake } from "./lake/open.ts";
 * import { runSilver } from "./silver.ts";
 * const path = await Deno.makeTempDir();
 * const lake = openLake({ kind: "directory", path });
 * const observer = { step() {}, progress() {} };
 * await assertRejects(
 *   () => runSilver({ lake, day: parseDay("2025-12-28")!, observer }),
 *   Error,
 *   "Run bronze first",
 * );
 * lake.close();
 * await Deno.remove(path, { recursive: true });
 * ```
 */
export async function runSilver(options: SilverOptions): Promise<void> {
  const { lake, day, observer } = options;
  for (let attempt = 1;; attempt++) {
    const began = startRun();
    // Silver's own marker is read first: a run that publishes from a newer bronze changes it.
    const previous = await readPrevious(options);
    const bronze = await readMarker(lake, "bronze", bronzeMarkerKey(day), day);
    if (bronze === undefined) throw noBronze(lake, day);
    try {
      await transform(bronze, previous, began, options);
      return;
    } catch (error) {
      const now = await readMarker(lake, "bronze", bronzeMarkerKey(day), day);
      if (now?.sha256 === bronze.sha256) throw error;
      if (attempt === ATTEMPTS) throw restless(day, error);
      observer.step({
        step: "bronze",
        says: "bronze was published again meanwhile; starting over",
        data: { attempt },
        warning: true,
      });
    }
  }
}

/** Reads silver's marker. With `follow`, an unusable marker can still be replaced. */
async function readPrevious(
  { lake, day, follow = false, observer }: SilverOptions,
): Promise<StoredMarker<SilverCommit> | undefined> {
  const key = silverMarkerKey(day);
  try {
    return await readMarker(lake, "silver", key, day);
  } catch (error) {
    const unusable = error instanceof Failure && error.kind === "data";
    const stored = follow && unusable ? await lake.get(key) : undefined;
    if (stored === undefined) throw error;
    observer.step({
      step: "silver",
      says: "silver's commit marker cannot be used and is replaced",
      data: { key },
      warning: true,
    });
    const sha256 = createHash("sha256").update(stored.bytes).digest("hex");
    return { ...stored, key, sha256, commit: { ...NAMES_NOTHING, day } };
  }
}

/** The message of a failure to read the marker. */
const NAMES_NOTHING = {
  layer: "silver",
  state: "sealed",
  rows: 0,
  bronze: { key: "", sha256: "" },
  contract: "",
  parts: [],
} as const;

async function transform(
  bronze: StoredMarker<BronzeCommit>,
  previous: StoredMarker<SilverCommit> | undefined,
  began: RunStart,
  { lake, day, follow = false, dryRun = false, observer }: SilverOptions,
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
  const publication = { lake, key, previous, listed, began, dryRun, observer };
  const commit = {
    layer: "silver",
    day,
    state,
    rows: replay.operations,
    bronze: { key: bronze.key, sha256: bronze.sha256 },
    contract: EXECUTION_CONTRACT,
  } as const;
  const cut = cutClients(clients, day, lineageOf(publication));
  if (previous?.commit.state === "sealed" && !await mayFollow()) {
    if (!await verifySealed(previous.commit, cut, bronze, publication)) return;
    // The rows are equal and the bytes of the bronze marker are not, so only the reference is
    // updated.
    await publishWindow({ ...commit, parts: previous.commit.parts }, publication);
    return;
  }

  const parts = await storeParts(lake, cut, !dryRun, () => {});
  observer.step({
    step: "parts",
    says: `${plural(parts.length, "part")} for ${plural(clients.length, "client")}`,
    data: { parts: parts.length, keys: parts.map(({ key }) => key) },
  });
  await publishWindow({ ...commit, parts }, publication);

  async function mayFollow(): Promise<boolean> {
    const { sha256 } = previous!.commit.bronze;
    return follow || sha256 !== bronze.sha256 && await wasOnce(lake, day, bronze, sha256);
  }
}

/**
 * Compares a sealed silver with the replay.
 *
 * @returns whether its marker refers to a bronze marker that is no longer current
 * @throws {Failure} data: operations differ; the message lists them
 */
async function verifySealed(
  sealed: SilverCommit,
  expected: AsyncIterator<NewPart>,
  bronze: StoredMarker<BronzeCommit>,
  publication: Publication,
): Promise<boolean> {
  const { lake, key, observer } = publication;
  const { late, lost, altered, named } = await compareWindow(lake, sealed, expected, SILVER);
  const count = late.size + lost.size + altered.size;
  if (count > 0) throw differs(sealed, count, Object.values(named).flat());
  const { rows, parts } = sealed;
  const stale = sealed.bronze.sha256 !== bronze.sha256;
  if (stale && bronze.commit.state === "sealed") return true;
  observer.step({
    step: "verified",
    says: `already sealed; its ${plural(rows, "row")} match ${SILVER.source}; nothing was written`,
    data: { key, state: "sealed", rows, parts: parts.length },
  });
  await removeBesideSealed(sealed, publication);
  return false;
}

async function replayParts(
  lake: Lake,
  { parts, rows: of }: BronzeCommit,
  observer: Observer,
): Promise<Replay> {
  const amended = parts.some(({ amendment }) => amendment !== undefined);
  const merged = () => asyncList([openMerged(lake, parts, BRONZE_ORDER, BRONZE.compare)]);
  const backwards = amended ? merged() : readers(lake, parts.toReversed());
  const place = placer(await unsequencedRanks(backwards));
  const replay = createReplay();
  const names = ["event_seq", "event_id", ...REPLAYED_COLUMNS];
  let rows = 0;
  for await (const reader of amended ? merged() : readers(lake, parts)) {
    for await (const { rows: count, columns } of reader.groups(names)) {
      const [seqs, ids, ...values] = columns;
      for (let i = 0; i < count; i++) replay.add(values, i, place(seqs![i]!, ids![i]!));
      rows += count;
      observer.progress({ rows, of, parts: 0 });
    }
  }
  return replay;
}

/**
 * Opens the parts one after the other. An error inside a part becomes a failure with the part's
 * key.
 */
async function* readers(lake: Lake, parts: readonly Part[]): AsyncGenerator<PartReader> {
  for (const part of parts) {
    const reader = await readPart(lake, part);
    yield {
      ...reader,
      async *groups(names) {
        try {
          yield* reader.groups(names);
        } catch (error) {
          throw damaged(lake, part, (error as Error).message);
        }
      },
    };
  }
}

async function* asyncList<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function* cutClients(
  clients: readonly ClientExecutions[],
  day: Day,
  lineage: Lineage,
): AsyncGenerator<NewPart> {
  for (const { client, groups } of clients) {
    yield* cutParts(groups(), EXECUTION_COLUMNS, silverPrefix(client, day), lineage);
  }
}

function noBronze(lake: Lake, day: Day): Failure {
  return new Failure({
    kind: "data",
    task: `build silver for ${day}`,
    problem: `bronze has no commit marker for this day (${lake.url(bronzeMarkerKey(day))})`,
    remedy: `Run bronze first: deno task bronze --date ${day}`,
  });
}

function restless(day: Day, cause: unknown): Failure {
  return new Failure({
    kind: "unreachable",
    task: `build silver for ${day}`,
    problem: `bronze was published again ${ATTEMPTS} times during the run`,
    remedy: "Wait for the other runs to end, then run again.",
    cause,
  });
}

function differs({ day }: SilverCommit, count: number, named: readonly Difference[]): Failure {
  const texts = named.slice(0, NAMED).map(({ text }) => text);
  if (count > texts.length) texts.push(`and ${count - texts.length} more`);
  return new Failure({
    kind: "data",
    task: `confirm silver of ${day}, which is sealed`,
    problem: `it differs from ${SILVER.source} in ${plural(count, "row")}: ${texts.join("; ")}. ` +
      "Nothing was changed",
    remedy: "Find out who changed silver or bronze. To rebuild silver from bronze: deno task " +
      "amend " +
      `--date ${day}`,
  });
}
