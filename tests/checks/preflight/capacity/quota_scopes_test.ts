import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { judgeDemands } from "../../../../checks/preflight/capacity/quota_fit.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { Failure } from "../../../../pipeline/errors.ts";
import { change, factOf, FILES, JOB } from "../../healthy/manifests.ts";
import { clusterWith } from "../../healthy/one_file.ts";
import { foundWith, preflightOf } from "../../spark/whole_preflight.ts";

const quota = (hard: string, scope: string) =>
  `apiVersion: v1
kind: ResourceQuota
metadata: { name: some, namespace: analytics-jobs }
spec: { hard: { ${hard} }, ${scope} }
`;

const expression = (text: string) => `scopeSelector: { matchExpressions: [{ ${text} }] }`;

/** The problems that quota-fit finds with a quota and a change of the Job's pod. */
async function problems(hard: string, scope: string, spec = "", files = FILES): Promise<string> {
  const at = "      restartPolicy: Never\n";
  const changed = spec === "" ? files : change(JOB, at, `${at}      ${spec}\n`, files);
  return ((await foundWith(quota(hard, scope), changed))["quota-fit"] ?? []).join("\n");
}

const SUM =
  "requests.cpu: driver 1 + executor 2 = 3, and ResourceQuota analytics-jobs/some for pods with " +
  "NotBestEffort allows 2";

Deno.test("quota-fit judges a quota by the scopes of each pod", async () => {
  const small = 'requests.cpu: "2"';
  const driver = 'requests.cpu: "500m"';
  const ofDriver =
    "requests.cpu: driver 1, and ResourceQuota analytics-jobs/some for pods with Terminating";
  const cases: readonly (readonly [string, string, string, string])[] = [
    [small, "scopes: [NotBestEffort]", "", SUM],
    [small, expression("scopeName: NotBestEffort, operator: Exists"), "", SUM],
    [small, "scopes: [NotTerminating]", "", "executor 2 = 3"],
    [small, "scopes: [Terminating]", "", ""],
    [driver, "scopes: [Terminating]", "activeDeadlineSeconds: 600", ofDriver],
    [driver, "scopes: [NotTerminating]", "activeDeadlineSeconds: 600", "executor 2, and"],
    ['pods: "0"', "scopes: [BestEffort]", "", ""],
    ['pods: "1"', "scopes: [NotBestEffort]", "", "pods: driver 1 + executor 1 = 2, and"],
    [small, "scopes: [CrossNamespacePodAffinity]", "", ""],
    [driver, "scopes: [Terminating, NotBestEffort]", "activeDeadlineSeconds: 600", ofDriver],
  ];
  for (const [hard, scope, spec, expected] of cases) {
    const found = await problems(hard, scope, spec);
    if (expected === "") assertEquals(found, "", `${hard} ${scope}`);
    else assertStringIncludes(found, expected);
  }
});

Deno.test("quota-fit counts the deadline of a pod, not the deadline of a Job", async () => {
  const ofJob = change(JOB, "spec:\n", "spec:\n  activeDeadlineSeconds: 600\n");
  assertEquals(await problems('requests.cpu: "500m"', "scopes: [Terminating]", "", ofJob), "");
});

Deno.test("quota-fit fails for scopes that the API server refuses", async () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['requests.cpu: "9"', "scopes: [BestEffort]", "BestEffort cannot count requests.cpu"],
    ['count/pods: "9"', "scopes: [NotBestEffort]", "NotBestEffort cannot count count/pods"],
    [
      'pods: "9"',
      expression("scopeName: Terminating, operator: In, values: [a]"),
      "the scope Terminating needs the operator Exists",
    ],
    [
      'pods: "9"',
      expression("scopeName: PriorityClass, operator: In"),
      "the operator In of the scope PriorityClass needs values",
    ],
    [
      'pods: "9"',
      expression("scopeName: PriorityClass, operator: Exists, values: [a]"),
      "the operator Exists of the scope PriorityClass takes no values",
    ],
    ['requests.storage: "9"', "scopes: [Terminating]", "Terminating cannot count requests.storage"],
    ['pods: "9"', "scopes: [BestEffort, NotBestEffort]", "exclude each other"],
    ['pods: "9"', "scopes: [Terminating, NotTerminating]", "exclude each other"],
    ['pods: "9"', "scopes: [Besteffort]", 'a quota has no scope "Besteffort"'],
    ['pods: "9"', expression("scopeName: Priority, operator: Exists"), 'no scope "Priority"'],
  ];
  for (const [hard, scope, expected] of cases) {
    assertStringIncludes(await problems(hard, scope), expected);
  }
});

Deno.test("quota-fit names a quota whose pods the manifests do not show", async () => {
  const affinity = "affinity: { podAffinity: {} }";
  const at = "      restartPolicy: Never\n";
  const results = await preflightOf({
    ...change(JOB, at, `${at}      ${affinity}\n`),
    "more.yaml": quota('pods: "0"', "scopes: [CrossNamespacePodAffinity]"),
  });
  const { verdict, unchecked } = results.find(({ id }) => id === "quota-fit")!;
  assertEquals(verdict, "pass");
  assertStringIncludes(unchecked!.join(), "not show which: ResourceQuota analytics-jobs/some");
});

Deno.test("quota-fit locates the setting that decides the number of executors", async () => {
  const line = "            - --conf=spark.executor.instances=1\n";
  const dynamic = change(
    JOB,
    line,
    `${line}            - --conf=spark.dynamicAllocation.enabled=true\n            - --conf=spark.dynamicAllocation.maxExecutors=90\n`,
  );
  const results = await preflightOf(dynamic);
  const { findings } = results.find(({ id }) => id === "quota-fit")!;
  const text = dynamic[JOB]!.split("\n");
  assertStringIncludes(findings[0]!.problem, "90 × executor");
  assertStringIncludes(text[findings[0]!.line! - 1]!, "dynamicAllocation.maxExecutors=90");
});

/** A PriorityClass that the API server gives to pods without a class. */
const DEFAULT_CLASS = `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: usual }
value: 1
globalDefault: true
`;

Deno.test("quota-fit judges a quota by the class of each pod's priority", async () => {
  const small = 'requests.cpu: "2"';
  const driver = 'requests.cpu: "500m"';
  const sumOfBoth = "requests.cpu: driver 1 + executor 2 = 3";
  const cases = [
    [small, "operator: In, values: [high]", "", ""],
    [small, "operator: In, values: [usual]", "", sumOfBoth],
    [small, "operator: Exists", "", sumOfBoth],
    [small, "operator: DoesNotExist", "", ""],
    [driver, "operator: In, values: [high]", "priorityClassName: high", "driver 1, and"],
    [driver, "operator: NotIn, values: [high]", "priorityClassName: high", "executor 2, and"],
  ] as const;
  for (const [hard, operator, spec, expected] of cases) {
    const scope = expression(`scopeName: PriorityClass, ${operator}`);
    const files = { ...FILES, "class.yaml": DEFAULT_CLASS };
    const found = await problems(hard, scope, spec, files);
    if (expected === "") assertEquals(found, "", operator);
    else assertStringIncludes(found, expected);
  }
});

Deno.test("quota-fit fails if the pods that a quota certainly counts exceed it alone", async () => {
  const scope = expression("scopeName: PriorityClass, operator: In, values: [low]");
  const found = await problems('pods: "0"', scope, "priorityClassName: low");
  assertEquals(
    found,
    "pods: driver 1, and ResourceQuota analytics-jobs/some for pods with PriorityClass In low " +
      "allows 0",
  );
});

Deno.test("quota-fit does not judge classes without a known default class", async () => {
  for (
    const operator of ["In, values: [high]", "NotIn, values: [high]", "Exists", "DoesNotExist"]
  ) {
    const scope = expression(`scopeName: PriorityClass, operator: ${operator}`);
    const results = await preflightOf({ ...FILES, "more.yaml": quota('pods: "0"', scope) });
    const { verdict, unchecked } = results.find(({ id }) => id === "quota-fit")!;
    assertEquals(verdict, "pass");
    assertStringIncludes(unchecked!.join(), "not show which: ResourceQuota analytics-jobs/some");
  }
});

Deno.test("quota-fit knows from a cluster that no PriorityClass is the default", () => {
  const scope = expression("scopeName: PriorityClass, operator: In, values: [low]");
  const files = { ...FILES, "quota.yaml": quota('pods: "0"', scope) };
  const judge = (cluster?: ReturnType<typeof clusterWith>) => {
    const { unchecked, findings } = judgeDemands(treeOf(factOf(files)), cluster)!;
    return [findings.length, unchecked !== undefined];
  };
  assertEquals(judge(), [0, true]);
  assertEquals(judge(clusterWith("")), [0, false]);
  const failure = new Failure({
    kind: "configuration",
    task: "list",
    problem: "forbidden",
    remedy: "",
  });
  const unread = [{ kind: "PriorityClass", namespace: undefined, failure }];
  assertEquals(judge(clusterWith("", { unread: unread as never })), [0, true]);
});
