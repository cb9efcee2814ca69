import { assertEquals, assertMatch } from "../../../support/assert.ts";
import { assertOnly, BRONZE, facts, HEALTHY, recommit, resultOf } from "../../healthy/day.ts";
import { SILVER, unpublished } from "../../healthy/day.ts";

const ID = "silver-current";
const AMEND = "deno task amend --date 2025-12-28";
const object = "silver/stop_executions/_commits/date=2025-12-28.json";

Deno.test("silver-current passes with a marker that refers to the current bronze", async () => {
  assertEquals((await resultOf(ID, HEALTHY)).examined, `${object}: sealed, 3 executions`);
});

Deno.test("silver-current fails without a marker, and dependent checks are skipped", async () => {
  const given = { ...HEALTHY, silver: { ...unpublished(SILVER), rows: [] } };
  const { others } = await assertOnly(ID, given, [{
    severity: "fail",
    object,
    problem: "there is no commit marker",
    fix: "deno task silver --date 2025-12-28",
  }]);
  assertEquals(others, {
    "silver-parts": "skip",
    "parquet-schema": "skip",
    "parquet-void": "skip",
    "orphan-parts": "skip",
    "silver-rows": "skip",
    "silver-status": "skip",
    "silver-values": "skip",
    "fill-price": "skip",
  });
});

Deno.test("silver-current fails with a marker that cannot be used", async () => {
  const silver = { ...unpublished(SILVER), rows: [], markerProblem: "it is not JSON" };
  await assertOnly(ID, { ...HEALTHY, silver }, [{
    object,
    problem: "the commit marker cannot be used: it is not JSON",
    fix: AMEND,
  }]);
});

Deno.test("silver-current fails if bronze was published later", async () => {
  const bronze = { key: BRONZE.markerKey, sha256: "0".repeat(64) };
  const { others } = await assertOnly(ID, facts({ silver: recommit(SILVER, { bronze }) }), [{
    object,
    field: "bronze.sha256",
    problem: `silver was made from a different state of ${BRONZE.markerKey}`,
    fix: AMEND,
  }]);
  assertEquals(others, {
    "silver-rows": "skip",
    "silver-status": "skip",
    "silver-values": "skip",
  });
});

Deno.test("silver-current suggests a silver run if bronze was amended later", async () => {
  const sha256 = "0".repeat(64);
  const bronze = { key: BRONZE.markerKey, sha256 };
  const given = facts({
    bronze: { past: new Set(["1".repeat(64), sha256]) },
    silver: recommit(SILVER, { bronze }),
  });
  await assertOnly(ID, given, [{
    field: "bronze.sha256",
    fix: "deno task silver --date 2025-12-28",
  }]);
});

Deno.test("silver-current lets a run bring an open silver up to date", async () => {
  const bronze = { key: BRONZE.markerKey, sha256: "0".repeat(64) };
  const given = facts({ silver: recommit(SILVER, { bronze, state: "open" }) });
  await assertOnly(ID, given, [
    { field: "bronze.sha256", fix: "deno task silver --date 2025-12-28" },
  ]);
});

Deno.test("silver-current fails if silver is open, and its bronze sealed", async () => {
  await assertOnly(ID, facts({ silver: recommit(SILVER, { state: "open" }) }), [{
    object,
    field: "state",
    problem: "silver is open, but the bronze that it was made from is sealed",
    fix: "deno task silver --date 2025-12-28",
  }]);
  const given = facts({ bronze: recommit(BRONZE, { state: "open" }) });
  await assertOnly(ID, given, [{ field: "state", fix: AMEND }]);
});

Deno.test("silver-current fails with a marker of another contract", async () => {
  const given = facts({ silver: recommit(SILVER, { contract: "sha256:0123" }) });
  const { findings } = await assertOnly(ID, given, [{ object, field: "contract", fix: AMEND }]);
  assertMatch(findings[0]!.problem, /sha256:0123/);
});
