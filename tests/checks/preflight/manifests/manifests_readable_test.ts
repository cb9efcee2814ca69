import { assertEquals, assertMatch } from "../../../support/assert.ts";
import { ACCESS, FILES, judgeFiles } from "../../healthy/manifests.ts";

const ID = "manifests-readable";
const findings = async (files: Record<string, string>) => {
  const result = (await judgeFiles(files)).find(({ id }) => id === ID)!;
  return result.findings.map(({ object, line, problem }) => ({ object, line, problem }));
};

Deno.test("manifests-readable reports the file and line of broken YAML, and judges other files", async () => {
  const [finding, ...others] = await findings({ ...FILES, "x.yaml": "kind: Pod\napiVersion: [\n" });
  assertEquals(others, []);
  assertEquals([finding!.object, typeof finding!.line], ["manifests/x.yaml", "number"]);
  const results = await judgeFiles({ ...FILES, "x.yaml": "kind: Pod\napiVersion: [\n" });
  assertEquals(results.filter(({ verdict }) => verdict === "fail").map(({ id }) => id), [ID]);
});

Deno.test("manifests-readable fails for a scalar, and for an alias without an anchor", async () => {
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
  Deno.test(`manifests-readable fails for a Job without containers: ${spec}`, async () => {
    const job = `apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\n${spec}\n`;
    assertEquals(await findings({ ...FILES, "x.yaml": job }), [
      {
        object: "Job x",
        line: spec === "spec: 5" ? 4 : 4,
        problem: "the pod template has no containers",
      },
    ]);
  });
}

Deno.test("manifests-readable fails for a broken file, and no other check reports its objects as missing", async () => {
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
