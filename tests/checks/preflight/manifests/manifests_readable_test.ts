import { assertEquals, assertMatch } from "../../../support/assert.ts";
import { ACCESS, FILES, judgeFiles } from "../../healthy/manifests.ts";

const ID = "manifests-readable";
const findings = async (files: Record<string, string>) => {
  const result = (await judgeFiles(files)).find(({ id }) => id === ID)!;
  return result.findings.map(({ object, line, problem }) => ({ object, line, problem }));
};

Deno.test("manifests-readable tells file and line of broken YAML, and judges the rest", async () => {
  const [finding, ...others] = await findings({ ...FILES, "x.yaml": "kind: Pod\napiVersion: [\n" });
  assertEquals(others, []);
  assertEquals([finding!.object, typeof finding!.line], ["manifests/x.yaml", "number"]);
  const results = await judgeFiles({ ...FILES, "x.yaml": "kind: Pod\napiVersion: [\n" });
  assertEquals(results.filter(({ verdict }) => verdict === "fail").map(({ id }) => id), [ID]);
});

Deno.test("manifests-readable fails for what is no object, and for an alias without an anchor", async () => {
  const [scalar] = await findings({ ...FILES, "x.yaml": "just a text\n" });
  assertMatch(scalar!.problem, /not a Kubernetes object/);
  const [alias] = await findings({ ...FILES, "x.yaml": "kind: *nobody\n" });
  assertEquals(alias!.object, "manifests/x.yaml");
});

for (
  const spec of [
    "spec: {}",
    "spec: {template: {}}",
    "spec: {template: {spec: {containers: []}}}",
    "spec: 5",
  ]
) {
  Deno.test(`manifests-readable fails for a Job that makes no pod: ${spec}`, async () => {
    const job = `apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\n${spec}\n`;
    assertEquals(await findings({ ...FILES, "x.yaml": job }), [
      {
        object: "Job x",
        line: spec === "spec: 5" ? 4 : 4,
        problem: "no containers, so no pod can be created",
      },
    ]);
  });
}

Deno.test("manifests-readable: with a broken file, nobody says that what may be in it is missing", async () => {
  const results = await judgeFiles({ ...FILES, [ACCESS]: "kind: [\n" });
  const told = results.filter(({ verdict }) => verdict !== "pass");
  assertEquals(told.map(({ id, verdict }) => [id, verdict]), [
    [ID, "fail"],
    ["service-account", "skip"],
    ["rbac", "skip"],
  ]);
  const nothing = await judgeFiles({ "x.yaml": "kind: [\n" });
  for (const { id, verdict } of nothing) {
    assertEquals([id, verdict], [
      id,
      id === ID ? "fail" : id === "table-name" ? "error" : "skip",
    ]);
  }
});
