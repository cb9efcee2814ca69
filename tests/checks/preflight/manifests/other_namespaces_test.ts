import { assertEquals, assertMatch, assertStringIncludes } from "../../../support/assert.ts";
import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { manifestsReadable } from "../../../../checks/preflight/manifests/manifests_readable.ts";
import { factOf, FILES } from "../../healthy/manifests.ts";

const shop = () =>
  Object.fromEntries(
    Object.entries(FILES).map(([file, text]) => [file, text.replaceAll("analytics-jobs", "shop")]),
  );
const PROJECT = {
  ...DEFAULT_PROJECT,
  jobs: { ...DEFAULT_PROJECT.jobs, namespace: "shop" },
};

Deno.test("manifests-readable warns if all jobs are in another namespace than the jobs' namespace", () => {
  const outcome = manifestsReadable.run({ manifests: factOf(shop()) });
  if (!("findings" in outcome)) throw new Error("did not judge");
  const [finding, ...others] = outcome.findings;
  assertEquals(others, []);
  assertEquals([finding?.severity, finding?.field], ["warn", "metadata.namespace"]);
  assertMatch(
    finding!.problem,
    /^1 job of the manifests is in the namespace shop, and no job is in analytics-jobs, which is jobs\.namespace of the default project$/,
  );
  assertStringIncludes(finding!.fix, '/deep-storage.json, with {"jobs":{"namespace":"shop"}}');
});

Deno.test("manifests-readable does not warn if the project names the namespace of the jobs", () => {
  const manifests = { ...factOf(shop()), project: PROJECT };
  const outcome = manifestsReadable.run({ manifests });
  assertEquals("findings" in outcome && outcome.findings, []);
});

Deno.test("manifests-readable names a Spark job of another namespace as not judged", () => {
  const other = FILES["50-bronze-ingest.yaml"]!.replaceAll("analytics-jobs", "shop");
  const outcome = manifestsReadable.run({
    manifests: factOf({ ...FILES, "shop.yaml": other }),
  });
  if (!("findings" in outcome)) throw new Error("did not judge");
  assertEquals(outcome.findings, []);
  assertEquals(
    outcome.notJudged?.filter(({ object }) => object === "Job shop/bronze-ingest-manual"),
    [{
      object: "Job shop/bronze-ingest-manual",
      reason: "it is in the namespace shop, so its connections are not judged",
    }],
  );
});
