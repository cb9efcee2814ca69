import { openCluster } from "../pipeline/cluster/open.ts";
import { clusterConfig } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import { apply } from "./apply/apply.ts";
import { readWhole } from "./apply/reading.ts";
import { manifestsDirectory } from "./cli/before.ts";
import { CLUSTER_FLAGS, CLUSTER_FLAGS_HELP, clusterFlags } from "./cli/cluster.ts";
import { main } from "./cli/command.ts";
import { seconds } from "./cli/flags.ts";

/** How long it may take to compare, and then to apply and wait, in seconds. */
const DEFAULT_TIMEOUT = 60;

await main({
  name: "apply",
  values: ["manifests", ...CLUSTER_FLAGS, "timeout"],
  switches: ["yes"],
  help: `
Makes a cluster what the manifests say. It shows what that changes, asks, applies it server-side,
and waits until it is so. Where nothing changes, nothing is sent.

Usage: deno task apply [--manifests DIR] [--kubeconfig FILE] [--context NAME] [--namespace NAME]
                       [--yes] [--timeout SECONDS]

  --manifests DIR        Kubernetes YAML and JSON; manifests/ unless told
${CLUSTER_FLAGS_HELP}
  --yes                  do not ask
  --timeout SECONDS      for comparing, and for applying; ${DEFAULT_TIMEOUT} unless told

A Job that was started is never touched. One that waits with other pods is removed and made anew,
for its pods cannot be changed. What no manifest has is never removed.

Examples:
  deno task apply
  deno task apply --context kind-analytics --yes

Exit codes: 0 the cluster matches the manifests; 1 somebody said no; 2 wrong usage,
configuration or rights, or an object that the API server refuses; 3 out of reach, or it did not
become so in time.
`,
  cleansUp: true,
  async run(flags, interrupted) {
    const timeout = seconds(flags, DEFAULT_TIMEOUT);
    const manifests = await readWhole(await manifestsDirectory(flags), interrupted);
    const config = clusterConfig(clusterFlags(flags));
    if ("absent" in config) {
      throw new Failure({
        kind: "configuration",
        task: "apply the manifests",
        problem: config.absent,
        remedy: "Name one with --kubeconfig.",
      });
    }
    const cluster = await openCluster(config);
    try {
      return await apply({ cluster, manifests, timeout, interrupted, yes: flags.on("yes") });
    } catch (error) {
      if (interrupted.aborted) return 130;
      throw error;
    } finally {
      cluster.close();
    }
  },
});
