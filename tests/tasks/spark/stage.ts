import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { bronzeMarkerKey, silverMarkerKey } from "../../../pipeline/contract/keys.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { type Api, openApi } from "../../cluster/api.ts";
import { theWholeSetup } from "../../cluster/setup.ts";
import { bringTo } from "../../cluster/state.ts";
import { until } from "../../cluster/until.ts";
import { assertStringIncludes } from "../../support/assert.ts";
import { controlPlane } from "../../support/control_plane.ts";
import { type RunningTask, startTask } from "../../support/task.ts";
import { IN_JOBS, JOBS, MERGE } from "../apply/setup.ts";
import { type LogServer, serveLogs } from "./kubelet.ts";

// A cluster in which the test plays the kubelet: it starts and ends the pods of the Jobs, and
// writes their logs. Quota, scheduling, pod security and Jobs are those of Kubernetes.

/** The day of the tests. */
export const DAY = "2025-12-28";

const MANIFESTS = new URL("../../../manifests/", import.meta.url);
const NODE = "analytics-1";

/** A pod of the jobs' namespace. */
export interface Pod extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly uid: string };
}

/** The cluster, and what the test plays. */
export interface Stage extends AsyncDisposable {
  readonly api: Api;
  readonly logs: LogServer;
  /** The directory of the manifests. */
  readonly manifests: string;
  /** Starts a command with the engine `spark` and without preflight. */
  start(command: string, ...args: readonly string[]): RunningTask;
  /** Starts such a command with variables of the environment. */
  startWith(
    env: Readonly<Record<string, string>>,
    command: string,
    ...args: readonly string[]
  ): RunningTask;
  /** The arguments of such a command. */
  args(...more: readonly string[]): string[];
  /** Waits for the pod of the n-th attempt of a layer's Job. */
  driver(job: string, number?: number): Promise<Pod>;
  /** Creates a pod of an executor, as a driver does. */
  executor(driver: Pod, spec?: object): Promise<Pod>;
  /** Sets the status of a pod, as the kubelet does. */
  set(pod: Pod, status: object): Promise<void>;
  /** Starts the container of a pod. */
  run(pod: Pod): Promise<void>;
  /** Writes the line with the marker of the day, and ends the container of a pod. */
  complete(pod: Pod): Promise<void>;
  /** Ends the container of a pod, and its log. */
  end(pod: Pod, exitCode: number, reason?: string): Promise<void>;
  /** Creates an event about a pod. */
  event(pod: Pod, reason: string, message: string): Promise<void>;
}

/** What differs from the manifests of the repository. */
export interface Difference {
  /** Changes the text of the Jobs. */
  readonly jobs?: (text: string) => string;
  /** The values of the Secrets. */
  readonly values?: Readonly<Record<string, string>>;
  /** The objects of the cluster that a test needs. */
  readonly objects?: (objects: KubeObject[]) => KubeObject[];
}

/** Brings the cluster to its state before a run. */
export async function setStage(
  { jobs, values = {}, objects }: Difference = {},
): Promise<Stage> {
  const logs = await serveLogs();
  const manifests = await Deno.makeTempDir({ prefix: "manifests-" });
  for (const name of ["50-bronze-ingest.yaml", "60-silver-transform.yaml"]) {
    const text = (await Deno.readTextFile(new URL(name, MANIFESTS))).replace(
      /^( {2}template:\n {4}metadata:\n)/m,
      '$1      annotations: { deep-storage/played: "true" }\n',
    );
    await Deno.writeTextFile(`${manifests}/${name}`, jobs?.(text) ?? text);
  }
  const all = (await theWholeSetup({ values }))
    .filter(({ kind, metadata }) =>
      kind === "Node" || metadata.namespace === "analytics-jobs" && kind !== "Job" ||
      kind === "Namespace" && metadata.name === "analytics-jobs"
    )
    .map((object) => object.metadata.name === NODE ? withLogs(object, logs.port) : object);
  await bringTo(controlPlane(), objects?.(all) ?? all);
  const api = openApi(controlPlane().admin);
  const args = (...more: readonly string[]) => [
    ...["--engine", "spark", "--kubeconfig", controlPlane().kubeconfig, "--manifests", manifests],
    ...more,
  ];
  const set: Stage["set"] = async ({ metadata }, status) => {
    await api.call("PATCH", `${IN_JOBS}/pods/${metadata.name}/status`, { status }, MERGE);
  };
  // The kubelet starts no pod before the scheduler has chosen its node, which can take a while. The
  // API server reads no log of a pod without a node.
  const container = async ({ metadata }: Pod) => {
    const pod = () => api.get(`${IN_JOBS}/pods/${metadata.name}`);
    await until("the pod has a node", async () => (await pod()).spec.nodeName !== undefined);
    const [{ name, image }] = (await pod()).spec.containers;
    return { name, image, imageID: "", ready: false, restartCount: 0 };
  };
  const stage: Stage = {
    api,
    logs,
    manifests,
    args,
    start: (command, ...more) => startTask(command, args(DAY, "--no-preflight", ...more)),
    startWith: (env, command, ...more) =>
      startTask(command, args(DAY, "--no-preflight", ...more), env),
    async driver(job, number = 1) {
      let found: Pod | undefined;
      await until(`pod ${number} of ${job} exists`, async () => {
        const path = `${IN_JOBS}/pods?labelSelector=job-name%3D${job}`;
        const pods: Pod[] = (await api.get(path)).items;
        found = pods.toSorted((a, b) => timeOf(a).localeCompare(timeOf(b)))[number - 1];
        return found !== undefined;
      });
      return found!;
    },
    async executor({ metadata: { name, uid } }, spec = { nodeName: NODE }) {
      return await api.call("POST", `${IN_JOBS}/pods`, executorPod(name, uid, spec));
    },
    set,
    async run(pod) {
      const state = { running: { startedAt: new Date().toISOString() } };
      const containerStatuses = [{ ...await container(pod), ready: true, state }];
      await set(pod, { phase: "Running", containerStatuses });
    },
    async complete(pod) {
      logs.write(pod.metadata.name, commitLine(pod));
      await stage.end(pod, 0);
    },
    async end(pod, exitCode, reason = exitCode === 0 ? "Completed" : "Error") {
      const now = new Date().toISOString();
      const terminated = { exitCode, reason, startedAt: now, finishedAt: now };
      const containerStatuses = [{ ...await container(pod), state: { terminated } }];
      logs.end(pod.metadata.name);
      await set(pod, { phase: exitCode === 0 ? "Succeeded" : "Failed", containerStatuses });
    },
    async event({ metadata: { name, uid } }, reason, message) {
      const now = new Date().toISOString().replace(/\.\d+/, "");
      await api.call("POST", `${IN_JOBS}/events`, {
        metadata: { generateName: `${name}.` },
        involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "analytics-jobs", name, uid },
        ...{ type: "Warning", reason, message, firstTimestamp: now, lastTimestamp: now },
      });
    },
    async [Symbol.asyncDispose]() {
      await removeJobs(api);
      api[Symbol.dispose]();
      await logs[Symbol.asyncDispose]();
      await Deno.remove(manifests, { recursive: true });
    },
  };
  return stage;
}

/** Returns the line with which a driver ends, after it has stored its layer of its day. */
export function commitLine({ metadata }: Pod, state = "sealed"): string {
  const labels = metadata.labels as Record<string, string>;
  const [layer, day] = [labels["deep-storage/layer"], parseDay(labels["deep-storage/day"]!)!];
  const key = layer === "bronze" ? bronzeMarkerKey(day) : silverMarkerKey(day);
  return `${layer}  commit      s3://rbs/${key}, ${state}`;
}

/** Removes the Jobs and waits, so that the next test does not see their pods. */
async function removeJobs(api: Api): Promise<void> {
  await api.call("DELETE", `${JOBS}?propagationPolicy=Background`);
  await until(
    "the pods are gone",
    async () => (await api.get(`${IN_JOBS}/pods`)).items.length === 0,
  );
}

/** Returns the node with the address of the server of logs. */
function withLogs(node: KubeObject, port: number): KubeObject {
  const status = {
    ...node.status as object,
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  return { ...node, status };
}

function executorPod(driver: string, uid: string, spec: object) {
  const resources = { requests: { cpu: "100m", memory: "64Mi" } };
  return {
    metadata: {
      generateName: `${driver}-exec-`,
      labels: { "spark-role": "executor" },
      annotations: { "deep-storage/played": "true" },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: driver, uid, controller: true }],
    },
    spec: {
      ...spec,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 185,
        seccompProfile: { type: "RuntimeDefault" },
      },
      tolerations: [{ key: "robson.io/dedicated", value: "analytics", effect: "NoSchedule" }],
      containers: [{
        name: "spark-kubernetes-executor",
        image: "spark",
        resources: { ...resources, limits: resources.requests },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      }],
    },
  };
}

function timeOf({ metadata }: Pod): string {
  return String(metadata.creationTimestamp);
}

/** Waits until a command has printed a text. */
export async function untilPrinted(task: RunningTask, text: string): Promise<void> {
  let hasEnded = false;
  task.outcome.then(() => hasEnded = true);
  await until(`the command prints ${text}`, () => {
    return Promise.resolve(hasEnded || task.printed().includes(text));
  });
  assertStringIncludes(task.printed(), text);
}
