import { openApi } from "../api.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { nodeTest } from "../../support/node_tests.ts";
import { realNode } from "../../support/real_node.ts";
import { runTask, type TaskOutcome } from "../../support/task.ts";
import { TOOLS } from "./settings.ts";

// `deno task bronze --engine spark` with a real kubelet: its messages are recognized. A shell
// script plays the driver.

const DAY = "2025-12-28";
const NAMESPACE = "engine";

/** What a Job of these tests differs in. */
interface Driver {
  /** The script of the driver. */
  readonly script?: string;
  readonly image?: string;
  /** More fields of the container. */
  readonly container?: object;
  /** More fields of the pod. */
  readonly pod?: object;
  readonly backoffLimit?: number;
  /** The seconds that a fault may last, for a fault that may pass. */
  readonly patience?: number;
}

/** Runs a day with a Job, in a namespace of its own. */
async function runJob(
  { script = "true", image = TOOLS, container = {}, pod = {}, backoffLimit = 0, patience = 60 }:
    Driver,
): Promise<TaskOutcome> {
  const { admin, kubeconfig } = realNode();
  const namespace = `${NAMESPACE}-${crypto.randomUUID()}`;
  using api = openApi(admin);
  const manifests = await Deno.makeTempDir({ prefix: "manifests-" });
  await api.call("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  const job = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "bronze", namespace },
    spec: {
      suspend: true,
      backoffLimit,
      template: {
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 0,
          tolerations: [{ operator: "Exists" }],
          ...pod,
          containers: [{
            name: "spark-driver",
            image,
            imagePullPolicy: image === TOOLS ? "Never" : "IfNotPresent",
            command: ["sh", "-c", script],
            ...container,
          }],
        },
      },
    },
  };
  await Deno.writeTextFile(`${manifests}/job.json`, JSON.stringify(job));
  await Deno.writeTextFile(
    `${manifests}/deep-storage.json`,
    JSON.stringify({ jobs: { namespace } }),
  );
  try {
    const args = ["--engine", "spark", "--no-preflight", "--kubeconfig", kubeconfig];
    const more = ["--manifests", manifests, "--patience", `${patience}`];
    return await runTask("bronze", [DAY, ...args, ...more]);
  } finally {
    await api.call("DELETE", `/api/v1/namespaces/${namespace}`);
    await Deno.remove(manifests, { recursive: true });
  }
}

nodeTest("bronze --engine spark: follows a driver on a real node", async () => {
  const { code, stdout, stderr } = await runJob({
    script: 'echo "bronze  outbox      $JOB_DATE"; sleep 1; ' +
      "echo 'bronze  commit      s3://rbs/bronze/events/date='$JOB_DATE'/_commit.json, sealed'",
  });
  assertEquals([code, stderr], [0, ""], stdout);
  const steps = stdout.trimEnd().split("\n").map((line) => line.split(/ +/)[1]);
  assertEquals(steps, ["job", "scheduled", "running", "outbox", "commit", "completed"]);
  assertMatch(stdout, /^bronze {2}outbox {6}2025-12-28$/m);
});

nodeTest("bronze --engine spark: ends with the exit code of a driver on a real node", async () => {
  const { code, stderr } = await runJob({ script: "echo 'Cannot do a: b. Do c.' >&2; exit 2" });
  assertEquals([code, stderr], [2, "Cannot do a: b. Do c.\n"]);
});

nodeTest("bronze --engine spark: follows the retry of a driver on a real node", async () => {
  const { code, stdout, stderr } = await runJob({
    script: "echo 'Cannot do a: b. Do c.'; exit 3",
    backoffLimit: 1,
  });
  assertEquals([code, stderr], [3, "Cannot do a: b. Do c.\n"]);
  assertEquals(stdout.match(/ ended {7}warning: .* with exit code 3$/gm)?.length, 2, stdout);
});

const variable = (secret: string) => ({
  env: [{ name: "A", valueFrom: { secretKeyRef: { name: secret, key: "b" } } }],
});
const volume = {
  patience: 5,
  pod: { volumes: [{ name: "executor-pod", configMap: { name: "no-such-map" } }] },
  container: { volumeMounts: [{ name: "executor-pod", mountPath: "/executor" }] },
};
const FAULTS: readonly (readonly [string, Driver, RegExp, page: string])[] = [
  [
    "an image that does not exist",
    { image: "127.0.0.1:1/none:1", patience: 5 },
    /cannot be pulled: /,
    "image-pull",
  ],
  ["an invalid image", { image: "Not An Image" }, /InvalidImageName: /, "image-pull"],
  [
    "a missing Secret",
    { container: variable("no-such-secret") },
    /CreateContainerConfigError: secret "no-such-secret" not found/,
    "secret-escaping",
  ],
  [
    "a missing ConfigMap of a volume",
    volume,
    /configmap "no-such-map" not found/,
    "manifests-readable",
  ],
  [
    "a command that does not exist",
    { container: { command: ["/no/such/program"] } },
    /does not start: (StartError|RunContainerError): .*no such file/,
    "run",
  ],
  [
    "too much memory",
    {
      script: "a=x; while true; do a=$a$a; done",
      container: { resources: { limits: { memory: "16Mi" } } },
    },
    /needed more memory than its limit, and was killed \(OOMKilled\)/,
    "run",
  ],
];
for (const [what, driver, says, page] of FAULTS) {
  nodeTest(`bronze --engine spark: names ${what} on a real node`, async () => {
    const { code, stdout, stderr } = await runJob(driver);
    assertMatch(stderr, says, stdout);
    assertStringIncludes(stderr, `deno task explain ${page}`);
    assertEquals(code, 2);
    assert(!stdout.includes("completed"));
  });
}
