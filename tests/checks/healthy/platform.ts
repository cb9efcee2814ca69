import { Failure } from "../../../pipeline/errors.ts";
import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import type { Facts } from "../../../checks/check.ts";
import type { Finding, Result } from "../../../checks/finding.ts";
import type { DatabaseOpened } from "../../../checks/facts/database.ts";
import type { LakeOpened } from "../../../checks/facts/lake.ts";
import { gatherManifests, type ManifestsFact } from "../../../checks/facts/manifests.ts";
import { SCHEDULE } from "./manifests.ts";
import type { Refusal } from "../../../checks/facts/refusal.ts";
import { runChecks } from "../../../checks/runner.ts";
import { SOURCE_KEY } from "../../../pipeline/contract/keys.ts";
import type { Source } from "../../../pipeline/contract/source.ts";
import { EVENT_COLUMNS } from "../../../pipeline/contract/tables.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import type { Holder } from "../../../pipeline/outbox/fence.ts";
import type { OutboxTable } from "../../../pipeline/outbox/schema.ts";
import { onlyFindingsOf, type Told } from "./day.ts";

// A platform that is ready for a run. Each test adds one fault.

/** The facts that the checks before a run read. */
export type ReadyFacts = Pick<Facts, "manifests" | "database" | "lake">;

export const TABLE: OutboxTable = {
  name: "stop_events",
  readable: true,
  user: "robson",
  database: "rbsdb",
  encoding: "UTF8",
  kind: "a table",
  temporary: false,
  foreign: [],
  rowsHidden: false,
  columns: EVENT_COLUMNS.map(({ name, postgres }) => ({
    name,
    type: postgres,
    declared: postgres,
  })),
};

/** The outbox, as a lake records it. */
export const SOURCE: Source = {
  database: "rbsdb",
  system: "7301",
  schema: "public",
  table: "stop_events",
};

export const DATABASE: DatabaseOpened = {
  opened: true,
  name: "robson@db:5432/rbsdb",
  user: "robson",
  version: "18.4",
  outbox: "stop_events",
  table: TABLE,
  source: SOURCE,
  nearMisses: [],
  today: parseDay("2025-12-28")!,
  holders: [],
  graceSeconds: 900,
};

export const LAKE: LakeOpened = {
  opened: true,
  name: "s3://rbs at https://store",
  promises: [
    { promise: "read-after-write", kept: true },
    { promise: "conditional-create", kept: true },
    { promise: "conditional-replace", kept: true },
    { promise: "listing", kept: true },
    { promise: "content-md5", kept: true },
    { promise: "range", kept: true },
  ],
  recorded: { key: SOURCE_KEY, source: SOURCE },
};

const ALL = await gatherManifests(
  new URL("../../../manifests", import.meta.url).pathname,
);

/** Our own, with the schedule. */
export const WITH_SCHEDULE: ManifestsFact = ALL;

/** Our own. */
export const MANIFESTS: ManifestsFact = {
  ...ALL,
  objects: ALL.objects.filter(({ file }) => !file?.endsWith(SCHEDULE)),
};

export const READY: ReadyFacts = { manifests: MANIFESTS, database: DATABASE, lake: LAKE };

/** The answer to a refused login. */
export const REFUSED: Refusal = {
  opened: false,
  name: "somebody@somewhere",
  failure: new Failure({
    kind: "configuration",
    task: "connect",
    problem: "the password is wrong",
    remedy: "Set the right one.",
  }),
};

/** Facts whose database has another table. */
export function withTable(changes: Partial<OutboxTable>): ReadyFacts {
  return { ...READY, database: { ...DATABASE, table: { ...TABLE, ...changes } } };
}

/** Facts of a database with an open transaction. */
export function withHolders(...holders: Holder[]): ReadyFacts {
  return { ...READY, database: { ...DATABASE, holders } };
}

/** Runs the whole catalog over facts. */
export function judgeReady(given: ReadyFacts): Promise<Result[]> {
  return runChecks(PREFLIGHT, {
    manifests: () => Promise.resolve(given.manifests),
    cluster: { absent: "left out", requested: true },
    image: { absent: "left out", requested: true },
    database: () => Promise.resolve(given.database),
    lake: () => Promise.resolve(given.lake),
  }, { timeoutMs: 120_000 });
}

/** As `assertOnly` of healthy.ts, for the checks before a run. */
export async function assertOnlyBefore(
  id: string,
  given: ReadyFacts,
  expected: readonly Partial<Finding>[],
): Promise<Told> {
  return onlyFindingsOf(id, await judgeReady(given), expected);
}
