import { main } from "../../tasks/cli/command.ts";
import { print, showStatus } from "../../tasks/cli/terminal.ts";
import { endKept } from "./kept.ts";
import { clusterName, DEFAULT_NAME } from "./name.ts";

await main({
  name: "cluster:down",
  values: ["name"],
  switches: [],
  help: `
Ends the cluster that "deno task cluster:up" started, with everything in it. Where there is none it
does nothing.

Usage: deno task cluster:down [--name NAME]

  --name NAME    one cluster of several; ${DEFAULT_NAME} unless told

Examples:
  deno task cluster:down
  deno task cluster:down --name second

Exit codes: 0 it is down; 2 wrong usage.
`,
  async run(flags) {
    const name = clusterName(flags);
    showStatus("ending the cluster …");
    const wasUp = await endKept(name);
    print(wasUp ? `The cluster ${name} is down.` : `There is no cluster ${name}, so it is down.`);
    return 0;
  },
});
