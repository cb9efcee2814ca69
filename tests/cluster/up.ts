import { Failure } from "../../pipeline/errors.ts";
import { runCommand } from "../../tasks/main.ts";
import { print, printError, showStatus } from "../../tasks/cli/terminal.ts";
import { openApi } from "./api.ts";
import { INSTALL, missingControlPlane } from "./binary.ts";
import { findKept, keep, type Kept, type Nodes } from "./kept.ts";
import { clusterName, DEFAULT_NAME } from "./name.ts";
import { INSTALL_NODE, missingNode, missingRoot } from "./node/programs.ts";
import { secretKeys, theWholeSetup } from "./setup.ts";
import { bringTo } from "./state.ts";

await runCommand({
  name: "cluster:up",
  values: ["name"],
  switches: ["setup", "node"],
  help: `
Starts a Kubernetes cluster on this machine, without Docker: a real API server, controllers and
scheduler on 127.0.0.1, and two simulated nodes. Pods become ready and Jobs complete, but no
container runs. The cluster runs until "deno task cluster:down".

With --node, the cluster has one real node instead: containers run, and network policies apply.

Usage: deno task cluster:up [--setup | --node] [--name NAME]

  --setup        apply the healthy setup: manifests/, Robson with its Postgres, DNS, and the two
                 Secrets. Environment variables with the names of the keys, such as
                 DJANGO_DB_PASSWORD, replace the values of the template. Removes all other objects
  --node         one real node: containerd, kubelet, kube-proxy, the network policies of kube-router
                 as in k3s, and CoreDNS. Needs root, on Linux. The node has namespaces of its own:
                 it changes no interface, firewall or mount of this machine
  --name NAME    the name of the cluster; default: ${DEFAULT_NAME}

The first start builds Kubernetes from source. The build needs Go and takes about ten minutes.
The first start with --node builds its programs too, and installs Debian packages such as runc.

Examples:
  deno task cluster:up --setup
  deno task cluster:up --node --name real
  deno task preflight --kubeconfig ~/.cache/deep-storage/clusters/${DEFAULT_NAME}.kubeconfig
  kubectl --kubeconfig ~/.cache/deep-storage/clusters/${DEFAULT_NAME}.kubeconfig get nodes
  deno task cluster:down

Exit codes: 0 the cluster is up; 2 wrong usage, or the build failed; 3 the cluster did not start.
`,
  async run(flags) {
    const name = clusterName(flags);
    const nodes = flags.on("node") ? "real" : "simulated";
    if (nodes === "real") requireRoot(flags.on("setup"));
    if (await missing(nodes)) await build(nodes);
    const before = await findKept(name);
    if (before !== undefined) requireNodes(name, before, nodes);
    if (before === undefined) showStatus("starting the cluster …");
    const cluster = before ?? await started(name, nodes);
    if (flags.on("setup")) {
      showStatus("applying the setup …");
      await bringTo(cluster, await theWholeSetup({ values: await valuesFromEnvironment() }));
    }
    const version = await versionOf(cluster);
    const state = before === undefined ? "is up" : "is up already";
    print(`The cluster ${name} ${state}: Kubernetes ${version} at ${cluster.admin.server}.`);
    print(`Its kubeconfig is ${cluster.kubeconfig}`);
    print("");
    print("Next:");
    print(`  deno task preflight --kubeconfig ${cluster.kubeconfig}`);
    print(`  deno task cluster:down${name === DEFAULT_NAME ? "" : ` --name ${name}`}`);
    return 0;
  },
});

function requireRoot(withSetup: boolean): void {
  const reason = missingRoot();
  if (reason !== undefined) {
    throw new Failure({
      kind: "configuration",
      task: "start a real node",
      problem: `${reason}: it makes namespaces, mounts and cgroups`,
      remedy: "Run the command as root on Linux, or leave out --node for simulated nodes.",
    });
  }
  if (withSetup) {
    throw new Failure({
      kind: "configuration",
      task: "start a real node with --setup",
      problem: "the setup has images that no registry of this machine has, so its pods cannot run",
      remedy: 'Leave out --setup, and run "deno task apply" on the cluster.',
    });
  }
}

/** A cluster that is up keeps its nodes. */
function requireNodes(name: string, { machine }: Kept, wanted: Nodes): void {
  const nodes = machine === undefined ? "simulated" : "real";
  if (nodes === wanted) return;
  throw new Failure({
    kind: "configuration",
    task: `start the cluster ${name} with ${wanted} nodes`,
    problem: `${name} is up with ${nodes} nodes`,
    remedy: 'Run "deno task cluster:down" first, or choose another --name.',
  });
}

async function missing(nodes: Nodes): Promise<boolean> {
  return await (nodes === "real" ? missingNode() : missingControlPlane()) !== undefined;
}

async function build(nodes: Nodes): Promise<void> {
  const minutes = nodes === "real" ? "15 minutes" : "ten minutes";
  printError(
    `Building Kubernetes from source. This happens once, and takes about ${minutes} on two cores.`,
  );
  const install = nodes === "real" ? INSTALL_NODE : INSTALL;
  const { success } = await new Deno.Command(install).spawn().status;
  if (success) return;
  throw new Failure({
    kind: "configuration",
    task: "build the control plane",
    problem: "the install script failed, see its output above",
    remedy: "Correct the error, and run the command again.",
  });
}

async function started(name: string, nodes: Nodes): Promise<Kept> {
  try {
    return await keep(name, { nodes });
  } catch (error) {
    throw new Failure({
      kind: "unreachable",
      task: `start the cluster ${name}`,
      problem: (error as Error).message,
      remedy: "Read the logs that the message names, and run the command again.",
      cause: error,
    });
  }
}

async function valuesFromEnvironment(): Promise<Record<string, string>> {
  const keys = await secretKeys();
  return Object.fromEntries(keys.flatMap((key) => {
    const value = Deno.env.get(key);
    return value === undefined ? [] : [[key, value]];
  }));
}

async function versionOf({ admin }: Kept): Promise<string> {
  using api = openApi(admin);
  return (await api.get("/version")).gitVersion;
}
