import { openCluster } from "../pipeline/cluster/open.ts";
import { apply } from "./apply/apply.ts";
import { jsonReport, textReport } from "./apply/report.ts";
import { readManifests, requireNames } from "./apply/plan.ts";
import type { Command } from "./cli/command.ts";
import { STOPPED } from "./cli/exit_code.ts";
import { choice, seconds } from "./cli/flags.ts";
import { OUTPUTS } from "./cli/observer.ts";
import { confirmNoQuestion } from "./cli/prompt.ts";
import { FOLDERS_BY_MANIFESTS, projectHelp, projectOf } from "./cli/project_options.ts";
import {
  CLUSTER_FLAGS,
  CLUSTER_FLAGS_HELP,
  manifestsDirectory,
  requiredCluster,
} from "./cli/platform_options.ts";

/**
 * The time limit for comparing, in seconds. The same limit applies again to applying and waiting.
 */
const DEFAULT_TIMEOUT = 60;

/** The command `apply`. */
export const command: Command = {
  name: "apply",
  values: ["manifests", "project", ...CLUSTER_FLAGS, "timeout", "output"],
  switches: ["yes", "dry-run"],
  choices: { output: OUTPUTS },
  help: `
Applies the manifests to a cluster. Shows the changes, asks, applies them server-side, and waits
until the cluster matches the manifests. If nothing differs, nothing is sent.

Usage: deno task apply [--manifests DIR] [--project FILE] [--kubeconfig FILE] [--context NAME]
                       [--namespace NAME] [--dry-run] [--yes] [--output text|json]
                       [--timeout SECONDS]

  --manifests DIR        Kubernetes YAML and JSON; default: manifests/
${projectHelp(25, FOLDERS_BY_MANIFESTS)}
${CLUSTER_FLAGS_HELP}
  --dry-run              show the changes, also as the API server would refuse them, and make none
  --yes                  apply without confirmation
  --output json          JSON lines: one object per object and per change, and one for the total
  --timeout SECONDS      for comparing, and again for applying; default: ${DEFAULT_TIMEOUT}

A Job that was started is never changed. A Job that was not started, and whose pods differ, is
deleted and created again, because pods of a Job cannot be changed. Objects without a manifest are
never deleted. Manifests with other names than the project file are refused.

Examples:
  deno task apply
  deno task apply --dry-run                   what would change
  deno task apply --context kind-analytics --yes

Exit codes: 0 the cluster matches the manifests; 2 wrong usage, configuration or permissions, or the
API server refuses an object; 3 the cluster is unreachable, or does not match the manifests in time;
130 interrupted, or the answer was no.
`,
  cleansUp: true,
  async run(flags, interrupted) {
    const [dryRun, yes] = [flags.on("dry-run"), flags.on("yes")];
    const isJson = choice(flags, "output", OUTPUTS) === "json";
    if (isJson && !dryRun) confirmNoQuestion(flags);
    const timeout = seconds(flags, DEFAULT_TIMEOUT);
    const directory = await manifestsDirectory(flags);
    const project = await projectOf(flags, directory);
    const manifests = await readManifests(directory, interrupted, project);
    requireNames(manifests);
    const config = requiredCluster(flags, "apply the manifests");
    const cluster = await openCluster(config);
    try {
      const { context, server } = cluster;
      const subject = { context, server, directory: manifests.directory };
      const report = isJson ? jsonReport(subject) : textReport(subject, !yes && !dryRun);
      return await apply({ cluster, manifests, timeout, interrupted, yes, dryRun, report });
    } catch (error) {
      if (interrupted.aborted) return STOPPED;
      throw error;
    } finally {
      cluster.close();
    }
  },
};
