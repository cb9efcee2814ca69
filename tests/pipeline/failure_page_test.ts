import pages from "../../manifests/image/jobs/deep_storage/failure_pages.json" with {
  type: "json",
};
import { pageOf } from "../../pipeline/failure_page.ts";
import { topics } from "../../tasks/explain/pages.ts";
import { python } from "../spark/python.ts";
import { assert, assertEquals } from "../support/assert.ts";

const ROOT = new URL("../../", import.meta.url);

/** A message of each kind of failure, and its page. */
const CASES: readonly (readonly [summary: string, page: string | undefined])[] = [
  ["Cannot start: DJANGO_DB_PASSWORD is not set", "log-in"],
  ["Cannot start: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set", "log-in"],
  [
    "Cannot publish s3://rbs/bronze/events/date=2025-12-28/_commit.json: another run published this " +
    "day meanwhile, and its result is complete",
    "publish-conflict",
  ],
  [
    "Cannot publish s3://rbs/bronze/events/date=2025-12-28/_commit.json: the store refuses to create " +
    "it with If-None-Match, although no such object exists. Nothing was published. The bucket may " +
    "have versioning or object lock, or a proxy may alter ETags",
    "lake-conformance",
  ],
  ["Cannot publish in s3://rbs: the store ignores If-None-Match", "lake-conformance"],
  ["Cannot read from robson@db/rbsdb: a lock was not free within 60 s", "table-lock"],
  [
    "Cannot export 2025-12-28: bronze of 2025-12-28 was copied from a, and this run would read b",
    "lake-source",
  ],
  ["Cannot export stop_events: it has no column fill_price. Nothing was published", "table-name"],
  ["Cannot find table events in robson@db/rbsdb: no such table", "table-name"],
  ["Cannot read stop_events as robson: permission denied", "table-name"],
  [
    "Cannot export 2025-12-28: 70,000 events with 9 bytes do not fit the contract, and the " +
    "quarantine holds at most 10 events with 9 bytes. Nothing was published",
    "quarantine",
  ],
  [
    "Cannot export 2025-12-28: on that day, several rows of stop_events have the same event_seq: 1",
    "row-counts",
  ],
  [
    "Cannot export 2025-12-28: bronze has 2 events that stop_events no longer has: a, b. Nothing was " +
    "changed, so bronze keeps them",
    "amend",
  ],
  ["Cannot amend 2025-12-28: 1 event in bronze has different values in the outbox: a", "amend"],
  [
    "Cannot confirm bronze of 2025-12-28, which is sealed: it differs from the outbox in 1 row: a",
    "amend",
  ],
  [
    "Cannot confirm silver of 2025-12-28, which is sealed: it differs from bronze in 1 row: a",
    "silver-values",
  ],
  [
    "Cannot use the commit marker s3://rbs/bronze/events/date=2025-12-28/_commit.json: it is not JSON",
    "bronze-committed",
  ],
  [
    "Cannot use the commit marker s3://rbs/silver/stop_executions/_commits/date=2025-12-28.json: it " +
    "is not JSON",
    "silver-current",
  ],
  ["Cannot use s3://rbs/bronze/events/date=2025-12-28/a.parquet: it is missing", "bronze-parts"],
  ["Cannot use s3://rbs/silver/stop_executions/a.parquet: it is missing", "silver-parts"],
  ["Cannot connect to Postgres as robson@db/rbsdb: the connection was refused", "database-login"],
  ["Cannot read from robson@db:5432/rbsdb: Postgres sent nothing for 300 s", "database-login"],
  ["Cannot list all objects in s3://rbs: the connection was refused (ECONNREFUSED)", "lake-login"],
  [
    "Cannot store bronze/_source.json in s3://rbs: the store answered 403 AccessDenied",
    "lake-login",
  ],
  [
    "Cannot use s3://rbs at https://s3.example: the store does not know the access key",
    "lake-login",
  ],
  ["Cannot reach s3://rbs at https://s3.example: the connection was refused", "lake-login"],
  [
    "Cannot export 2025-12-28: the day was published before, but its commit marker is missing",
    "bronze-committed",
  ],
  ["Cannot export 2025-12-28: --earlier-source a is not a source of the lake", "lake-source"],
  ["Cannot list bronze/ in file:///lake: permission denied", "lake-login"],
  [
    'Cannot list Job objects: the connection was refused at https://a:6443 (context "k")',
    "cluster-login",
  ],
  ["Cannot finish bronze: an unexpected error", "unexpected-error"],
  ["Cannot finish bronze of 2025-12-28: Job a/b ended with exit code 1", "run"],
  ["Cannot use --date x: it is not a day", undefined],
  ["Cannot use --context: it belongs to the engine spark", undefined],
  ["Cannot start bronze: preflight failed, so no Job was started", undefined],
  ["Cannot use --context prod: there is no such context", "cluster-login"],
  ["Cannot export 2027-01-01: the day has not begun; the database's clock is at 2026", undefined],
];

for (const [summary, page] of CASES) {
  Deno.test(`pageOf: ${page ?? "no page"} for: ${summary.slice(0, 80)}`, () => {
    assertEquals(pageOf(summary), page);
  });
}

Deno.test("page_of: the jobs of Spark name the same pages", async () => {
  const given = CASES.map(([summary]) => `${summary}. Do this.`);
  const found = await python(
    "from deep_storage.errors import page_of\nresult = [page_of(message) for message in given]",
    { given },
  );
  assertEquals(found, CASES.map(([, page]) => page ?? null));
});

Deno.test("failure_pages.json: names existing pages, and no entry is without a message", () => {
  const known = topics().flatMap((topic) => [...topic.pages.keys()]);
  assertEquals(pages.map(({ page }) => page).filter((page) => !known.includes(page)), []);
  const used = new Set(CASES.map(([summary]) => pageOf(summary)));
  assertEquals(pages.map(({ page }) => page).filter((page) => !used.has(page)), []);
});

/** Failures without a page: wrong usage, and messages whose problem the code does not contain. */
const WITHOUT = [
  /the day has not begun/,
  /^Cannot request an object with the name/,
  /^Cannot export x: it x\. /,
];

Deno.test("pageOf: has a page for each failure in the code of the pipeline", async () => {
  const without: string[] = [];
  let count = 0;
  for (const file of await sources("pipeline")) {
    if (file.includes("/config/")) continue; // wrong usage
    for (const summary of failuresIn(await Deno.readTextFile(new URL(file, ROOT)))) {
      count++;
      const isUsage = WITHOUT.some((pattern) => pattern.test(summary));
      if (pageOf(summary) === undefined && !isUsage) without.push(`${file}: ${summary}`);
    }
  }
  assert(count > 30, `${count} failures`);
  assertEquals(without, []);
});

async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, ROOT))) {
    if (isDirectory) found.push(...await sources(`${folder}/${name}`));
    else if (name.endsWith(".ts")) found.push(`${folder}/${name}`);
  }
  return found;
}

/** Returns the summary of each failure whose task and problem are literals in the code. */
function failuresIn(code: string): string[] {
  const literal = '((?:[`"](?:[^`"\\\\]|\\\\.)*[`"]|\\s|\\+)+)';
  const pattern = new RegExp(
    `new Failure\\(\\{\\s*kind: [^\\n]+,\\s*task: ${literal},\\s*problem:\\s*${literal},`,
    "g",
  );
  return [...code.matchAll(pattern)].map(([, task, problem]) =>
    `Cannot ${textOf(task!)}: ${textOf(problem!)}`
  );
}

/** Returns the text of a literal, with samples for its expressions. */
function textOf(literals: string): string {
  const text = [...literals.matchAll(/([`"])((?:(?!\1)[^\\]|\\.)*)\1/g)].map(([, , part]) => part)
    .join("");
  return text.replace(/\$\{([^{}]|\{[^}]*\})*\}/g, (expression) => {
    if (expression.includes("url(part.key)")) return "s3://rbs/bronze/events/a.parquet";
    return expression.includes("url(") ? "s3://rbs/bronze/x" : "x";
  });
}
