import { dirname } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { nodeTest, stepsSideBySide } from "../../support/node_tests.ts";
import { runTask, type TaskOutcome } from "../../support/task.ts";
import { type Api, openApi } from "../api.ts";
import { binaryPath } from "../binary.ts";
import { endKept, findKept } from "../kept.ts";
import { until } from "../until.ts";
import { NODE } from "./addresses.ts";
import { TOOLS } from "./settings.ts";
import { nothingIsLeft, stateOfMachine, traceable } from "./traces.ts";

// Real nodes from their start to their end. Every other test of a real node uses the shared one.

const NAME = `node-test-${Deno.pid}`;
const PODS = "/api/v1/namespaces/default/pods";
/** Milliseconds in which a pod ends on a busy machine. */
const PATIENCE = 180_000;

async function cluster(
  task: "up" | "down",
  name: string,
  ...args: string[]
): Promise<TaskOutcome> {
  const cache = dirname(await binaryPath());
  return await runTask(`cluster:${task}`, [...args, "--name", name], { DEEP_STORAGE_CACHE: cache });
}

/** Runs a command in a pod, and returns the exit code and the log. */
async function runPod(api: Api, name: string, command: readonly string[]) {
  await api.call("POST", PODS, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: "Exists" }],
      containers: [{ name: "main", image: TOOLS, imagePullPolicy: "Never", command }],
    },
  });
  let code: number | undefined;
  await until(`the pod ${name} has ended`, async () => {
    const { status } = await api.get(`${PODS}/${name}`);
    code = status.containerStatuses?.[0]?.state?.terminated?.exitCode;
    return code !== undefined;
  }, AbortSignal.timeout(PATIENCE));
  const response = await api.send("GET", `${PODS}/${name}/log`);
  return { code, log: await response.text() };
}

nodeTest("cluster:up --node: runs pods, and leaves nothing however it ends", async (t) => {
  const before = await stateOfMachine();
  await stepsSideBySide(t, [
    ["until cluster:down", untilDown],
    ...["keeper", "holder of the namespaces"].map((victim) =>
      [`until the ${victim} is killed`, () => untilKilled(victim)] as const
    ),
  ]);
  assertEquals(await stateOfMachine(), before);
});

async function untilDown(t: Deno.TestContext): Promise<void> {
  const name = `${NAME}-down`;
  try {
    await t.step("the cluster has one ready node with a real kubelet", async () => {
      const { code, stdout, stderr } = await cluster("up", name, "--node");
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
      assertMatch(stdout, new RegExp(`^The cluster ${name} is up: Kubernetes v1\\.36\\.3 at `));
      using api = openApi((await findKept(name))!.admin);
      const { items } = await api.get("/api/v1/nodes");
      assertEquals(items.map(({ metadata }: { metadata: { name: string } }) => metadata.name), [
        NODE,
      ]);
      assertMatch(items[0].status.nodeInfo.containerRuntimeVersion, /^containerd:\/\//);
    });
    const node = await traceable((await findKept(name))!);
    using api = openApi(node.admin);
    await t.step("a pod runs, and its log and exit code arrive", async () => {
      const ran = await runPod(api, "hello", ["sh", "-c", "echo from $(hostname); exit 3"]);
      assertEquals(ran, { code: 3, log: "from hello\n" });
    });
    await t.step("a pod finds the API server by name", async () => {
      const server = "kubernetes.default.svc.cluster.local";
      const ran = await runPod(api, "names", ["nslookup", "-type=a", server]);
      assertStringIncludes(ran.log, "Address: 10.43.0.1");
      assertEquals(ran.code, 0);
    });
    await t.step("a second up with simulated nodes is refused", async () => {
      const { code, stderr } = await cluster("up", name);
      assertEquals(code, 2);
      assertStringIncludes(stderr, `${name} is up with real nodes`);
    });
    await t.step("down leaves nothing", async () => {
      const { code, stdout } = await cluster("down", name);
      assertEquals({ code, stdout }, { code: 0, stdout: `The cluster ${name} is down.\n` });
      await nothingIsLeft(node);
    });
  } finally {
    await endKept(name);
  }
}

async function untilKilled(victim: string): Promise<void> {
  const name = `${NAME}-${victim.replaceAll(" ", "-")}`;
  try {
    assertEquals((await cluster("up", name, "--node")).code, 0);
    const node = await traceable((await findKept(name))!);
    Deno.kill(victim === "keeper" ? node.pid : node.holder, "SIGKILL");
    await nothingIsLeft(node);
    await until("it is not found", async () => (await findKept(name)) === undefined);
  } finally {
    await endKept(name);
  }
}

nodeTest("cluster:up --node: says without root that it needs root", async () => {
  const up = new URL("../up.ts", import.meta.url).pathname;
  // In a new user namespace, root is an ordinary user who can still read root's files.
  const { code, stderr } = await new Deno.Command("unshare", {
    args: [
      ...["--user", Deno.execPath()],
      ...["run", "-q", "--no-prompt", "-P=test", up, "--node", "--name", NAME],
    ],
    cwd: new URL("../../../", import.meta.url),
  }).output();
  const said = new TextDecoder().decode(stderr);
  assertStringIncludes(said, "a real node needs root");
  assertEquals(code, 2);
  assert(said.includes("Run the command as root"), said);
});
