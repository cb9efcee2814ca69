import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { type Api, openApi } from "../api.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { nodeTest, stepsSideBySide } from "../../support/node_tests.ts";
import { type RealNode, realNode } from "../../support/real_node.ts";
import { type RunningTask, startTask, type TaskOutcome } from "../../support/task.ts";
import { isFound } from "../starting.ts";
import { until } from "../until.ts";
import { NODE } from "./addresses.ts";
import { runInNode } from "./machine.ts";
import { TOOLS } from "./settings.ts";

// `deno task bronze --engine spark` with a real kubelet: its messages are recognized. A shell
// script plays the driver.

const DAY = "2025-12-28";
const NAMESPACE = "engine";
/** Milliseconds in which a pod starts, or a node becomes ready, on a busy machine. */
const PATIENCE = 180_000;

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

/**
 * Runs a day with a Job, in a namespace of its own.
 *
 * @param meanwhile called when the command has started
 */
async function runJob(
  { script = "true", image = TOOLS, container = {}, pod = {}, backoffLimit = 0, patience = 60 }:
    Driver,
  namespace = `${NAMESPACE}-${crypto.randomUUID()}`,
  meanwhile: (command: RunningTask) => Promise<void> = async () => {},
): Promise<TaskOutcome> {
  const { admin, kubeconfig } = realNode();
  using api = openApi(admin);
  const manifests = await Deno.makeTempDir({ prefix: "manifests-" });
  await api.call("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  // Without it, the first pod is refused.
  await until(
    "the namespace has its service account",
    () => isFound(api, `/api/v1/namespaces/${namespace}/serviceaccounts/default`),
    AbortSignal.timeout(PATIENCE),
  );
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
    const command = startTask("bronze", [DAY, ...args, ...more]);
    const [outcome] = await Promise.all([command.outcome, meanwhile(command)]);
    return outcome;
  } finally {
    await api.call("DELETE", `/api/v1/namespaces/${namespace}`);
    await Deno.remove(manifests, { recursive: true });
  }
}

/** A script that prints the last line of a driver that stored its day. */
const COMMITS =
  "echo 'bronze  commit      s3://rbs/bronze/events/date='$JOB_DATE'/_commit.json, sealed'";

async function followsADriver() {
  const { code, stdout, stderr } = await runJob({
    script: `echo "bronze  outbox      $JOB_DATE"; sleep 1; ${COMMITS}`,
  });
  assertEquals([code, stderr], [0, ""], stdout);
  const expected = ["job", "scheduled", "running", "outbox", "commit", "completed"];
  // On a busy node, there can be warnings between them.
  const steps = stdout.trimEnd().split("\n").map((line) => line.split(/ +/)[1]!)
    .filter((step) => expected.includes(step));
  assertEquals(steps, expected, stdout);
  assertMatch(stdout, /^bronze {2}outbox {6}2025-12-28$/m);
}

async function endsWithTheExitCode() {
  const { code, stderr } = await runJob({ script: "echo 'Cannot do a: b. Do c.' >&2; exit 2" });
  assertEquals([code, stderr], [2, "Cannot do a: b. Do c.\n"]);
}

async function followsARetry() {
  const { code, stdout, stderr } = await runJob({
    script: "echo 'Cannot do a: b. Do c.'; exit 3",
    backoffLimit: 1,
  });
  assertEquals([code, stderr], [3, "Cannot do a: b. Do c.\n"]);
  assertEquals(stdout.match(/ ended {7}warning: .* with exit code 3$/gm)?.length, 2, stdout);
}

/** Waits until the driver in a namespace runs, and returns its pod. */
async function runningDriver(api: Api, namespace: string): Promise<KubeObject> {
  let driver: KubeObject | undefined;
  await until("the driver runs", async () => {
    const { items } = await api.get(`/api/v1/namespaces/${namespace}/pods`);
    driver = items.find(({ status }: { status: { phase: string } }) => status.phase === "Running");
    return driver !== undefined;
  }, AbortSignal.timeout(PATIENCE));
  return driver!;
}

async function namesAKilledExecutor() {
  using api = openApi(realNode().admin);
  const namespace = `${NAMESPACE}-${crypto.randomUUID()}`;
  // The driver ends when its executor is dead, as Spark does, and does not know why.
  const script = 'until [ -e /dead ]; do sleep 1; done; echo "Cannot do a: b. Do c."; exit 3';
  const run = runJob({ script }, namespace);
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const { metadata: { name, uid } } = await runningDriver(api, namespace);
  await api.call("POST", pods, {
    metadata: {
      name: `${name}-exec-1`,
      labels: { "spark-role": "executor" },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid, controller: true }],
    },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      tolerations: [{ operator: "Exists" }],
      containers: [{
        name: "spark-executor",
        image: TOOLS,
        imagePullPolicy: "Never",
        command: ["sh", "-c", GROW],
        resources: { limits: { memory: "16Mi" } },
      }],
    },
  });
  await until("the kernel has killed the executor", async () => {
    const { status } = await api.get(`${pods}/${name}-exec-1`);
    return status.containerStatuses?.[0].state.terminated?.reason === "OOMKilled";
  }, AbortSignal.timeout(PATIENCE));
  const { kubeconfig } = realNode();
  const { success } = await new Deno.Command("kubectl", {
    args: ["--kubeconfig", kubeconfig, "-n", namespace, "exec", name, "--", "touch", "/dead"],
  }).output();
  assert(success, "the driver gets the signal");
  const { code, stdout, stderr } = await run;
  const killed = `the executor ${name}-exec-1 needed more memory than its limit, and was killed ` +
    "(OOMKilled)";
  assertStringIncludes(stdout, `problem     warning: ${killed}`);
  assertStringIncludes(
    stderr,
    `Cannot do a: b. Before that, ${killed}. Read deno task explain run`,
  );
  assertStringIncludes(stderr, "Increase spark.executor.memory");
  assertEquals(code, 3);
}

/** A missing object of a volume is named, and the driver starts as soon as it is there. */
async function namesAMissingConfigMap() {
  using api = openApi(realNode().admin);
  const namespace = `${NAMESPACE}-${crypto.randomUUID()}`;
  const { code, stdout, stderr } = await runJob(
    {
      script: COMMITS,
      patience: PATIENCE / 1000,
      pod: { volumes: [{ name: "executor-pod", configMap: { name: "no-such-map" } }] },
      container: { volumeMounts: [{ name: "executor-pod", mountPath: "/executor" }] },
    },
    namespace,
    async (command) => {
      await until(
        "the command names the ConfigMap",
        () => Promise.resolve(MISSING.test(command.printed())),
        AbortSignal.timeout(PATIENCE),
      );
      await api.call("POST", `/api/v1/namespaces/${namespace}/configmaps`, {
        metadata: { name: "no-such-map" },
      });
    },
  );
  assertStringIncludes(stdout, "deno task explain manifests-readable");
  assertEquals([code, stderr], [0, ""], stdout);
}

/** The message of a kubelet that does not find the object of a volume. */
const MISSING = /configmap "no-such-map" not found/;

/** A script that needs more and more memory. */
const GROW = "a=x; while true; do a=$a$a; done";

const variable = (secret: string) => ({
  env: [{ name: "A", valueFrom: { secretKeyRef: { name: secret, key: "b" } } }],
});
// The faults of faults.ts have a real driver: among them are an image that cannot be pulled, and too
// little memory.
const FAULTS: readonly (readonly [string, Driver, RegExp, page: string])[] = [
  ["an invalid image", { image: "Not An Image" }, /InvalidImageName: /, "image-pull"],
  [
    "a missing Secret",
    { container: variable("no-such-secret") },
    /CreateContainerConfigError: secret "no-such-secret" not found/,
    "secret-escaping",
  ],
  [
    "a command that does not exist",
    { container: { command: ["/no/such/program"] } },
    /does not start: (StartError|RunContainerError): .*no such file/,
    "run",
  ],
];
nodeTest("bronze --engine spark: follows Jobs on a real node, side by side", async (t) => {
  await stepsSideBySide(t, [
    ["follows a driver", followsADriver],
    ["ends with the exit code of a driver", endsWithTheExitCode],
    ["follows the retry of a driver", followsARetry],
    ["names an executor that is killed for its memory", namesAKilledExecutor],
    ["names a missing ConfigMap of a volume, and goes on with it", namesAMissingConfigMap],
    ...FAULTS.map(([name, driver, says, page]) =>
      [`names ${name}`, async () => {
        const { code, stdout, stderr } = await runJob(driver);
        assertMatch(stderr, says, stdout);
        assertStringIncludes(stderr, `deno task explain ${page}`);
        assertEquals(code, 2);
        assert(!stdout.includes("completed"));
      }] as const
    ),
  ]);
});

nodeTest("bronze --engine spark: names a lost node", async () => {
  using api = openApi(realNode().admin);
  const kubelet = await kubeletOf(realNode());
  const namespace = `${NAMESPACE}-${crypto.randomUUID()}`;
  const run = runJob({ script: "sleep 600", patience: 10 }, namespace);
  try {
    await runningDriver(api, namespace);
    await kubelet.signal("STOP");
    const { code, stdout, stderr } = await run;
    assertMatch(stdout, /^bronze {2}running {5}pod /m);
    assertMatch(stderr, /the driver lost its node, or was removed from the node: NodeNotReady: /);
    assertStringIncludes(stderr, `kubectl describe node ${NODE}`);
    assertEquals(code, 3);
  } finally {
    await kubelet.signal("CONT");
    await until("the node is ready", async () => {
      const { spec } = await api.get(`/api/v1/nodes/${NODE}`);
      const dns = await api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns");
      const taints: { key: string }[] = spec.taints ?? [];
      return dns.status.readyReplicas === 1 &&
        !taints.some(({ key }) => key.startsWith("node.kubernetes.io/"));
    }, AbortSignal.timeout(PATIENCE));
  }
});

/** Finds the kubelet of a node, to send signals to this process. */
async function kubeletOf({ machine, folder }: RealNode) {
  const [pid, ...others] = (await runInNode(machine, [
    ...["sh", "-c", FIND_KUBELET, "sh", `--config=${folder}/kubelet.yaml`],
  ])).trim().split("\n");
  assert(/^\d+$/.test(pid ?? "") && others.length === 0, "the node has one kubelet");
  return { signal: (name: string) => runInNode(machine, ["kill", `-${name}`, pid!]) };
}

/** Prints the IDs of processes whose command line has the word $1. */
const FIND_KUBELET = `
  for p in /proc/[0-9]*; do
    [ "\${p#/proc/}" != $$ ] || continue
    tr '\\0' '\\n' <"$p/cmdline" 2>/dev/null | grep -qxF -- "$1" && echo "\${p#/proc/}"
  done
  true
`;
