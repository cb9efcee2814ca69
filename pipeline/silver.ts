import { createHash } from "node:crypto";
import { bronzeMarkerKey, silverMarkerKey, silverPrefix } from "./contract/keys.ts";
import { EXECUTION_CONTRACT } from "./contract/fingerprint.ts";
import { EXECUTION_COLUMNS } from "./contract/tables.ts";
import { adviceToPublish, type Day } from "./contract/window.ts";
import { Failure } from "./errors.ts";
import { SOURCE_NAMES } from "./execution_columns.ts";
import { compareWindow, type Difference, SILVER } from "./compare.ts";
import { listAll, type Publication, publishWindow, removeBesideSealed } from "./lake/commit.ts";
import { type RunStart, startRun } from "./lake/lifetimes.ts";
import { wasOnce } from "./lake/history.ts";
import type { Lake } from "./lake/lake.ts";
import {
  type BronzeCommit,
  readMarker,
  type SilverCommit,
  type StoredMarker,
} from "./lake/marker.ts";
import { type CompressedPage, createPageFile, freePages } from "./lake/page_file.ts";
import {
  folderOf,
  type Lineage,
  lineageOf,
  nameParts,
  type NewPart,
  type PartBody,
  storeParts,
  TARGET_BYTES,
} from "./lake/parts.ts";
import { confirmDayOfLake } from "./lake/source_record.ts";
import { startPageThread } from "./page_thread.ts";
import { NAMED, type Observer, plural } from "./progress.ts";
import { type ExecutionGroup, type Replay, replayEvents } from "./replay.ts";
import { type Events, openEvents } from "./replay_order.ts";

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
  /** The largest number of operations in memory. The result does not depend on this number. */
  readonly mostOperations?: number | undefined;
  /**
   * The smallest number of events for which a second thread decompresses and compresses pages. The
   * result does not depend on this number.
   */
  readonly fewestForThread?: number | undefined;
  /** Receives the steps and the progress of the run. */
  readonly observer: Observer;
}

/**
 * With fewer events, the start of a second thread takes more time than the thread saves. A thread of
 * a confined process needs half a second until it is ready.
 */
const FEWEST_FOR_THREAD = 500_000;

/** The total size of the parts that are in flight, in bytes. All rows of silver are in memory then. */
const BYTES_IN_FLIGHT = 16 << 20;

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
 * const lake = await openLake({ kind: "directory", path });
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
    await confirmDayOfLake(lake, bronze.commit, `build silver of ${day}`);
    try {
      await transform(bronze, previous, began, options);
      return;
    } catch (error) {
      const now = await readMarker(lake, "bronze", bronzeMarkerKey(day), day);
      if (now?.sha256 === bronze.sha256) throw error;
      if (attempt === ATTEMPTS) throw bronzeKeptChanging(day, error);
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
    return { ...stored, key, sha256, commit: { ...EMPTY_COMMIT, day } };
  }
}

/** A commit without parts, in place of a marker that cannot be used. */
const EMPTY_COMMIT = {
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
  options: SilverOptions,
): Promise<void> {
  const { lake, day, follow = false, dryRun = false, mostOperations, observer } = options;
  const { state, rows: events, parts: sources } = bronze.commit;
  const { fewestForThread = FEWEST_FOR_THREAD } = options;
  using thread = events < fewestForThread ? undefined : startPageThread();
  observer.step({
    step: "bronze",
    says: `${lake.url(bronze.key)}, ${state}, ${plural(events, "event")} in ` +
      plural(sources.length, "part"),
    data: { key: bronze.key, state, rows: events, parts: sources.length },
  });
  const replay = await replayEvents(
    observed(
      await openEvents(lake, sources, { codec: thread, columns: SOURCE_NAMES }),
      events,
      observer,
    ),
    events,
    { most: mostOperations, codec: thread },
  );
  const before = previous?.commit.parts ?? [];
  const places = new Set([
    ...[...replay.clients].map((client) => silverPrefix(client, day)),
    ...before.map(folderOf),
  ]);
  const listed = await listAll(lake, places);
  const key = silverMarkerKey(day);
  const publication = { lake, key, previous, listed, began, dryRun, observer };
  const commit = {
    layer: "silver",
    day,
    state,
    bronze: { key: bronze.key, sha256: bronze.sha256 },
    contract: EXECUTION_CONTRACT,
  } as const;
  const totals = { executions: 0, clients: 0 };
  const groups = replayedGroups(replay, totals, () => {
    observer.step({
      step: "replay",
      says: `${plural(events, "event")} to ${plural(totals.executions, "execution")}`,
      data: { events, executions: totals.executions },
    });
  });
  const cut = cutClients(groups, day, lineageOf(publication), totals);
  if (previous?.commit.state === "sealed" && !await mayFollow()) {
    if (!await verifySealed(previous.commit, cut, bronze, publication)) return;
    // The rows are equal and the bytes of the bronze marker are not, so only the reference is
    // updated.
    const { rows, parts } = previous.commit;
    await publishWindow({ ...commit, rows, parts }, publication);
    return;
  }

  const parts = await storeParts(lake, cut, {
    stores: !dryRun,
    bytesInFlight: BYTES_IN_FLIGHT,
    onWork: (work) => observer.work?.(work),
  });
  observer.step({
    step: "parts",
    says: `${plural(parts.length, "part")} for ${plural(totals.clients, "client")}`,
    data: { parts: parts.length, keys: parts.map(({ key }) => key) },
  });
  await publishWindow({ ...commit, rows: totals.executions, parts }, publication);

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
  if (count > 0) throw silverDiffers(sealed, count, Object.values(named).flat());
  const { rows, parts } = sealed;
  const stale = sealed.bronze.sha256 !== bronze.sha256;
  if (stale && bronze.commit.state === "sealed") return true;
  observer.step({
    step: "verified",
    says: `${lake.url(key)}, already sealed; ${SILVER.source} has the same ` +
      `${plural(rows, "row")}; nothing was written`,
    data: { key, state: "sealed", rows, parts: parts.length },
  });
  await removeBesideSealed(sealed, publication);
  return false;
}

/** Events whose scans report their progress. */
function observed(events: Events, of: number, observer: Observer): Events {
  return {
    ...events,
    async *scan(names) {
      let rows = 0;
      for await (const group of events.scan(names)) {
        yield group;
        rows += group.to - group.from;
        observer.progress({ rows, of, parts: 0 });
      }
    },
  };
}

/** The row groups of all ranges. A row group is freed when the next one is taken. */
async function* replayedGroups(
  replay: Replay,
  totals: { executions: number },
  onReplayed: () => void,
): AsyncGenerator<ExecutionGroup> {
  for await (const { operations, groups, isLast } of replay.ranges()) {
    totals.executions += operations;
    if (isLast) onReplayed();
    for (const [i, { pages }] of groups.entries()) {
      yield groups[i]!;
      freePages(pages, groups[i + 1]?.pages);
    }
  }
}

/**
 * Divides the executions into parts, client by client.
 *
 * @param totals receives the number of clients
 */
async function* cutClients(
  groups: AsyncGenerator<ExecutionGroup>,
  day: Day,
  lineage: Lineage,
  totals: { clients: number },
): AsyncGenerator<NewPart> {
  let next = await groups.next();
  async function* ofOneClient(client: bigint): AsyncGenerator<PartBody> {
    let file = createPageFile(EXECUTION_COLUMNS, capacityFor(next.value.pages));
    for (; !next.done && next.value.client === client; next = await groups.next()) {
      file.writeCompressed(next.value.rows, next.value.pages);
      if (file.bytes < TARGET_BYTES) continue;
      yield { rows: file.rows, body: file.finish() };
      file = createPageFile(EXECUTION_COLUMNS, capacityFor(next.value.pages));
    }
    if (file.rows > 0) yield { rows: file.rows, body: file.finish() };
  }
  while (!next.done) {
    const { client } = next.value;
    totals.clients++;
    yield* nameParts(ofOneClient(client), silverPrefix(client, day), lineage);
  }
}

/** Room for two row groups: most clients have no more. */
function capacityFor(pages: readonly CompressedPage[]): number {
  return 2 * pages.reduce((sum, { values }) => sum + values.bytes.length, 4096);
}

function noBronze(lake: Lake, day: Day): Failure {
  return new Failure({
    kind: "data",
    task: `build silver for ${day}`,
    problem: `bronze has no commit marker for this day (${lake.url(bronzeMarkerKey(day))})`,
    remedy: adviceToPublish(day, `Run bronze first: deno task bronze --date ${day}`),
  });
}

function bronzeKeptChanging(day: Day, cause: unknown): Failure {
  return new Failure({
    kind: "unreachable",
    task: `build silver for ${day}`,
    problem: `bronze was published again ${ATTEMPTS} times during the run`,
    remedy: "Wait for the other runs to end, then run again.",
    cause,
  });
}

function silverDiffers(
  { day }: SilverCommit,
  count: number,
  named: readonly Difference[],
): Failure {
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
