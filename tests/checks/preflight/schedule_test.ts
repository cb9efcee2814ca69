import type { Finding } from "../../../checks/finding.ts";
import { imagesOf } from "../../../checks/preflight/image/image_uses.ts";
import { treeOf } from "../../../checks/facts/tree.ts";
import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { factOf, FILES_WITH_SCHEDULE, judgeAll, SCHEDULE } from "../healthy/manifests.ts";

// The checks of manifests judge the pods of the schedule like the pods of Spark.

const POLICIES = "20-network-policies.yaml";

/** The findings about the manifests, with the document of an object replaced. */
async function findings(
  file: string,
  object: string,
  change: (document: string) => string,
): Promise<(Finding & { readonly id: string })[]> {
  const documents = FILES_WITH_SCHEDULE[file]!.split("\n---\n");
  const at = documents.findIndex((text) => {
    const [kind, name] = object.split(" ");
    return new RegExp(`^kind: ${kind}\\nmetadata:\\n  name: ${name}$`, "m").test(text);
  });
  assert(at >= 0, `${file} has no ${object}`);
  const changed = change(documents[at]!);
  assert(changed !== documents[at], `${object} is not changed`);
  const text = documents.toSpliced(at, 1, ...changed === "" ? [] : [changed]).join("\n---\n");
  return await judge({ ...FILES_WITH_SCHEDULE, [file]: text });
}

async function judge(files: Readonly<Record<string, string>>) {
  const results = await judgeAll(files);
  for (const { id, verdict, reason } of results) assert(verdict !== "error", `${id}: ${reason}`);
  return results.flatMap(({ id, findings }) => findings.map((each) => ({ id, ...each })));
}

const removed = () => "";
const replaced = (from: string, to: string) => (document: string) => document.replace(from, to);

Deno.test("checks: find nothing wrong with the schedule of our manifests", async () => {
  assertEquals(await judge(FILES_WITH_SCHEDULE), []);
});

const SCHEDULE_POLICIES = [
  ["allow-schedule-s3-egress", "egress-policy"],
  ["allow-schedule-outbox-egress", "database-egress"],
  ["allow-schedule-kubernetes-api-egress", "kubernetes-api-egress"],
] as const;
for (const [policy, check] of SCHEDULE_POLICIES) {
  Deno.test(`${check}: reports that the schedule has no ${policy}, with a policy for its pods`, async () => {
    const [finding, ...others] = await findings(SCHEDULE, `NetworkPolicy ${policy}`, removed);
    assertEquals(others, []);
    assertEquals(finding!.id, check);
    assertEquals(finding!.object, "NetworkPolicy analytics-jobs/default-deny");
    assertMatch(finding!.problem, /so CronJob analytics-jobs\/nightly-/);
    const created = policy.replace("-outbox-egress", "-outbox");
    assertStringIncludes(finding!.fix, `"name":"${created}"`);
    assertStringIncludes(finding!.fix, '"podSelector":{"matchLabels":{"app":"deep-storage"');
  });
}

const SPARK_POLICIES = [
  ["allow-s3-egress", "egress-policy"],
  ["allow-outbox-egress", "database-egress"],
  ["allow-kubernetes-api-egress", "kubernetes-api-egress"],
] as const;
for (const [policy, check] of SPARK_POLICIES) {
  Deno.test(`${check}: leaves the policies of the schedule alone when ${policy} is missing`, async () => {
    const [finding, ...others] = await findings(POLICIES, `NetworkPolicy ${policy}`, removed);
    assertEquals(others, []);
    assertEquals(finding!.id, check);
    assertEquals(finding!.object, "NetworkPolicy analytics-jobs/default-deny");
    assertMatch(finding!.problem, /so Job analytics-jobs\/bronze-/);
    assert(!finding!.fix.includes("schedule"), finding!.fix);
    assertStringIncludes(finding!.fix, "kubectl create -f -");
  });
}

Deno.test("service-account: reports a scheduled run with Spark that gets no token", async () => {
  const found = await findings(
    SCHEDULE,
    "CronJob nightly-run-spark",
    replaced("automountServiceAccountToken: true", "automountServiceAccountToken: false"),
  );
  assertEquals(found.map(({ id, severity, problem }) => [id, severity, problem]), [
    ["service-account", "fail", "the run gets no token of its service account"],
  ]);
});

Deno.test("service-account: reports a scheduled run whose service account does not exist", async () => {
  const found = await findings(SCHEDULE, "ServiceAccount deep-storage", removed);
  assertEquals(found.map(({ id, object }) => [id, object]), [
    ["service-account", "CronJob analytics-jobs/nightly-preflight"],
    ["service-account", "CronJob analytics-jobs/nightly-run"],
  ]);
});

Deno.test("service-account: only warns about the default account of a run that needs no permissions", async () => {
  const found = await findings(
    SCHEDULE,
    "CronJob nightly-run",
    replaced("serviceAccountName: deep-storage", "serviceAccountName: default"),
  );
  assertEquals(found.map(({ id, severity }) => [id, severity]), [["service-account", "warn"]]);
  assertStringIncludes(found[0]!.fix, "serviceAccountName: deep-storage");
});

Deno.test("rbac: reports a permission that a scheduled run with Spark lacks, with its API group", async () => {
  const found = await findings(
    SCHEDULE,
    "Role deep-storage-spark",
    replaced("[create, list, watch]", "[list, watch]"),
  );
  assertEquals(found.map(({ id, severity, fix }) => [id, severity, fix]), [[
    "rbac",
    "fail",
    "Add to the role: - {apiGroups: [batch], resources: [jobs], verbs: [create]}",
  ]]);
});

Deno.test("rbac: only warns if a scheduled run cannot read events", async () => {
  const found = await findings(
    SCHEDULE,
    "Role deep-storage-spark",
    replaced("resources: [events]", "resources: [pods/status]"),
  );
  assertEquals(found.map(({ id, severity }) => [id, severity]), [["rbac", "warn"]]);
});

Deno.test("rbac: reports permissions that no scheduled run needs", async () => {
  const role = "Role deep-storage-spark";
  const more = [
    [
      "resources: [pods]\n    verbs: [list, watch]",
      "resources: [pods]\n    verbs: [list, watch, create]",
    ],
    ["resources: [jobs]", "resources: [jobs, cronjobs]"],
    ["apiGroups: [batch]", "apiGroups: [batch, apps]"],
    ["resources: [events]", "resources: [events, secrets]"],
  ] as const;
  for (const [from, to] of more) {
    const found = await findings(SCHEDULE, role, replaced(from, to));
    assertEquals(found.map(({ id, severity }) => [id, severity]), [["rbac", "fail"]], to);
  }
});

Deno.test("rbac: ignores a resource in a group of the rule that does not have it", async () => {
  const found = await findings(
    SCHEDULE,
    "Role deep-storage-spark",
    replaced("apiGroups: [batch]", 'apiGroups: ["", batch]'),
  );
  assertEquals(found, []);
});

Deno.test("rbac: does not let Spark's drivers make Jobs", async () => {
  const found = await findings(
    "30-service-account.yaml",
    "Role spark-jobs",
    (document) => `${document}\n  - apiGroups: [batch]\n    resources: [jobs]\n    verbs: [create]`,
  );
  assertEquals(found.map(({ id, problem }) => [id, problem]), [
    ["rbac", "it allows jobs of batch"],
  ]);
});

Deno.test("node-pool: reports a scheduled run that can run on any node", async () => {
  const found = await findings(
    SCHEDULE,
    "CronJob nightly-run",
    replaced("          nodeSelector:\n            robson.io/pool: analytics\n", ""),
  );
  assertEquals(found.map(({ id, object }) => [id, object]), [
    ["node-pool", "CronJob analytics-jobs/nightly-run"],
  ]);
});

Deno.test("quota-fit: reports a scheduled run that does not fit the quota", async () => {
  const found = await findings(
    SCHEDULE,
    "CronJob nightly-run",
    (document) => document.replaceAll("memory: 2Gi", "memory: 13G"),
  );
  assert(found.length > 0);
  for (const { id } of found) assertEquals(id, "quota-fit");
});

Deno.test("imagesOf: leaves out the image of a CronJob that is suspended", () => {
  const images = (text: string) => {
    const fact = factOf({ ...FILES_WITH_SCHEDULE, [SCHEDULE]: text });
    const uses = imagesOf(treeOf({ ...fact, project: DEFAULT_PROJECT }));
    return [...new Set(uses.map(({ reference }) => reference))]
      .filter((each) => each.includes("/deep-storage:"));
  };
  const text = FILES_WITH_SCHEDULE[SCHEDULE]!;
  assertEquals(images(text), []);
  assertEquals(images(text.replace("suspend: true", "suspend: false")).length, 1);
});
