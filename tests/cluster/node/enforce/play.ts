import { parseAddress } from "../../../../checks/network_policy/address.ts";
import { evaluate } from "../../../../checks/network_policy/evaluate.ts";
import type { Cluster, Endpoint, Flow } from "../../../../checks/network_policy/model.ts";
import { readCluster } from "../../../../checks/network_policy/read_cluster.ts";
import type { KubeObject } from "../../../../pipeline/cluster/cluster.ts";
import { type ServerProcess, startServer } from "../../../../tasks/demo/server_process.ts";
import { type Api, openApi, pathOf, type Resource, resourceOf } from "../../api.ts";
import type { Kept } from "../../kept.ts";
import { until } from "../../until.ts";
import { type Machine, outsideNode, runInNode } from "../machine.ts";
import { programsPath } from "../programs.ts";
import { type End, type PlannedFlow, servedPorts, SERVICE_OFFSET, type World } from "./world.ts";

// Applies worlds to a real node, and compares each verdict with what connects.

/** Milliseconds for pods to run and for rules to take effect on a busy machine. */
const PATIENCE = 180_000;
/** Milliseconds to wait for a verdict to come true. */
const ARRIVAL = 60_000;

/** A real node that tries connections. Its servers outside the cluster end on disposal. */
export interface Stage extends AsyncDisposable {
  readonly api: Api;
  readonly resources: readonly Resource[];
  readonly machine: Machine;
  readonly probe: string;
}

/** A world in the cluster. */
export interface Applied {
  readonly world: World;
  /** What the checks read from the cluster. */
  readonly cluster: Cluster;
  /** Address of each pod. */
  readonly pods: readonly string[];
  /** Address of each pod's Service. */
  readonly services: readonly string[];
}

/** A connection whose verdict is not what happened. */
export interface Disagreement {
  readonly flow: PlannedFlow;
  /** True if the checks allow the connection. */
  readonly allowed: boolean;
  /** What happened: `open`, `refused`, `silent` or an error. */
  readonly outcome: string;
}

/** Prepares a real node for worlds. */
export async function openStage(kept: Kept): Promise<Stage> {
  const { machine, folder, admin } = kept;
  if (machine === undefined) throw new Error("The cluster has no real node.");
  const probe = `${await programsPath()}/probe`;
  const server: ServerProcess = startServer({
    command: outsideNode(machine, [probe, "serve", ...servedPorts()]),
    log: `${folder}/outside.log`,
  });
  const api = openApi(admin);
  return {
    api,
    resources: await api.resources(),
    machine,
    probe,
    async [Symbol.asyncDispose]() {
      api[Symbol.dispose]();
      await server.stop();
    },
  };
}

/** Applies a world, and waits until its pods run and its policies have an effect. */
export async function applyWorld(stage: Stage, world: World): Promise<Applied> {
  const { namespaces, pods, services, policies } = world;
  const sentinel = sentinelOf(world);
  await createAll(stage, [...namespaces, sentinel.namespace]);
  await createAll(stage, [...pods, sentinel.pod, ...services]);
  const running = await Promise.all([...pods, sentinel.pod].map((pod) => runningPod(stage, pod)));
  const found = await Promise.all(services.map((service) => read(stage, service)));
  await createAll(stage, policies);
  await createAll(stage, [sentinel.policy]);
  const addresses = running.map(({ status }) => status.podIP as string);
  const guarded = addresses.pop()!;
  const knock = { from: addresses[0]!, protocol: "tcp", to: `${guarded}:80` };
  await until(
    "the last policy has an effect",
    async () => (await tryAll(stage, [knock]))[0] !== "open",
    AbortSignal.timeout(PATIENCE),
  );
  const live = [...await Promise.all(namespaces.map((each) => read(stage, each))), ...running];
  live.pop();
  const { cluster, problems } = readCluster([...live, ...policies].map((value) => ({ value })));
  if (problems.length > 0) throw new Error(`The checks refuse the world: ${problems[0]!.object}`);
  return {
    world,
    cluster,
    pods: addresses,
    services: found.map(({ spec }) => spec.clusterIP as string),
  };
}

/**
 * Tries all connections of a world. Rules take a moment to arrive, so a connection that differs from
 * its verdict is tried again until a deadline. Then all connections are tried once more in the same
 * way: before the rules of a Service arrive, the Service refuses every connection, so a denial in the
 * first round proves nothing.
 *
 * @param isExpected returns true for a difference that need not be waited for
 */
export async function judgeWorld(
  stage: Stage,
  applied: Applied,
  isExpected: (disagreement: Disagreement) => boolean = () => false,
): Promise<Disagreement[]> {
  const { world: { flows }, cluster, pods, services } = applied;
  const asked = flows.map((flow) => {
    const { from, to, protocol, port, byService } = flow;
    const number = typeof to === "number" ? (byService ? services : pods)[to] : to;
    const address = `${number}:${byService ? port + SERVICE_OFFSET : port}`;
    const source = typeof from === "number" ? pods[from]! : from;
    const request = { from: source, protocol: protocol.toLowerCase(), to: address };
    return { flow, request, allowed: evaluate(cluster, flowOf(cluster, flow)).allowed };
  });
  const different = new Map<PlannedFlow, Disagreement>();
  for (let round = 0; round < 2; round++) {
    const deadline = Date.now() + ARRIVAL;
    let wrong = asked.map((each) => ({ ...each, outcome: "" }));
    do {
      const outcomes = await tryAll(stage, wrong.map(({ request }) => request));
      wrong = wrong
        .map((each, i) => ({ ...each, outcome: outcomes[i]! }))
        .filter(({ allowed, outcome }) => allowed !== (outcome === "open"));
    } while (!wrong.every(isExpected) && Date.now() < deadline);
    for (const { flow, allowed, outcome } of wrong) different.set(flow, { flow, allowed, outcome });
  }
  return [...different.values()];
}

/** Removes a world. Its pods end at once, its namespaces soon after. */
export async function removeWorld({ api }: Stage, { namespaces, seed }: World): Promise<void> {
  const names = [...namespaces.map(({ metadata }) => metadata.name), `world-${seed}-sentinel`];
  for (const name of names) {
    await api.call("DELETE", `/api/v1/namespaces/${name}/pods`);
    await api.call("DELETE", `/api/v1/namespaces/${name}`);
  }
}

/** A pod that refuses everyone once the policies of a world have arrived. */
function sentinelOf({ seed, pods: [pod] }: World) {
  const namespace = `world-${seed}-sentinel`;
  return {
    namespace: { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    pod: { ...pod!, metadata: { name: "sentinel", namespace } },
    policy: {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "refuse", namespace },
      spec: { podSelector: {}, policyTypes: ["Ingress"] },
    },
  };
}

/** Returns a planned connection as a connection of the cluster. */
export function flowOf({ pods }: Cluster, { from, to, protocol, port }: PlannedFlow): Flow {
  const endpoint = (end: End): Endpoint =>
    typeof end === "number" ? pods[end]! : { type: "outside", address: parseAddress(end)! };
  return { from: endpoint(from), to: endpoint(to), protocol, port };
}

async function createAll({ api, resources }: Stage, objects: readonly KubeObject[]) {
  await Promise.all(objects.map(async (object) => {
    const path = pathOf(resourceOf(resources, object), object.metadata.namespace);
    let refusal: string | undefined;
    await until(`${object.kind} ${object.metadata.name} is created`, async () => {
      const response = await api.send("POST", path, object);
      const text = await response.text();
      // A namespace takes a moment to have the service account of its pods.
      const isEarly = object.kind === "Pod" && response.status === 403;
      if (!response.ok && !isEarly) refusal = text;
      return !isEarly;
    }, AbortSignal.timeout(PATIENCE));
    if (refusal !== undefined) throw new Error(`The API server refuses an object: ${refusal}`);
  }));
}

// deno-lint-ignore no-explicit-any
async function read({ api, resources }: Stage, object: KubeObject): Promise<any> {
  const { name, namespace } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...await api.get(pathOf(resourceOf(resources, object), namespace, name)),
  };
}

async function runningPod(stage: Stage, pod: KubeObject) {
  // deno-lint-ignore no-explicit-any
  let found: any;
  await until(`the pod ${pod.metadata.name} runs`, async () => {
    found = await read(stage, pod);
    return found.status.phase === "Running" && found.status.podIP !== undefined;
  }, AbortSignal.timeout(PATIENCE));
  return found;
}

/** Tries connections at once, each from the network that has its source address. */
async function tryAll(
  { machine, probe }: Stage,
  requests: readonly { from: string; protocol: string; to: string }[],
): Promise<string[]> {
  const outside = machine.outside.replace(String(machine.pid), "1"); // as the node sees it
  const networks = ["/run/containerd/io.containerd.grpc.v1.cri/netns/*", outside];
  const input = new Blob([JSON.stringify(requests)]).stream();
  return JSON.parse(await runInNode(machine, [probe, "connect", ...networks], input));
}
