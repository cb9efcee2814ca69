import type { ToolkitEngine } from "../checks/kubernetes/toolkit.ts";
import { naming } from "../checks/list_names.ts";
import type { Cluster } from "../pipeline/cluster/cluster.ts";
import { openCluster } from "../pipeline/cluster/open.ts";
import type { Project } from "../pipeline/contract/project.ts";
import { Failure } from "../pipeline/errors.ts";
import { type Command, deadline } from "./cli/command.ts";
import { choice, type Flags, seconds } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { CLUSTER_FLAGS, CLUSTER_FLAGS_HELP, requiredCluster } from "./cli/platform_options.ts";
import { didYouMean } from "./cli/suggestion.ts";
import { projectHelp, projectOrDefault } from "./cli/project_options.ts";
import { colourWanted, print, printError } from "./cli/terminal.ts";
import { readSchedule, type ScheduledCronJob } from "./schedule/cron_jobs.ts";
import { requireSecrets, switchCronJob, switchesTo } from "./schedule/switch.ts";
import { renderRunning, renderSchedule, renderSwitched } from "./schedule/text.ts";
import { repeatFlags } from "./cli/next_command.ts";

const ENGINES = ["local", "spark"] as const;
const DEFAULT_TIMEOUT = 60;
const ACTIONS = ["status", "on", "off"] as const;

/** The command `schedule`. */
export const command: Command = {
  name: "schedule",
  values: ["engine", "project", ...CLUSTER_FLAGS, "output", "timeout"],
  switches: [],
  operand: "action",
  choices: { action: ACTIONS, engine: ENGINES, output: OUTPUTS },
  help: `
Shows and switches the nightly schedule: the CronJobs of the manifests that run preflight, and then
run --pending, in the cluster. Without an action, it shows the status.

Usage: deno task schedule [status | on [--engine local|spark] | off] [--output text|json]
                          [--project FILE] [--kubeconfig FILE] [--context NAME]
                          [--namespace NS] [--timeout SECONDS]

  status                 what is on, the next start, and the last run of each CronJob
  on                     start the CronJobs from now on; those of the other engine are suspended
  off                    suspend all of them; a Job that runs is not stopped
  --engine local|spark   with on: where the work is done, in the pod or by the Jobs of the
                         manifests; default: local
  --output json          JSON lines: one object per CronJob
${projectHelp(25)}
${CLUSTER_FLAGS_HELP}
  --timeout SECONDS      default: ${DEFAULT_TIMEOUT}

The CronJobs come from deno task apply, suspended. Later runs of apply do not switch them. The
schedule is switched on only if the Secrets of its pods exist. Kubernetes makes up for a start that
was missed by less than an hour (startingDeadlineSeconds): that run starts at once.

Examples:
  deno task schedule                     when does it start next, and how did the last run end?
  deno task schedule on                  every night, in a pod of the toolkit
  deno task schedule on --engine spark   every night, with the Spark Jobs of the manifests
  deno task schedule off                 from tonight on, no run

Exit codes: 0 done; 2 wrong usage, configuration or permissions, or a Secret or a CronJob is
missing; 3 the cluster is unreachable. The schedule in detail: deno task explain guide
`,
  async run(flags, interrupted) {
    const action = actionOf(flags);
    const engine = choice(flags, "engine", ENGINES);
    if (flags.value("engine") !== undefined && action !== "on") {
      throw usage(`--engine with ${action}`, "it belongs to the action on");
    }
    const isJson = choice(flags, "output", OUTPUTS) === "json";
    const timeout = seconds(flags, DEFAULT_TIMEOUT);
    const project = await projectOrDefault(flags);
    const config = requiredCluster(flags, "read the schedule");
    const cluster = await openCluster(config);
    try {
      using within = deadline("switch or read the schedule", timeout, interrupted);
      const task: Task = { cluster, project, isJson, signal: within.signal };
      if (action === "status") await showStatus(task);
      else await switchTo(task, action === "on" ? engine : undefined);
      return 0;
    } finally {
      cluster.close();
    }
  },
};

interface Task {
  readonly cluster: Cluster;
  readonly project: Project;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

function actionOf({ operand = "status" }: Flags): typeof ACTIONS[number] {
  const action = ACTIONS.find((each) => each === operand);
  if (action !== undefined) return action;
  throw usage(
    JSON.stringify(operand),
    "the actions are status, on and off",
    didYouMean(operand, ACTIONS),
  );
}

function usage(what: string, problem: string, hint = ""): Failure {
  return new Failure({
    kind: "configuration",
    task: `use ${what}`,
    problem,
    remedy: `${hint}See --help.`,
  });
}

async function showStatus({ cluster, project, isJson, signal }: Task): Promise<void> {
  const all = await readSchedule(cluster, project, signal, Date.now());
  const { namespace } = project.jobs;
  if (isJson) printJson(all);
  else if (all.length > 0) renderSchedule(all, namespace, colourWanted()).forEach(print);
  else {
    const remedy = "Create the CronJobs with: deno task apply";
    print(repeatFlags(`Namespace ${namespace} has no schedule. ${remedy}`));
  }
}

async function switchTo(task: Task, engine: ToolkitEngine | undefined): Promise<void> {
  const { cluster, project, isJson, signal } = task;
  const before = await readSchedule(cluster, project, signal, Date.now());
  const switches = switchesTo(before, engine, project);
  const starting = switches.filter(({ suspend }) => !suspend).map(({ cronJob }) => cronJob);
  const hidden = await requireSecrets(cluster, starting, project, signal);
  if (hidden.length > 0) {
    printError(
      `warning: you may not read Secret ${naming(hidden)}, so nothing shows whether they exist`,
    );
  }
  for (const each of switches) await switchCronJob(cluster, each, project, signal);
  const after = await readSchedule(cluster, project, signal, Date.now());
  if (isJson) return printJson(after);
  for (const { cronJob: { name, missed }, suspend } of switches) {
    const { next } = after.find((each) => each.name === name) ?? {};
    print(renderSwitched(name, suspend, { ...(next && { next }), ...(missed && { missed }) }));
  }
  if (switches.length === 0) {
    print(
      `nothing to do: the schedule is ${engine === undefined ? "suspended" : `on for ${engine}`}`,
    );
  }
  if (engine === undefined) {
    after.flatMap(({ runs }) => runs).filter(({ result }) => result === "running")
      .flatMap((run) => renderRunning(run, project.jobs.namespace)).forEach(print);
  }
}

function printJson(all: readonly ScheduledCronJob[]): void {
  for (const each of all) print(JSON.stringify(each));
}
