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
Starts a Kubernetes cluster on this machine that needs no Docker: a real API server with its
controllers and scheduler, on 127.0.0.1, and two nodes that are played. Pods become ready and Jobs
complete, but nothing runs in them. It stays up until "deno task cluster:down".

Usage: deno task cluster:up [--setup] [--name NAME]

  --setup        brings it to the healthy setup: manifests/, Robson with its Postgres, DNS, and the
                 two Secrets. Their values are those of the variables of the same names, such as
                 DJANGO_DB_PASSWORD, else the template's own. Whatever else was made there is removed
  --name NAME    one cluster of several; ${DEFAULT_NAME} unless told

The first time it builds Kubernetes from source, which needs Go and takes some ten minutes.

Examples:
  deno task cluster:up --setup
  deno task preflight --kubeconfig ~/.cache/deep-storage/clusters/${DEFAULT_NAME}.kubeconfig
  kubectl --kubeconfig ~/.cache/deep-storage/clusters/${DEFAULT_NAME}.kubeconfig get nodes
  deno task cluster:down

Exit codes: 0 it is up; 2 wrong usage, or it cannot be built; 3 it does not start.
`,
  async run(flags) {
    const name = clusterName(flags);
    if (await missingControlPlane() !== undefined) await build();
    const before = await findKept(name);
    if (before === undefined) showStatus("starting the cluster …");
    const cluster = before ?? await started(name);
    if (flags.on("setup")) {
      showStatus("setting it up …");
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
    problem: "see above",
    remedy: "Fix the problem, then try again.",
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
      remedy: "Look at the logs that the message names, and run it again.",
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
