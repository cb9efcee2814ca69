import { piecesOf } from "../../../../checks/report/fix_pieces.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertOnly,
  BRONZE,
  facts,
  HEALTHY,
  recommit,
  resultOf,
  unpublished,
} from "../../healthy/day.ts";

const ID = "bronze-committed";
const object = "bronze/events/date=2025-12-28/_commit.json";

Deno.test("bronze-committed passes with a marker, and reports its state", async () => {
  const { verdict, examined } = await resultOf(ID, HEALTHY);
  assertEquals([verdict, examined], ["pass", `${object}: sealed, 7 events in 2 parts`]);
});

Deno.test("bronze-committed warns of a day that is over and still open, and only of that", async () => {
  const open = recommit(BRONZE, { state: "open" });
  assertEquals((await resultOf(ID, facts({ bronze: open }))).verdict, "pass");
  const sealed = { ...BRONZE, isOver: true };
  assertEquals((await resultOf(ID, facts({ bronze: sealed }))).verdict, "pass");
  const { verdict, findings } = await resultOf(ID, facts({ bronze: { ...open, isOver: true } }));
  assertEquals(verdict, "warn");
  assertEquals(
    findings.map(({ severity, problem }) => [severity, problem]),
    [["warn", "2025-12-28 is over, and its bronze is still open"]],
  );
  const commands = piecesOf(findings[0]!.fix).filter(({ kind }) => kind === "command");
  assertEquals(
    commands.map(({ text }) => text),
    ["deno task run --date 2025-12-28", "deno task explain late-writers"],
  );
});

Deno.test("bronze-committed fails without a marker, and dependent checks are skipped", async () => {
  const given = { ...HEALTHY, bronze: unpublished(BRONZE) };
  const { others } = await assertOnly(ID, given, [{
    severity: "fail",
    object,
    problem: "there is no commit marker",
    fix: "deno task run --date 2025-12-28",
  }]);
  assertEquals(others, {
    "lake-source": "skip",
    "bronze-parts": "skip",
    "row-counts": "skip",
    "quarantine": "skip",
    "silver-current": "skip",
    "parquet-schema": "skip",
    "parquet-void": "skip",
    "orphan-parts": "skip",
    "event-types": "skip",
    "silver-rows": "skip",
    "silver-status": "skip",
    "silver-values": "skip",
  });
});

Deno.test("bronze-committed reports parts without a marker", async () => {
  const bronze = { ...unpublished(BRONZE), listed: BRONZE.listed };
  await assertOnly(ID, { ...HEALTHY, bronze }, [
    { problem: "there is no commit marker, and 2 parts in its folder" },
  ]);
});

Deno.test("bronze-committed fails with a marker that cannot be used", async () => {
  const bronze = { ...unpublished(BRONZE), markerProblem: "it is not JSON" };
  await assertOnly(ID, { ...HEALTHY, bronze }, [{
    object,
    problem: "the commit marker cannot be used: it is not JSON",
    fix: `Restore ${object} from a backup, or in a bucket with versioning from an earlier version.`,
  }]);
});

Deno.test("bronze-committed fails with a marker of another contract", async () => {
  const given = facts({ bronze: recommit(BRONZE, { contract: "sha256:0123" }) });
  const { findings } = await assertOnly(ID, given, [{ object, field: "contract" }]);
  assertStringIncludes(findings[0]!.problem, "sha256:0123");
  assertStringIncludes(
    findings[0]!.fix,
    "For this day, use the version of the toolkit that published it",
  );
  const open = { bronze: recommit(BRONZE, { contract: "sha256:0123", state: "open" }) };
  const [finding] = (await resultOf(ID, facts(open))).findings;
  assertEquals(finding!.fix, "deno task run --date 2025-12-28");
});
