import { poolIn, tolerates } from "../../../../checks/preflight/capacity/analytics_nodes.ts";
import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { assertEquals } from "../../../support/assert.ts";
import {
  assertFound,
  change,
  EXECUTORS,
  FILES,
  JOB,
  JOB_ID,
  judgeFiles,
  lineOf,
} from "../../healthy/manifests.ts";

const ID = "node-pool";
const TAINT = "robson.io/dedicated=analytics:NoSchedule";

Deno.test("node-pool fails for a job without the selector, or with another", async () => {
  const place = {
    severity: "fail",
    object: JOB_ID,
    field: "spec.template.spec.nodeSelector",
  } as const;
  const selector = "      nodeSelector:\n        robson.io/pool: analytics\n";
  await assertFound(ID, change(JOB, selector, ""), {
    ...place,
    problem: "the job can run on any node",
    fix: "Set in the pod's spec: nodeSelector: {robson.io/pool: analytics}",
  });
  await assertFound(ID, change(JOB, selector, selector.replace("analytics", "web")), {
    ...place,
    problem: "the job can run only on nodes with the label robson.io/pool=web, and the analytics " +
      "nodes have robson.io/pool=analytics",
    fix: "Set in the nodeSelector of the pod's spec: robson.io/pool: analytics",
  });
});

Deno.test("node-pool accepts required node affinity instead of a selector", async () => {
  const selector = "nodeSelector:\n        robson.io/pool: analytics\n";
  const affinity = "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: " +
    "{nodeSelectorTerms: [{matchExpressions: [{key: robson.io/pool, operator: In, values: [analytics]}]}]}}}\n";
  await assertFound(ID, change(JOB, selector, affinity));
});

Deno.test("node-pool fails for a job that does not tolerate the taint", async () => {
  const toleration =
    "{key: robson.io/dedicated, operator: Equal, value: analytics, effect: NoSchedule}";
  // A toleration of another effect can be for another taint.
  const other = change(JOB, "effect: NoSchedule", "effect: NoExecute");
  const wrong = change(JOB, "value: analytics", "value: production");
  const none = change(JOB, /^ +tolerations:\n(?: {8,}.*\n)+/m.exec(FILES[JOB]!)![0], "");
  for (
    const [files, fix] of [
      [other, `Add to the tolerations of the pod's spec: ${toleration}`],
      [wrong, `Replace tolerations[0] of the pod's spec with: ${toleration}`],
      [none, `Set in the pod's spec: tolerations: [${toleration}]`],
    ] as const
  ) {
    await assertFound(ID, files, {
      object: JOB_ID,
      field: "spec.template.spec.tolerations",
      ...(files === none ? {} : { line: lineOf(JOB, "tolerations:") }),
      problem: `the job cannot run on nodes with the taint ${TAINT}`,
      fix,
    });
  }
});

Deno.test("node-pool fails for executors without the selector or the toleration", async () => {
  const place = {
    object: "ConfigMap analytics-jobs/spark-executor-pod",
    field: "data.pod.yaml",
  } as const;
  await assertFound(ID, change(EXECUTORS, "\n        robson.io/pool: analytics", " {}"), {
    ...place,
    problem: "the executors can run on any node",
  });
  await assertFound(ID, change(EXECUTORS, "          value: analytics\n", ""), {
    ...place,
    problem: `the executors cannot run on nodes with the taint ${TAINT}`,
  });
  await assertFound(
    ID,
    change(
      JOB,
      "podTemplateFile=/opt/deep-storage/executor/pod.yaml",
      "node.selector.robson.io/pool=analytics",
    ),
    { object: JOB_ID, problem: `the executors cannot run on nodes with the taint ${TAINT}` },
  );
});

Deno.test("tolerates agrees with the scheduler", () => {
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
    assertEquals([toleration, tolerates(toleration, poolIn(DEFAULT_PROJECT).taint)], [
      toleration,
      expected,
    ]);
  }
});

Deno.test("node-pool and service-account name Spark jobs of other projects as not judged", async () => {
  const other = `apiVersion: batch/v1
kind: Job
metadata: { name: report, namespace: robson }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - { name: a, image: apache/spark:3.5.8, args: [spark-submit, "--master=local[2]", a.py] }
`;
  const results = await judgeFiles({ ...FILES, "report.yaml": other });
  for (const id of [ID, "service-account"]) {
    const { verdict, unchecked, findings } = results.find((each) => each.id === id)!;
    assertEquals([id, verdict, findings], [id, "pass", []]);
    assertEquals(unchecked, ["in other namespaces, so not judged: Job robson/report"]);
  }
});
