import { startServer } from "../../../tasks/demo/server_process.ts";
import { openApi } from "../../cluster/api.ts";
import { binaryPath } from "../../cluster/binary.ts";
import { until } from "../../cluster/until.ts";
import { controlPlane } from "../../support/control_plane.ts";
import { onFreePort, untilListens } from "../../support/on_free_port.ts";

// A node of kwok that forwards ports with the code of Kubernetes. There is one difference from a
// real node: when the pod's side of a connection ends, the node waits for the other side.

/**
 * A pod with ports that lead to this machine. The end of the block removes the pod and its node.
 */
export interface ForwardedPod extends AsyncDisposable {
  readonly namespace: string;
  readonly name: string;
}

const NAMESPACE = "default";
const STAGES = new URL("../../cluster/stages.yaml", import.meta.url).pathname;

/** Creates a pod on a separate node. Each port of the pod leads to a port of 127.0.0.1. */
export async function forwardedPod(
  ports: Readonly<Record<number, number>>,
): Promise<ForwardedPod> {
  const { admin } = controlPlane();
  const name = `forwarded-${crypto.randomUUID()}`;
  const { server, port } = await onFreePort((port) => startKubelet(name, port, ports));
  using api = openApi(admin);
  await api.call("POST", "/api/v1/nodes", node(name, port));
  const pods = `/api/v1/namespaces/${NAMESPACE}/pods`;
  await api.call("POST", pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { nodeName: name, containers: [{ name: "main", image: "none" }] },
  });
  await until("the pod runs", async () => {
    return (await api.get(`${pods}/${name}`)).status.phase === "Running";
  });
  return {
    namespace: NAMESPACE,
    name,
    async [Symbol.asyncDispose]() {
      using api = openApi(admin);
      await api.call("DELETE", `${pods}/${name}?gracePeriodSeconds=0`);
      await api.call("DELETE", `/api/v1/nodes/${name}`);
      await server.stop();
    },
  };
}

/** Creates a Service for a pod. The end of the block removes it. */
export async function serviceOf(
  { namespace, name: pod }: ForwardedPod,
  name: string,
  port: number,
): Promise<AsyncDisposable> {
  const { admin } = controlPlane();
  using api = openApi(admin);
  const services = `/api/v1/namespaces/${namespace}/services`;
  await api.call("PATCH", `/api/v1/namespaces/${namespace}/pods/${pod}`, {
    metadata: { labels: { app: pod } },
  }, "application/merge-patch+json");
  await api.call("POST", services, {
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: pod }, ports: [{ port }] },
  });
  return {
    async [Symbol.asyncDispose]() {
      using api = openApi(admin);
      await api.call("DELETE", `${services}/${name}`);
    },
  };
}

/** Starts the kubelet of a node on a port. */
async function startKubelet(name: string, port: number, ports: Readonly<Record<number, number>>) {
  const { folder, kubeconfig } = controlPlane();
  const dir = await Deno.makeTempDir({ prefix: "kubelet-" });
  const config = {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "ClusterPortForward",
    metadata: { name },
    spec: {
      forwards: Object.entries(ports).map(([from, to]) => (
        { ports: [Number(from)], target: { address: "127.0.0.1", port: to } }
      )),
    },
  };
  await Deno.writeTextFile(`${dir}/forwards.yaml`, JSON.stringify(config));
  const server = startServer({
    command: [
      await binaryPath(),
      "kwok",
      `--kubeconfig=${kubeconfig}`,
      `--config=${dir}/forwards.yaml`,
      `--config=${STAGES}`,
      `--manage-single-node=${name}`,
      "--node-ip=127.0.0.1",
      `--node-port=${port}`,
      `--server-address=127.0.0.1:${port}`,
      `--tls-cert-file=${folder}/server.crt`,
      `--tls-private-key-file=${folder}/server.key`,
    ],
    log: `${dir}/kubelet.log`,
    remove: dir,
    env: { HOME: dir },
  });
  await untilListens(server, port);
  return { server, port };
}

function node(name: string, port: number) {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec: { taints: [{ key: "suite", value: "only", effect: "NoSchedule" }] },
    status: {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  };
}
