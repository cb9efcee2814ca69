import { rbac } from "../../../checks/preflight/access/rbac.ts";
import { serviceAccount } from "../../../checks/preflight/access/service_account.ts";
import { nodePool } from "../../../checks/preflight/capacity/node_pool.ts";
import { quotaFit } from "../../../checks/preflight/capacity/quota_fit.ts";
import { timestampEnv } from "../../../checks/preflight/code/timestamp_env.ts";
import { imageDeps } from "../../../checks/preflight/image/image_deps.ts";
import { driverExecutorTraffic } from "../../../checks/preflight/network/driver_executor_traffic.ts";
import { egressPolicy } from "../../../checks/preflight/network/egress_policy.ts";
import type { PlatformCheck } from "../../../checks/preflight/platform.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { HEALTHY, manifests } from "../healthy/connections.ts";
import { ACCESS, FILES } from "../healthy/manifests.ts";
import { K8S } from "./job_yaml.ts";

// The checks that read the model of a Spark job, and no other facts.

/** The healthy job without arguments for spark-submit, started by Python. */
const BY_PYTHON = HEALTHY.job
  .replace(/command: \[.*\]/, "command: [python, /opt/jobs/bronze.py]")
  .replace(/ +args:\n(?: +- .*\n)+/, "");

/** The healthy manifests with spark-submit's flags in `PYSPARK_SUBMIT_ARGS`, and without two policies. */
const MOVED = {
  api: "",
  spark: "",
  job: BY_PYTHON.replace(
    / +env:\n/,
    (env) =>
      `${env}            - name: PYSPARK_SUBMIT_ARGS\n` +
      `              value: "--master ${K8S} --num-executors 2 pyspark-shell"\n`,
  ),
};

Deno.test("driver-executor-traffic and rbac count executors of flags in PYSPARK_SUBMIT_ARGS", () => {
  const facts = { manifests: manifests(MOVED) };
  for (const check of [driverExecutorTraffic, rbac]) {
    const outcome = check.run(facts);
    assertEquals("findings" in outcome && outcome.findings.length > 0, true, check.id);
  }
  const traffic = driverExecutorTraffic.run(facts);
  assertMatch(
    JSON.stringify(traffic),
    /bronze-ingest-manual and its executors cannot reach the driver/,
  );
});

Deno.test("driver-executor-traffic, rbac and quota-fit are unknown if the master is unknown", () => {
  const job = HEALTHY.job.replace(
    / +args:\n(?: +- .*\n)+/,
    '          args: ["--master=$(MASTER_URL)", job.py]\n',
  );
  const facts = { manifests: manifests({ job }) };
  for (const check of [driverExecutorTraffic, quotaFit, rbac]) {
    assertMatch(JSON.stringify(check.run(facts)), /^\{"unknown":".*MASTER_URL/, check.id);
  }
});

/** The quota and the account of the jobs, which the checks of connections do not read. */
const ACCOUNT_AND_QUOTA = `\n${FILES[ACCESS]}\n---\n${FILES["10-quota.yaml"]}`;

/** The outcome of a check for the healthy manifests with another text in the job. */
function outcomeOf(check: PlatformCheck | typeof imageDeps, from: string | RegExp, to: string) {
  const job = HEALTHY.job.replace(from, () => to);
  assert(job !== HEALTHY.job, String(from));
  return JSON.stringify(check.run({ manifests: manifests({ job, more: ACCOUNT_AND_QUOTA }) }));
}

const FROM_SECRET =
  "            - { name: GIVEN, valueFrom: { secretKeyRef: { name: x, key: y } } }\n          resources:";
const withSecret = (key: string) => (check: PlatformCheck | typeof imageDeps) => {
  const job = HEALTHY.job.replace(new RegExp(`(${key}=)\\S+`), "$1$(GIVEN)")
    .replace("          resources:", () => FROM_SECRET);
  return JSON.stringify(check.run({ manifests: manifests({ job, more: ACCOUNT_AND_QUOTA }) }));
};

Deno.test("quota-fit and image-deps are unknown if a missing Secret contains the value", () => {
  for (
    const key of ["spark.executor.instances", "spark.executor.memory", "executor.request.cores"]
  ) {
    assertMatch(withSecret(key)(quotaFit), /^\{"unknown":".* is not known: .*Secret/, key);
  }
  assertMatch(withSecret("executor.container.image")(imageDeps), /^\{"unknown":".*Secret/);
});

Deno.test("quota-fit fails for an amount that Spark or Kubernetes refuses", () => {
  for (
    const [from, to] of [
      ["spark.executor.memory=2g", "spark.executor.memory=2Gi"],
      ["spark.executor.memory=2g", "spark.executor.memory=1.5g"],
      ["spark.executor.memoryOverhead=512m", "spark.executor.memoryOverhead=512Mi"],
      ["spark.executor.instances=1", "spark.executor.instances=0"],
      ["spark.executor.cores=2", "spark.executor.cores=500m"],
      ["executor.limit.cores=2", "executor.limit.cores=two"],
    ] as const
  ) {
    const outcome = outcomeOf(quotaFit, from, to);
    assertMatch(outcome, /"severity":"fail".* is not a /, to);
    assertStringIncludes(outcome, to);
  }
});

Deno.test("quota-fit judges the executors that dynamic allocation starts with, and warns of the most", () => {
  const dynamic = (more: string) =>
    outcomeOf(
      quotaFit,
      "- --conf=spark.executor.instances=1",
      `- --conf=spark.dynamicAllocation.enabled=TRUE${more}`,
    );
  const allocation = (key: string, n: number) =>
    `\n            - --conf=spark.dynamicAllocation.${key}=${n}`;
  assertMatch(dynamic(""), /"severity":"warn".*dynamic allocation has no limit/);
  for (const key of ["minExecutors", "initialExecutors"]) {
    const [outcome, limited] = ["", allocation("maxExecutors", 60)]
      .map((more) => dynamic(allocation(key, 50) + more));
    assertMatch(outcome!, /"severity":"fail".*50 × executor/);
    assertMatch(limited!, /"severity":"fail".*50 × executor/);
    assertMatch(limited!, /^(?!.*60 × executor)/);
    assertMatch(
      dynamic(allocation(key, 2) + allocation("maxExecutors", 1)),
      /"severity":"fail".*Executors=2 is more than spark.dynamicAllocation.maxExecutors=1/,
    );
  }
  const most = dynamic(allocation("maxExecutors", 50));
  assertMatch(most, /"severity":"warn".*with all executors.*50 × executor.*with fewer executors/);
  assertMatch(most, /^(?!.*"fail")/);
  assertMatch(dynamic(allocation("maxExecutors", 1)), /"findings":\[\]/);
});

Deno.test("node-pool fails for a pod template that its ConfigMap lacks, and is unknown for one in the image", () => {
  const run = (parts: Parameters<typeof manifests>[0]) =>
    JSON.stringify(nodePool.run({ manifests: manifests(parts) }));
  const template = HEALTHY.template.replace("pod.yaml: |", "other.yaml: |");
  assertMatch(run({ template }), /"severity":"fail".*does not have the file/);
  assertMatch(run({ template: "" }), /^\{"unknown":".*ConfigMap spark-executor-pod/);
  const job = HEALTHY.job.replace(/podTemplateFile=\S+/, "podTemplateFile=/opt/baked/pod.yaml");
  assertMatch(run({ job }), /^\{"unknown":".*\/opt\/baked\/pod.yaml/);
});

Deno.test("node-pool and service-account judge the driver that Spark creates in cluster mode", () => {
  const cluster = [/--deploy-mode=client/, "--deploy-mode=cluster"] as const;
  assertMatch(outcomeOf(nodePool, ...cluster), /the driver that Spark creates can run on any node/);
  assertMatch(
    outcomeOf(serviceAccount, ...cluster),
    /the driver that Spark creates runs as the namespace's default service account/,
  );
  const account = "--conf=spark.kubernetes.authenticate.driver.serviceAccountName";
  for (const name of ["spark", "other"]) {
    assertMatch(
      outcomeOf(
        serviceAccount,
        cluster[0],
        `--deploy-mode=cluster\n            - ${account}=${name}`,
      ),
      new RegExp(`there is no service account ${name} in the namespace`),
    );
  }
});

Deno.test("image-deps fails if no setting names the image of the executors", () => {
  assertMatch(
    outcomeOf(imageDeps, /executor\.container\.image/, "driver.container.image"),
    /no setting names the image of the executors/,
  );
});

Deno.test("rbac passes no job that makes its pods in another namespace", () => {
  const namespace = /spark\.kubernetes\.namespace=analytics-jobs/;
  assertMatch(outcomeOf(rbac, namespace, "a.b=c"), /Spark makes its pods in the namespace default/);
  assertMatch(
    outcomeOf(rbac, namespace, "spark.kubernetes.namespace=robson"),
    /"unknown":"the roles of namespace robson/,
  );
});

Deno.test("timestamp-env fails for an argument with a variable that the container does not declare", () => {
  const date = (text: string) =>
    outcomeOf(timestampEnv, "- --name=bronze-ingest", `- --name=${text}`);
  assertMatch(date("$(JOB_DATE)"), /"severity":"fail".*\$\(JOB_DATE\)/);
  assertMatch(date("$(date +%F)"), /"severity":"fail".*\$\(date \+%F\)/);
  assertMatch(date("$(POD_NAME)"), /"findings":\[\]/);
  assertMatch(date("$$(JOB_DATE)"), /"findings":\[\]/);
});

const PG_DUMP = `
apiVersion: batch/v1
kind: Job
metadata: { name: dump, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - { name: dump, image: "postgres:16.4", command: [pg_dump], args: [-h, paradedb, rbsdb] }
`;

Deno.test("sparkJobsOf knows a job without Spark, and the checks of Spark do not judge it", () => {
  const beside = { manifests: manifests({ more: `${ACCOUNT_AND_QUOTA}\n---${PG_DUMP}` }) };
  const alone = { manifests: manifests({ job: PG_DUMP }) };
  for (const check of [egressPolicy, driverExecutorTraffic, nodePool, serviceAccount]) {
    assertMatch(JSON.stringify(check.run(beside)), /"findings":\[\]/, check.id);
    assertMatch(JSON.stringify(check.run(alone)), /^\{"notApplicable"/, check.id);
  }
});
