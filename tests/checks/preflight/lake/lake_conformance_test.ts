import type { Kept } from "../../../../pipeline/lake/conformance.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertOnlyBefore,
  judgeReady,
  LAKE,
  READY,
  type ReadyFacts,
} from "../../healthy/platform.ts";

const ID = "lake-conformance";

function withPromises(promises: readonly Kept[]): ReadyFacts {
  return { ...READY, lake: { ...LAKE, promises } };
}

/** The promises with one of them otherwise. */
function but(change: Kept): ReadyFacts {
  return withPromises(
    LAKE.promises.map((each) => each.promise === change.promise ? change : each),
  );
}

async function resultOf(given: ReadyFacts) {
  return (await judgeReady(given)).find(({ id }) => id === ID)!;
}

for (const { promise } of LAKE.promises) {
  Deno.test(`lake-conformance fails if the store breaks ${promise}`, async () => {
    const problem = "it did something else";
    const { findings } = await assertOnlyBefore(ID, but({ promise, kept: false, problem }), [
      { severity: "fail", object: LAKE.name, field: promise, problem },
    ]);
    assertStringIncludes(findings[0]!.fix, "S3_ENDPOINT");
  });
}

Deno.test("lake-conformance passes, and lists the tested promises", async () => {
  const { verdict, examined } = await resultOf(READY);
  assertEquals([verdict, examined], [
    "pass",
    "6 promises: read-after-write, conditional-create, conditional-replace, listing, content-md5, " +
    "range",
  ]);
});

Deno.test("lake-conformance does not pass if a promise was not tested, or no promise was", async () => {
  const unknown = { promise: "range", kept: undefined, problem: "it hung" } as const;
  const half = await resultOf(but(unknown));
  assertEquals([half.verdict, half.reason], ["error", "range: it hung"]);
  const none = await resultOf(withPromises([]));
  assertEquals([none.verdict, none.reason], ["error", `no promise was tested at ${LAKE.name}`]);
});

Deno.test("lake-conformance fails for a broken promise, even if others could not be tested", async () => {
  await assertOnlyBefore(
    ID,
    withPromises([
      { promise: "range", kept: undefined, problem: "it hung" },
      { promise: "listing", kept: false, problem: "it was empty" },
    ]),
    [{ field: "listing" }],
  );
});
