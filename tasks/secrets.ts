import { openCluster } from "../pipeline/cluster/open.ts";
import { clusterConfig } from "../pipeline/config.ts";
import { Failure } from "../pipeline/errors.ts";
import { CLUSTER_FLAGS, CLUSTER_FLAGS_HELP, clusterFlags } from "./cli/cluster.ts";
import { main } from "./cli/command.ts";
import { choice, seconds } from "./cli/flags.ts";
import { canAsk } from "./cli/prompt.ts";
import { storeAndProve } from "./secrets/secrets.ts";
import { SECRETS } from "./secrets/stored.ts";

/** How long looking, and then storing and logging in, may take, in seconds. */
const DEFAULT_TIMEOUT = 60;

await main({
  name: "secrets",
  values: ["from", "only", ...CLUSTER_FLAGS, "timeout"],
  switches: ["port-forward", "yes"],
  help: `
Stores the two Secrets that the jobs log in with, each value exactly as it is, with no shell in
between. Then it logs in with what the cluster has, as a job would. No value is ever shown.

Usage: deno task secrets [--from env|prompt] [--only database|lake] [--kubeconfig FILE]
                         [--context NAME] [--port-forward] [--yes] [--timeout SECONDS]

  --from env|prompt      take the values from the environment, or ask for them; env unless told
  --only database|lake   one of the two: django-db-credentials or contabo-s3-credentials
${CLUSTER_FLAGS_HELP}
  --port-forward         reach a database whose name only the cluster knows
  --yes                  do not ask
  --timeout SECONDS      for looking, and for storing and logging in; ${DEFAULT_TIMEOUT} unless told

Examples:
  deno task secrets --from prompt --port-forward
  deno task secrets --only lake --context kind-analytics

Environment:
  DJANGO_DB_HOST, _NAME, _USER, _PASSWORD       what django-db-credentials holds
  S3_ENDPOINT, S3_BUCKET,
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY      what contabo-s3-credentials holds
  DJANGO_DB_PORT, AWS_REGION                    for the login; no Secret has them

Exit codes: 0 stored, and the logins worked; 1 somebody said no; 2 wrong usage, configuration or
credentials; 3 something was out of reach, as a database that only the cluster can reach.
`,
  cleansUp: true,
  async run(flags, interrupted) {
    const from = choice(flags, "from", ["env", "prompt"]);
    const only = choice(flags, "only", ["both", "database", "lake"]);
    const timeout = seconds(flags, DEFAULT_TIMEOUT);
    if (from === "prompt" && !canAsk()) {
      throw new Failure({
        kind: "configuration",
        task: "ask for values",
        problem: "there is no terminal",
        remedy: "Set the variables, and leave out --from prompt.",
      });
    }
    const config = clusterConfig(clusterFlags(flags));
    if ("absent" in config) {
      throw new Failure({
        kind: "configuration",
        task: "store Secrets",
        problem: config.absent,
        remedy: "Name one with --kubeconfig.",
      });
    }
    const cluster = await openCluster(config);
    try {
      return await storeAndProve({
        ...{ cluster, from, timeout, interrupted, yes: flags.on("yes") },
        specs: SECRETS.filter(({ opens }) => only === "both" || opens === only),
        way: { cluster: config, portForward: flags.on("port-forward") },
      });
    } catch (error) {
      if (interrupted.aborted) return 130;
      throw error;
    } finally {
      cluster.close();
    }
  },
});
