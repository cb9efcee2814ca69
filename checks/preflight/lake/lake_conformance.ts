import type { Kept, PromiseName } from "../../../pipeline/lake/conformance.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import { whyNoLake } from "../../skip_reasons.ts";

/** The lake's store keeps the promises that the publish protocol relies on. */
export const lakeConformance: Check<"lake"> = check({
  id: "lake-conformance",
  title: "the lake's store behaves as publishing requires",
  phase: "before",
  needs: ["lake"],
  run({ lake }) {
    if (!lake.opened) return { skip: whyNoLake };
    const { name, promises } = lake;
    const findings = promises.flatMap((each) =>
      each.kept === false ? [brokenPromiseFinding(name, each)] : []
    );
    const unknown = promises.filter(({ kept }) => kept === undefined);
    if (findings.length === 0 && unknown.length > 0) {
      const [{ problem }] = unknown as [Kept];
      return { unknown: `${unknown.map(({ promise }) => promise).join(", ")}: ${problem}` };
    }
    if (promises.length === 0) return { unknown: `no promise was tested at ${name}` };
    const names = promises.map(({ promise }) => promise).join(", ");
    return { examined: `${plural(promises.length, "promise")}: ${names}`, findings };
  },
});

/** The consequence of each promise that a store does not keep. */
const CONSEQUENCES: Readonly<Record<PromiseName, string>> = {
  "read-after-write":
    "a run would publish a day whose parts a reader does not find, or reads in an " +
    "old version",
  "conditional-create": "of two runs of one day, the second would overwrite what the first " +
    "published",
  "conditional-replace": "a run could overwrite a day that another run has published, " +
    "even a sealed day",
  "content-md5":
    "the store would accept content that was damaged in transit, and a run would seal the day",
  "listing": "a run could not confirm its parts, and could not remove unreferenced files",
  "range": "Spark reads the parts in ranges, and would read wrong bytes",
};

function brokenPromiseFinding(
  name: string,
  { promise, problem = "the store does not keep this promise" }: Kept,
): Finding {
  return {
    severity: "fail",
    object: name,
    field: promise,
    problem,
    why: CONSEQUENCES[promise],
    fix:
      "Do not publish there. Set S3_ENDPOINT and S3_BUCKET (or LAKE_URL) to a store that keeps " +
      "this promise, as Ceph RGW does, or have its operator upgrade it.",
  };
}
