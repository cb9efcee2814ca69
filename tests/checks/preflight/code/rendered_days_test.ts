import { readFile } from "../../../../checks/facts/manifests.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { argoWorkflow, FILES, judgeFiles } from "../../healthy/manifests.ts";

// Days that a tool fills in before an object is created: expressions of Airflow and of Argo.

/** A SparkApplication with one argument and one variable. */
const application = (kind: string, argument: string, value = "2025-12-28") => {
  const spec = `type: Python
mode: cluster
sparkVersion: 3.5.8
mainApplicationFile: local:///opt/a.py
arguments: ["${argument}"]
driver: { cores: 1, memory: 1g, env: [{ name: JOB_DATE, value: "${value}" }] }
executor: { cores: 1, instances: 1, memory: 1g }`;
  const isScheduled = kind.startsWith("Scheduled");
  return `apiVersion: sparkoperator.k8s.io/v1beta2
kind: ${kind}
metadata: { name: daily, namespace: analytics-jobs }
spec:
${isScheduled ? "  schedule: '0 3 * * *'\n  template:\n" : ""}${
    spec.replace(/^/gm, isScheduled ? "    " : "  ")
  }
`;
};

const workload = (kind: string, argument: string) =>
  `apiVersion: ${kind === "Pod" ? "v1" : "batch/v1"}
kind: ${kind}
metadata: { name: daily, namespace: analytics-jobs }
spec:
  ${kind === "Pod" ? "" : "template: { spec: { restartPolicy: Never, "}containers: [${
    kind === "Pod" ? "" : " "
  }{ name: a, image: "a:1", args: ["${argument}"] }]${kind === "Pod" ? "" : " } }"}
`;

async function judge(text: string) {
  const results = await judgeFiles({ ...FILES, "daily.yaml": text });
  const { verdict, findings, notJudged = [] } = results.find(({ id }) => id === "timestamp-env")!;
  return [
    verdict,
    findings.map(({ problem }) => problem),
    notJudged.map(({ reason }) => reason),
  ] as const;
}

const EXPRESSIONS = [
  "--date={{ ds }}",
  "--date={{ds_nodash}}",
  "--date={{ macros.ds_add(ds, -1) }}",
  "--date={{ execution_date.strftime('%Y-%m-%d') }}",
  "--date={{ data_interval_start | ds }}",
  "--date={{ params.day }}",
  "--date={{ dag_run.conf['day'] }}",
  "--date={{ ti.xcom_pull(task_ids='day') }}",
];
for (const text of EXPRESSIONS) {
  Deno.test(`timestamp-env leaves ${text} of a SparkApplication to Airflow, and says so`, async () => {
    const told = `a task of Airflow fills in ${text}`;
    assertEquals(await judge(application("SparkApplication", text)), ["pass", [], [told]]);
    assertEquals(await judge(workload("Pod", text)), ["pass", [], [told]]);
  });
}

Deno.test("timestamp-env says that a variable of a SparkApplication is filled in by Airflow", async () => {
  const value = "{{ macros.ds_add(ds, -1) }}";
  assertEquals(await judge(application("SparkApplication", "a", value)), [
    "pass",
    [],
    [`a task of Airflow fills in ${value}`],
  ]);
});

Deno.test("timestamp-env fails for a day that nothing fills in", async () => {
  for (
    const text of [
      application("ScheduledSparkApplication", "--date={{ ds }}"),
      workload("Job", "--date={{ ds }}"),
      application("SparkApplication", "--date={{ day }}"),
      application("SparkApplication", "--date=YYYY-MM-DD"),
    ]
  ) {
    const [verdict, problems] = await judge(text);
    assertEquals(verdict, "fail", text);
    assertStringIncludes(problems.join(), "the argument contains the placeholder");
  }
});

Deno.test("timestamp-env names the day that Argo fills in", async () => {
  const text = "--date={{workflow.parameters.day}}";
  const template =
    `container: { image: "a:1", command: [python3, a.py], args: ["${text}", "{{x}}"] }`;
  assertEquals(await judge(argoWorkflow(template)), ["pass", [], [`Argo fills in ${text}`]]);
});

Deno.test("a file whose name Airflow fills in is not judged, and says so", () => {
  const text = application("SparkApplication", "a").replace("daily", "daily-{{ ds_nodash }}");
  const [problem] = readFile("a.yaml", text).problems;
  assertStringIncludes(
    problem?.problem ?? "",
    "a task of Airflow fills it in, and kubectl applies it as it is",
  );
});
