import { runCommand } from "../../tasks/main.ts";
import { print, showStatus } from "../../tasks/cli/terminal.ts";
import { endKept } from "./kept.ts";
import { clusterName, DEFAULT_NAME } from "./name.ts";

await runCommand({
  name: "cluster:down",
  values: ["name"],
  switches: [],
  help: `
Stops the cluster that "deno task cluster:up" started, and removes everything in it. If the cluster
does not exist, it does nothing.

Usage: deno task cluster:down [--name NAME]

  --name NAME    the name of the cluster; default: ${DEFAULT_NAME}

Examples:
  deno task cluster:down
  deno task cluster:down --name second

Exit codes: 0 the cluster is down; 2 wrong usage.
`,
  async run(flags) {
    const name = clusterName(flags);
    showStatus("stopping the cluster …");
    const wasUp = await endKept(name);
    print(wasUp ? `The cluster ${name} is down.` : `The cluster ${name} does not exist.`);
    return 0;
  },
});
