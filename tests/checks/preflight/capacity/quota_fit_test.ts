import { formatQuantity, parseQuantity } from "../../../../checks/kubernetes/quantities.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { assertFound, change, FILES, judgeFiles } from "../../healthy/manifests.ts";

const ID = "quota-fit";
const OBJECT = "Job analytics-jobs/bronze";
const job = (from: string, to: string) => change("job.yaml", from, to);
const quota = (from: string, to: string) => change("quota.yaml", from, to);
const QUOTA = "ResourceQuota analytics-jobs/quota allows";

Deno.test("quota-fit shows the sum that is over the quota, and the patch", async () => {
  const [finding] = await assertFound(
    ID,
    job("executor.instances=1", "executor.instances=2"),
    {
      ...{ severity: "fail", object: OBJECT, field: "spec.template.spec.containers[0].args[2]" },
      problem: `requests.cpu: driver 500m + 2 × executor 2 = 4500m, and ${QUOTA} 4`,
    },
    { problem: `requests.memory: driver 2Gi + 2 × executor 2432Mi = 6912Mi, and ${QUOTA} 6Gi` },
    { problem: `limits.cpu: driver 1 + 2 × executor 2 = 5, and ${QUOTA} 4` },
    { problem: `limits.memory: driver 2Gi + 2 × executor 2432Mi = 6912Mi, and ${QUOTA} 6Gi` },
  );
  assertStringIncludes(
    finding!.fix,
    "kubectl -n analytics-jobs patch resourcequota quota --type merge -p " +
      `'{"spec":{"hard":{"requests.cpu":"4500m"}}}'`,
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
    const small = { ...FILES, "quota.yaml": FILES["quota.yaml"]!.replaceAll("6Gi", "6100Mi") };
    const text = FILES["job.yaml"]!.replace("spark.executor.cores=2", setting)
      .replace(
        "- --conf=spark.executor.memory=2g",
        setting.startsWith("spark.executor.memory=") ? "" : "- --conf=spark.executor.memory=2g",
      );
    const files = {
      ...small,
      "job.yaml": text,
      "limits.yaml": "",
      "quota.yaml": small["quota.yaml"].replace("memory: 4Gi", "memory: 8Gi"),
    };
    const requests = `requests.memory: driver ${sum}, and ${QUOTA} 6100Mi`;
    await assertFound(ID, files, { problem: requests }, {
      problem: requests.replace("requests", "limits"),
    });
  });
}

Deno.test("quota-fit takes what PySpark sets for more than what the command line does", async () => {
  const call = '\n\nbuilder.config("spark.executor.instances", "2")\nclass';
  const results = await judgeFiles(change("image/jobs/bronze.py", "\n\nclass", call));
  assertEquals(results.find(({ id }) => id === ID)!.verdict, "fail");
});

Deno.test("quota-fit counts decimals and binaries apart, exactly", async () => {
  await assertFound(ID, quota("requests.memory: 6Gi", "requests.memory: 4480Mi"));
  await assertFound(ID, quota("requests.memory: 6Gi", "requests.memory: 4697620479"), {
    problem: `requests.memory: driver 2Gi + executor 2432Mi = 4480Mi, and ${QUOTA} 4697620479`,
  });
  await assertFound(ID, quota("requests.memory: 6Gi", "memory: 4480M"), {
    problem: `memory: driver 2Gi + executor 2432Mi = 4480Mi, and ${QUOTA} 4480M`,
  });
});

Deno.test("quota-fit counts what is always there, and the pods", async () => {
  const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy, namespace: analytics-jobs}
spec:
  replicas: 2
  template:
    spec:
      containers: [{name: a, image: "a:1", resources: {limits: {cpu: 750m, memory: 64Mi}}}]
`;
  const sum = `2 × proxy 750m + driver 1 + executor 2 = 4500m, and ${QUOTA} 4`;
  await assertFound(ID, { ...FILES, "proxy.yaml": deployment }, { problem: `limits.cpu: ${sum}` });
  await assertFound(ID, quota('pods: "5"', 'pods: "1"'), {
    problem: `pods: it has 2 pods, and ${QUOTA} 1`,
  });
});

Deno.test("quota-fit fails for what a quota counts and nobody says", async () => {
  await assertFound(
    ID,
    {
      ...change("quota.yaml", 'max: {cpu: "3", memory: 4Gi}', "max: {memory: 4Gi}"),
      "job.yaml": FILES["job.yaml"]!.replace("kubernetes.executor.limit.cores", "other"),
    },
    { problem: "the executor has no limits.cpu, and ResourceQuota analytics-jobs/quota counts it" },
  );
});

Deno.test("quota-fit fills in the defaults of a LimitRange", async () => {
  const silent = job('limits: {cpu: "1", memory: 2Gi}', "limits: {memory: 2Gi}");
  // The default of a limit is its max.
  await assertFound(ID, silent, {
    problem: `limits.cpu: driver 3 + executor 2 = 5, and ${QUOTA} 4`,
  });
});

Deno.test("quota-fit fails for what a LimitRange or the API server refuses", async () => {
  await assertFound(ID, quota('max: {cpu: "3"', "max: {cpu: 1500m"), {
    problem: "the executor is limited to 2 of cpu, and LimitRange analytics-jobs/limits allows a " +
      "Container 1500m at most",
  });
  await assertFound(ID, quota("max:", "min: {cpu: 600m}\n      max:"), {
    problem:
      "the driver requests 500m of cpu, and LimitRange analytics-jobs/limits wants at least 600m",
  });
  await assertFound(ID, job("requests: {cpu: 500m", "requests: {cpu: 1100m"), {
    problem: "the driver requests 1100m of cpu, and its limit is 1",
  });
  await assertFound(ID, job("cpu: 500m", "cpu: 500 m"), { problem: '"500 m" is no quantity' });
});

Deno.test("quota-fit fails for a driver whose heap and overhead do not fit", async () => {
  await assertFound(ID, job("--driver-memory=1g", "--driver-memory=1700m"), {
    problem: "the driver needs 2084Mi, Spark's overhead included, and is limited to 2Gi",
  });
});

Deno.test("quota-fit counts no executors without a Kubernetes master, and is not applicable without a quota", async () => {
  const local = job("--master=k8s://https://kubernetes.default.svc", "--master=local[2]");
  local["job.yaml"] = local["job.yaml"]!.replace("instances=1", "instances=9");
  await assertFound(ID, local);
  const none: Record<string, string> = { ...FILES };
  delete none["quota.yaml"];
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
  Deno.test(`the quantity ${JSON.stringify(text)} is read exactly`, () => {
    assertEquals(parseQuantity(text), billionths);
  });
}

Deno.test("quantities are written as people do", () => {
  assertEquals(formatQuantity(parseQuantity("2048Mi")!, "memory"), "2Gi");
  assertEquals(formatQuantity(parseQuantity("2500m")!, "cpu"), "2500m");
  assertEquals(formatQuantity(0n, "memory"), "0");
});
