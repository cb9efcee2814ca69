import { openCluster } from "../pipeline/cluster/open.ts";
import { Failure } from "../pipeline/errors.ts";
import { CLUSTER_FLAGS, CLUSTER_FLAGS_HELP, requiredCluster } from "./cli/platform_options.ts";
import type { Command } from "./cli/command.ts";
import { STOPPED } from "./cli/exit_code.ts";
import { choice, seconds } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { canAsk, confirmNoQuestion } from "./cli/prompt.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";
import { secretsOf } from "./secrets/job_secrets.ts";
import { jsonReport, textReport } from "./secrets/report.ts";
import { storeAndLogIn } from "./secrets/secrets.ts";

/**
 * The time limit for reading, in seconds. The same limit applies again to storing and logging in.
 */
const DEFAULT_TIMEOUT = 60;

/** Where the values come from. */
const SOURCES = ["env", "prompt"] as const;

/** The command `secrets`. */
export const command: Command = {
  name: "secrets",
  values: ["from", "only", "project", ...CLUSTER_FLAGS, "timeout", "output"],
  switches: ["port-forward", "yes"],
  choices: { from: SOURCES, only: ["database", "lake"], output: OUTPUTS },
  help: `
Stores the two Secrets with the credentials of the jobs, each value byte for byte. Then reads the
Secrets back and logs in with them, as a job would. No value is ever shown. A loopback host is
refused: for a pod, it is the pod itself.

Usage: deno task secrets [--from env|prompt] [--only database|lake] [--project FILE]
                         [--kubeconfig FILE] [--context NAME] [--port-forward] [--yes]
                         [--output text|json] [--timeout SECONDS]

  --from env|prompt      read the values from the environment, or ask for them; default: env
  --only database|lake   one of the two: django-db-credentials or contabo-s3-credentials,
                         or the names in the project file
${projectHelp(25)}
${CLUSTER_FLAGS_HELP}
  --port-forward         connect to the database through the cluster
  --yes                  store without confirmation
  --output json          JSON lines: one object per Secret and login, and a total; no value
  --timeout SECONDS      for reading, and again for storing and logging in; default: ${DEFAULT_TIMEOUT}

Examples:
  deno task secrets --from prompt --port-forward
  deno task secrets --only lake --context kind-analytics

Environment:
  DJANGO_DB_HOST, _NAME, _USER, _PASSWORD       the values of django-db-credentials
  S3_ENDPOINT, S3_BUCKET,
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY      the values of contabo-s3-credentials
  DJANGO_DB_PORT, AWS_REGION                    for the login; not in the Secrets

Exit codes: 0 stored, and the logins worked; 2 wrong usage, configuration or credentials; 3 a server
is unreachable, such as a database that only the cluster can reach; 130 interrupted, or the answer
was no.
`,
  cleansUp: true,
  async run(flags, interrupted) {
    const from = choice(flags, "from", SOURCES);
    const only = choice(flags, "only", ["both", "database", "lake"]);
    const isJson = choice(flags, "output", OUTPUTS) === "json";
    if (isJson) confirmNoQuestion(flags);
    const timeout = seconds(flags, DEFAULT_TIMEOUT);
    if (from === "prompt" && !canAsk()) {
      const unprompted = [
        ...(only === "lake" ? [] : ["DJANGO_DB_PASSWORD"]),
        ...(only === "database" ? [] : ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
      ];
      throw new Failure({
        kind: "configuration",
        task: "ask for values",
        problem: "there is no terminal",
        remedy: `Set ${unprompted.join(", ")}, and leave out --from prompt.`,
      });
    }
    const project = await projectOrDefault(flags);
    const config = requiredCluster(flags, "store Secrets");
    const cluster = await openCluster(config);
    try {
      return await storeAndLogIn({
        cluster,
        from,
        timeout,
        interrupted,
        yes: flags.on("yes"),
        report: isJson ? jsonReport(project) : textReport(project, cluster, !flags.on("yes")),
        project,
        specs: secretsOf(project).filter(({ opens }) => only === "both" || opens === only),
        way: { cluster: config, portForward: flags.on("port-forward") },
      });
    } catch (error) {
      if (interrupted.aborted) return STOPPED;
      throw error;
    } finally {
      cluster.close();
    }
  },
};
