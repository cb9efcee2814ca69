import { Failure } from "../../pipeline/errors.ts";
import { main } from "../../tasks/cli/command.ts";
import { print, printError, showStatus } from "../../tasks/cli/terminal.ts";
import { openApi } from "./api.ts";
import { INSTALL, missingControlPlane } from "./binary.ts";
import { findKept, keep, type Kept } from "./kept.ts";
import { clusterName, DEFAULT_NAME } from "./name.ts";
import { secretKeys, theWholeSetup } from "./setup.ts";
import { bringTo } from "./state.ts";

await main({
  name: "cluster:up",
  values: ["name"],
  switches: ["setup"],
  help: `
Starts a Kubernetes cluster on this machine, without Docker: a real API server, controllers and
scheduler on 127.0.0.1, and two simulated nodes. Pods become ready and Jobs complete, but no
container runs. The cluster runs until "deno task cluster:down".

Usage: deno task cluster:up [--setup] [--name NAME]

  --setup        apply the healthy setup: manifests/, Robson with its Postgres, DNS, and the two
                 Secrets. Environment variables with the names of the keys, such as
                 DJANGO_DB_PASSWORD, replace the values of the template. Removes all other objects
  --name NAME    the name of the cluster; default: ${DEFAULT_NAME}

The first start builds Kubernetes from source. The build needs Go and takes about ten minutes.

Examples:
  deno task cluster:up --setup
  deno task preflight --kubeconfig ~/.cache/deep-storage/clusters/${DEFAULT_NAME}.kubeconfig
  kubectl --kubeconfig ~/.cache/deep-storage/clusters/${DEFAULT_NAME}.kubeconfig get nodes
  deno task cluster:down

Exit codes: 0 the cluster is up; 2 wrong usage, or the build failed; 3 the cluster did not start.
`,
  async run(flags) {
    const name = clusterName(flags);
    if (await missingControlPlane() !== undefined) await build();
    const before = await findKept(name);
    if (before === undefined) showStatus("starting the cluster …");
    const cluster = before ?? await started(name);
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

async function build(): Promise<void> {
  printError(
    "Building Kubernetes from source. This happens once, and takes about ten minutes on two cores.",
  );
  const { success } = await new Deno.Command(INSTALL).spawn().status;
  if (success) return;
  throw new Failure({
    kind: "configuration",
    task: "build the control plane",
    problem: "the install script failed, see its output above",
    remedy: "Correct the error, and run the command again.",
  });
}

async function started(name: string): Promise<Kept> {
  try {
    return await keep(name);
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
