import { tolerates } from "../../../../checks/preflight/capacity/analytics_nodes.ts";
import { assertEquals } from "../../../support/assert.ts";
import { assertFound, change } from "../../healthy/manifests.ts";

const ID = "node-pool";
const OBJECT = "Job analytics-jobs/bronze";
const TAINT = "robson.io/dedicated=analytics:NoSchedule";

Deno.test("node-pool fails for a job without the selector, or with another", async () => {
  const place = {
    severity: "fail",
    object: OBJECT,
    field: "spec.template.spec.nodeSelector",
  } as const;
  const selector = "      nodeSelector:\n        robson.io/pool: analytics\n";
  await assertFound(ID, change("job.yaml", selector, ""), {
    ...{ ...place, problem: "the job can run on any node" },
  });
  await assertFound(ID, change("job.yaml", selector, selector.replace("analytics", "web")), {
    ...{ ...place, problem: "the job can run on any node, or none: robson.io/pool has to be web" },
  });
});

Deno.test("node-pool takes node affinity that must hold for a selector", async () => {
  const selector = "nodeSelector:\n        robson.io/pool: analytics\n";
  const affinity = "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: " +
    "{nodeSelectorTerms: [{matchExpressions: [{key: robson.io/pool, operator: In, values: [analytics]}]}]}}}\n";
  await assertFound(ID, change("job.yaml", selector, affinity));
});

Deno.test("node-pool fails for a job that does not tolerate the taint", async () => {
  await assertFound(ID, change("job.yaml", "effect: NoSchedule", "effect: NoExecute"), {
    ...{ object: OBJECT, field: "spec.template.spec.tolerations", line: 12 },
    problem: `the job may not run on nodes with the taint ${TAINT}`,
  });
});

Deno.test("node-pool fails for executors that go elsewhere, or nowhere", async () => {
  const place = { object: "ConfigMap analytics-jobs/executor", field: "data.pod.yaml" } as const;
  await assertFound(ID, change("executors.yaml", "{robson.io/pool: analytics}", "{}"), {
    ...{ ...place, problem: "the executors can run on any node" },
  });
  await assertFound(ID, change("executors.yaml", "operator: Exists", "operator: Equal"), {
    ...{ ...place, problem: `the executors may not run on nodes with the taint ${TAINT}` },
  });
  await assertFound(
    ID,
    change(
      "job.yaml",
      "podTemplateFile=/templates/pod.yaml",
      "node.selector.robson.io/pool=analytics",
    ),
    { object: OBJECT, problem: `the executors may not run on nodes with the taint ${TAINT}` },
  );
});

Deno.test("tolerations mean what they mean to the scheduler", () => {
  const key = "robson.io/dedicated";
  const cases: [Record<string, unknown>, boolean][] = [
    [{ key, value: "analytics" }, true],
    [{ key, operator: "Equal", value: "analytics", effect: "" }, true],
    [{ key, operator: "Exists" }, true],
    [{ operator: "Exists" }, true],
    [{ operator: "Exists", effect: "NoExecute" }, false],
    [{ key, operator: "Equal" }, false],
    [{ key, operator: "Equal", value: "web" }, false],
    [{ value: "analytics" }, false],
    [{ key: "other", operator: "Exists" }, false],
  ];
  for (const [toleration, expected] of cases) {
    assertEquals([toleration, tolerates(toleration)], [toleration, expected]);
  }
});
