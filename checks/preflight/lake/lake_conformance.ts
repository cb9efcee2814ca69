import type { Kept, PromiseName } from "../../../pipeline/lake/conformance.ts";
import { plural } from "../../../pipeline/progress.ts";
import { type Check, check } from "../../check.ts";
import type { Finding } from "../../finding.ts";
import { whyNoLake } from "../../skip_reasons.ts";

/** The lake's store keeps the promises that the publish protocol is built on. */
export const lakeConformance: Check<"lake"> = check({
  id: "lake-conformance",
  title: "the lake's store keeps what publishing relies on",
  phase: "before",
  needs: ["lake"],
  run({ lake }) {
    if (!lake.opened) return { skip: whyNoLake };
    const { name, promises } = lake;
    const findings = promises.flatMap((each) => each.kept === false ? [broken(name, each)] : []);
    const unknown = promises.filter(({ kept }) => kept === undefined);
    if (findings.length === 0 && unknown.length > 0) {
      const [{ problem }] = unknown as [Kept];
      return { nothing: `${unknown.map(({ promise }) => promise).join(", ")}: ${problem}` };
    }
    if (promises.length === 0) return { nothing: `nothing was tried at ${name}` };
    const names = promises.map(({ promise }) => promise).join(", ");
    return { examined: `${plural(promises.length, "promise")}: ${names}`, findings };
  },
});

/** What goes wrong where a promise is not kept. */
const CONSEQUENCES: Readonly<Record<PromiseName, string>> = {
  "read-after-write": "a run would publish a day whose parts a reader does not find, or finds as " +
    "they were before",
  "conditional-create": "of two runs of one day, the second would overwrite what the first has " +
    "published",
  "conditional-replace": "a run could overwrite a day that another run has published meanwhile, " +
    "also a sealed one",
  "content-md5": "content that is damaged on its way would be stored, and its day sealed",
  "listing": "a run could not tell whether its parts are there, and could not remove leftovers",
  "range": "Spark reads the parts in ranges, and would read something else",
};

function broken(name: string, { promise, problem = "it is not kept" }: Kept): Finding {
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
