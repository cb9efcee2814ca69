import { formatQuantity, parseQuantity } from "../../../../checks/kubernetes/quantities.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertFound,
  change,
  CODE,
  FILES,
  JOB,
  JOB_ID,
  judgeFiles,
} from "../../healthy/manifests.ts";

/** The fields that the jobs' namespace enforces. */
const SECURE = "securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, " +
  "capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}";

const ID = "quota-fit";
const QUOTAS = "10-quota.yaml";
const job = (from: string, to: string) => change(JOB, from, to);
const quota = (from: string, to: string) => change(QUOTAS, from, to);
const QUOTA = "ResourceQuota analytics-jobs/analytics-jobs allows";

Deno.test("quota-fit shows the sum that is over the quota, and the patch", async () => {
  const [finding] = await assertFound(
    ID,
    job("executor.instances=1", "executor.instances=4"),
    {
      severity: "fail",
      object: JOB_ID,
      field: "spec.template.spec.containers[0].args[12]",
      problem: `requests.cpu: driver 1 + 4 × executor 2 = 9, and ${QUOTA} 6`,
    },
    { problem: `requests.memory: driver 2Gi + 4 × executor 2560Mi = 12Gi, and ${QUOTA} 12G` },
    { problem: `limits.cpu: driver 1 + 4 × executor 2 = 9, and ${QUOTA} 6` },
    { problem: `limits.memory: driver 2Gi + 4 × executor 2560Mi = 12Gi, and ${QUOTA} 12G` },
  );
  assertStringIncludes(
    finding!.fix,
    "kubectl -n analytics-jobs patch resourcequota analytics-jobs --type merge -p " +
      `'{"spec":{"hard":{"requests.cpu":"9"}}}'`,
  );
  assertEquals(
    finding!.fixInFiles?.replace(/:\d+\)/, ")"),
    "Request less or fewer executors, or raise the quota: In ResourceQuota " +
      "analytics-jobs/analytics-jobs (manifests/10-quota.yaml), set in spec.hard:\n" +
      'requests.cpu: "9"',
  );
});

for (
  const [name, setting, sum] of [
    ["its least overhead", "spark.executor.memory=3700m", "2Gi + executor 4084Mi = 6132Mi"],
    ["its share of overhead", "spark.executor.memory=3900m", "2Gi + executor 4290Mi = 6338Mi"],
    ["a given overhead", "spark.executor.memoryOverhead=2304m", "2Gi + executor 4352Mi = 6400Mi"],
    ["a given factor", "spark.executor.memoryOverheadFactor=1.1", "2Gi + executor 4300Mi = 6348Mi"],
    ["Python's share", "spark.executor.pyspark.memory=2g", "2Gi + executor 4480Mi = 6528Mi"],
  ] as const
) {
  Deno.test(`quota-fit counts an executor's memory with ${name}`, async () => {
    const overhead = "--conf=spark.executor.memoryOverhead=512m";
    const memory = "            - --conf=spark.executor.memory=2g\n";
    const text = FILES[JOB]!.replace(overhead, `--conf=${setting}`)
      .replace(memory, setting.startsWith("spark.executor.memory=") ? "" : memory);
    const files = {
      ...FILES,
      [JOB]: text,
      [QUOTAS]: FILES[QUOTAS]!.replaceAll("12G", "6100Mi"),
    };
    const requests = `requests.memory: driver ${sum}, and ${QUOTA} 6100Mi`;
    await assertFound(ID, files, { problem: requests }, {
      problem: requests.replace("requests", "limits"),
    });
  });
}

Deno.test("quota-fit prefers PySpark's settings to the command line", async () => {
  const call = '\n\nbuilder.config("spark.executor.instances", "4")\n\ndef run';
  const results = await judgeFiles(change(CODE, "\n\n\ndef run", call));
  assertEquals(results.find(({ id }) => id === ID)!.verdict, "fail");
});

Deno.test("quota-fit compares decimal and binary units exactly", async () => {
  await assertFound(ID, quota("requests.memory: 12G", "requests.memory: 4608Mi"));
  await assertFound(ID, quota("requests.memory: 12G", "requests.memory: 4831838207"), {
    problem: `requests.memory: driver 2Gi + executor 2560Mi = 4608Mi, and ${QUOTA} 4831838207`,
  });
  await assertFound(ID, quota("requests.memory: 12G", "memory: 4608M"), {
    problem: `memory: driver 2Gi + executor 2560Mi = 4608Mi, and ${QUOTA} 4608M`,
  });
});

Deno.test("quota-fit counts other workloads, and the number of pods", async () => {
  const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy, namespace: analytics-jobs}
spec:
  replicas: 2
  selector: {matchLabels: {app: proxy}}
  template:
    metadata: {labels: {app: proxy}}
    spec:
      containers: [{name: a, image: "a:1", ${SECURE}, resources: {limits: {cpu: 1750m, memory: 64Mi}}}]
`;
  const sum = `2 × proxy 1750m + driver 1 + executor 2 = 6500m, and ${QUOTA} 6`;
  await assertFound(
    ID,
    { ...FILES, "proxy.yaml": deployment },
    { problem: `requests.cpu: ${sum}` },
    { problem: `limits.cpu: ${sum}` },
  );
  await assertFound(ID, quota('pods: "10"', 'pods: "1"'), {
    problem: `pods: driver 1 + executor 1 = 2, and ${QUOTA} 1`,
  });
});

Deno.test("quota-fit counts the largest init container, or all containers if they need more", async () => {
  const deployment = (init: string, ...containers: string[]) => {
    const list = (name: string, cpus: readonly string[]) =>
      cpus.map((cpu, i) =>
        `{name: ${name}${i}, image: "a:1", ${SECURE}, resources: {limits: {cpu: ${cpu}, memory: 8Mi}}}`
      )
        .join(", ");
    return `apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy, namespace: analytics-jobs}
spec:
  selector: {matchLabels: {app: proxy}}
  template:
    metadata: {labels: {app: proxy}}
    spec:
      initContainers: [${list("i", [init, "10m"])}]
      containers: [${list("a", containers)}]
`;
  };
  const sum = `proxy 3500m + driver 1 + executor 2 = 6500m, and ${QUOTA} 6`;
  for (
    const text of [
      deployment("3500m", "1", "1"),
      deployment("1", "3", "500m"),
    ]
  ) {
    await assertFound(
      ID,
      { ...FILES, "proxy.yaml": text },
      { problem: `requests.cpu: ${sum}` },
      { problem: `limits.cpu: ${sum}` },
    );
  }
});

Deno.test("quota-fit fails if a pod does not set a resource that the quota counts", async () => {
  await assertFound(
    ID,
    {
      ...FILES,
      [QUOTAS]: FILES[QUOTAS]!.replace('        cpu: "1"\n', "").replace('        cpu: "4"\n', ""),
      [JOB]: FILES[JOB]!.replace("kubernetes.executor.limit.cores", "other"),
    },
    {
      problem:
        "the executor has no limits.cpu, and ResourceQuota analytics-jobs/analytics-jobs counts it",
    },
  );
});

Deno.test("quota-fit fills in the defaults of a LimitRange", async () => {
  const silent = job('limits:\n              cpu: "1"\n', "limits:\n");
  const tight = FILES[QUOTAS]!.replace('limits.cpu: "6"', 'limits.cpu: "5"');
  const given = tight.replace('default:\n        cpu: "1"', "default:\n        cpu: 3500m");
  await assertFound(ID, { ...silent, [QUOTAS]: given }, {
    problem: `limits.cpu: driver 3500m + executor 2 = 5500m, and ${QUOTA} 5`,
  });
  // The default of a limit is its max.
  const none = tight.replace('default:\n        cpu: "1"', "default:");
  await assertFound(ID, { ...silent, [QUOTAS]: none }, {
    problem: `limits.cpu: driver 4 + executor 2 = 6, and ${QUOTA} 5`,
  });
});

Deno.test("quota-fit fails for a pod that a LimitRange or the API server refuses", async () => {
  await assertFound(ID, quota('cpu: "4"', "cpu: 1500m"), {
    problem:
      "the executor is limited to 2 of cpu, and LimitRange analytics-jobs/analytics-jobs allows a " +
      "Container 1500m at most",
  });
  const refused = [{ problem: "min of cpu is 1100m, more than default: 1" }, {
    problem: "min of cpu is 1100m, more than defaultRequest: 250m",
  }];
  await assertFound(ID, quota("max:", "min: {cpu: 1100m}\n      max:"), ...refused, {
    problem:
      "the driver requests 1 of cpu, and LimitRange analytics-jobs/analytics-jobs wants at least 1100m",
  });
  await assertFound(
    ID,
    job('requests:\n              cpu: "1"', "requests:\n              cpu: 1100m"),
    {
      problem: "the driver requests 1100m of cpu, and its limit is 1",
    },
  );
  await assertFound(ID, job('cpu: "1"', "cpu: 500 m"), { problem: '"500 m" is not a quantity' });
});

Deno.test("quota-fit fails for a driver whose heap and overhead do not fit", async () => {
  await assertFound(ID, job("--driver-memory=1g", "--driver-memory=1700m"), {
    problem: "the driver needs 2084Mi, including Spark's overhead, but its limit is 2Gi",
  });
});

Deno.test("quota-fit counts no executors without a Kubernetes master, and is not applicable without a quota", async () => {
  const local = job("--master=k8s://https://kubernetes.default.svc", "--master=local[2]");
  local[JOB] = local[JOB]!.replace("instances=1", "instances=9");
  await assertFound(ID, local);
  const none: Record<string, string> = { ...FILES };
  delete none[QUOTAS];
  const result = (await judgeFiles(none)).find(({ id }) => id === ID)!;
  assertEquals(result.verdict, "not-applicable");
});

for (
  const [text, billionths] of [
    ["1", 1_000_000_000n],
    ["500m", 500_000_000n],
    ["0.1", 100_000_000n],
    [".5", 500_000_000n],
    ["1.", 1_000_000_000n],
    ["1k", 1_000_000_000_000n],
    ["1Ki", 1_024_000_000_000n],
    ["1.5Gi", 1_610_612_736_000_000_000n],
    ["2e3", 2_000_000_000_000n],
    ["2E-3", 2_000_000n],
    ["1E", 10n ** 27n],
    ["100n", 100n],
    ["0.1n", 1n],
    [2, 2_000_000_000n],
    ["-1", -1_000_000_000n],
    ["1K", undefined],
    ["1 Gi", undefined],
    ["", undefined],
    ["Gi", undefined],
    [null, undefined],
  ] as const
) {
  Deno.test(`parseQuantity reads ${JSON.stringify(text)} exactly`, () => {
    assertEquals(parseQuantity(text), billionths);
  });
}

Deno.test("formatQuantity prefers whole units", () => {
  assertEquals(formatQuantity(parseQuantity("2048Mi")!, "memory"), "2Gi");
  assertEquals(formatQuantity(parseQuantity("2500m")!, "cpu"), "2500m");
  assertEquals(formatQuantity(0n, "memory"), "0");
});

/** A second quota of the jobs' namespace. */
const second = (hard: string, more = "") => ({
  ...FILES,
  "second.yaml": `apiVersion: v1
kind: ResourceQuota
metadata: {name: second, namespace: analytics-jobs}
spec: {hard: {${hard}}${more}}
`,
});

const SECOND = "ResourceQuota analytics-jobs/second allows";

Deno.test("quota-fit judges every quota of a namespace, so the smallest holds", async () => {
  await assertFound(ID, second('requests.cpu: "2"'), {
    problem: `requests.cpu: driver 1 + executor 2 = 3, and ${SECOND} 2`,
  });
  await assertFound(ID, second('requests.cpu: "3", pods: "2"'));
  await assertFound(ID, second('requests.cpu: "100"'));
  const tight = quota('requests.cpu: "6"', 'requests.cpu: "2"');
  await assertFound(ID, { ...second('requests.cpu: "100"'), [QUOTAS]: tight[QUOTAS]! }, {
    problem: `requests.cpu: driver 1 + executor 2 = 3, and ${QUOTA} 2`,
  });
});

Deno.test("quota-fit judges every name of a resource, so the smallest holds", async () => {
  for (
    const [hard, problem] of [
      ['cpu: "2"', `cpu: driver 1 + executor 2 = 3, and ${SECOND} 2`],
      ['cpu: "2", requests.cpu: "9"', `cpu: driver 1 + executor 2 = 3, and ${SECOND} 2`],
      ['cpu: "9", requests.cpu: "2"', `requests.cpu: driver 1 + executor 2 = 3, and ${SECOND} 2`],
      ["memory: 4Gi", `memory: driver 2Gi + executor 2560Mi = 4608Mi, and ${SECOND} 4Gi`],
      ['count/pods: "1"', `count/pods: driver 1 + executor 1 = 2, and ${SECOND} 1`],
      ['pods: "9", count/pods: "1"', `count/pods: driver 1 + executor 1 = 2, and ${SECOND} 1`],
      ['pods: "1", count/pods: "9"', `pods: driver 1 + executor 1 = 2, and ${SECOND} 1`],
    ] as const
  ) await assertFound(ID, second(hard), { problem });
});

Deno.test("quota-fit judges the limits of every LimitRange, and warns about different defaults", async () => {
  const range = (limits: string) => ({
    ...FILES,
    "second.yaml": `apiVersion: v1
kind: LimitRange
metadata: {name: second, namespace: analytics-jobs}
spec: {limits: [${limits}]}
`,
  });
  await assertFound(ID, range("{type: Container, max: {cpu: 1500m}}"), {
    problem: "the executor is limited to 2 of cpu, and LimitRange analytics-jobs/second allows a " +
      "Container 1500m at most",
  });
  await assertFound(ID, range('{type: Container, default: {cpu: "1"}}'));
  await assertFound(ID, range("{type: Container, default: {cpu: 1500m}}"), {
    severity: "warn",
    field: "spec.limits[0].default.cpu",
    problem: "default.cpu is 1500m, and LimitRange analytics-jobs/analytics-jobs sets 1",
  });
});

/** Our manifests with another LimitRange, or another quota. */
function withBound(kind: string, spec: string) {
  return {
    ...FILES,
    "bound.yaml": `apiVersion: v1
kind: ${kind}
metadata: {name: second, namespace: analytics-jobs}
spec: ${spec}
`,
  };
}

for (
  const [limits, told] of [
    [
      "{type: Container, maxLimitRequestRatio: {memory: 1}}",
      undefined,
    ],
    [
      "{type: Container, max: {memory: 8Gi}, maxLimitRequestRatio: {memory: '0.5'}}",
      "the executor requests 2560Mi of memory with a limit of 2560Mi, and LimitRange " +
      "analytics-jobs/second has maxLimitRequestRatio 0.5",
    ],
    [
      "{type: Pod, min: {memory: 3Gi}}",
      "the executor requests 2560Mi of memory, and LimitRange analytics-jobs/second wants at " +
      "least 3Gi",
    ],
    [
      "{type: Pod, max: {cpu: 1500m}}",
      "the executor is limited to 2 of cpu, and LimitRange analytics-jobs/second allows a Pod " +
      "1500m at most",
    ],
  ] as const
) {
  Deno.test(`quota-fit judges the LimitRange ${limits}`, async () => {
    const results = await judgeFiles(withBound("LimitRange", `{limits: [${limits}]}`));
    const { findings } = results.find(({ id }) => id === ID)!;
    const problems = findings.map(({ problem }) => problem);
    if (told === undefined) assertEquals(problems, []);
    else assert(problems.includes(told), problems.join("\n"));
  });
}

for (
  const [hard, told] of [
    ['{configmaps: "2"}', "3: spark-executor-pod, kube-root-ca.crt, Spark's ConfigMap of Job "],
    ['{count/jobs.batch: "0"}', "1: bronze-ingest-manual"],
    ['{count/networkpolicies.networking.k8s.io: "1"}', ""],
    ['{count/serviceaccounts: "1"}', "2: spark-jobs, default"],
    ['{count/jobs.batch: "2", configmaps: "10", secrets: "5", services: "0"}', undefined],
    ['{count/deployments.apps: "0"}', undefined],
  ] as const
) {
  Deno.test(`quota-fit counts the objects for the quota ${hard}`, async () => {
    const results = await judgeFiles(withBound("ResourceQuota", `{hard: ${hard}}`));
    const { findings } = results.find(({ id }) => id === ID)!;
    assertEquals(findings.length, told === undefined ? 0 : 1, JSON.stringify(findings));
    const [finding] = findings;
    if (told !== undefined) {
      assertStringIncludes(finding!.problem, `ResourceQuota analytics-jobs/second allows `);
      assertStringIncludes(finding!.problem, told);
    }
  });
}

for (
  const [spec, count, words = ""] of [
    ["", 5],
    ["suspend: true, ", 5],
    ["suspend: true, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 3, ", 7],
    ["failedJobsHistoryLimit: 0, ", 4],
    ["successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0, ", 1],
    // The toolkit makes a Job for each layer of a day.
    ["", 7, "command: [deno, task, -q], args: [run, --pending, --engine=spark], "],
    ["", 5, "command: [deno, task, -q], args: [run, --pending], "],
  ] as const
) {
  Deno.test(`quota-fit counts the Jobs of a CronJob with {${spec}${words}}`, async () => {
    const containers = `[{${words}name: a, image: a}]`;
    const template = `template: {spec: {restartPolicy: Never, containers: ${containers}}}`;
    const cron = `---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: analytics-jobs}
spec: {${spec}schedule: "@daily", jobTemplate: {spec: {${template}}}}
`;
    // The manifests have one more Job.
    for (const amount of [count, count + 1]) {
      const bound = withBound("ResourceQuota", `{hard: {count/jobs.batch: "${amount}"}}`);
      const results = await judgeFiles({ ...bound, "bound.yaml": bound["bound.yaml"] + cron });
      const { findings } = results.find(({ id }) => id === ID)!;
      const told = findings.filter(({ problem }) => problem.includes("second allows"));
      assertEquals(told.map(({ fix }) => fix), [
        ...(amount > count ? [] : [`Write count/jobs.batch: "${count + 1}", or more.`]),
      ]);
    }
  });
}
