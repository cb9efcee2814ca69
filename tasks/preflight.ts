import { PREFLIGHT } from "../checks/preflight/catalog.ts";
import type { Result } from "../checks/finding.ts";
import { Failure } from "../pipeline/errors.ts";
import { EXIT_CODES, explainedExit } from "./cli/exit_code.ts";
import { runAndReport } from "./cli/checking.ts";
import type { Command } from "./cli/command.ts";
import { CONNECTION_HELP } from "./cli/environment_help.ts";
import { seconds } from "./cli/flags.ts";
import { gatherersBefore, lookedAtBefore, unneededPermissions } from "./cli/gatherers.ts";
import { revokePermissions } from "./cli/permissions.ts";
import { htmlReport } from "./cli/html_report.ts";
import { FACT_TIMEOUT, FACTS, IMAGE_TIMEOUT, skippedChecks } from "./cli/preflight_options.ts";
import { sourcesOf } from "./cli/preflight_sources.ts";
import { PLATFORM_HELP, SOURCE_CHOICES, SOURCE_FLAGS } from "./cli/source_flags.ts";
import { FILE_FORMATS, PREFLIGHT_FORMATS, reportOutputs } from "./cli/report_outputs.ts";
import { checkMetrics } from "./metrics/check_metrics.ts";
import {
  METRICS_FLAG,
  metricsFileHelp,
  metricsFileOf,
  writeMetrics,
} from "./metrics/metrics_file.ts";
import { commandMetrics } from "./metrics/run_metrics.ts";

/** The command `preflight`. */
export const command: Command = {
  name: "preflight",
  values: [...SOURCE_FLAGS, "only", "timeout", METRICS_FLAG],
  repeatable: ["skip", "output"],
  switches: ["port-forward", "strict"],
  choices: { output: FILE_FORMATS, facts: FACTS, ...SOURCE_CHOICES },
  help: `
Checks every precondition before a run: the manifests and the job code, the cluster as if the
manifests were applied, the image of the jobs, the database and the lake. Each finding has the
problem, the object, and a command or patch that fixes the problem. Preflight changes nothing, but
it stores a few objects under _preflight/ in the lake and removes them.

Usage: deno task preflight [--manifests DIR] [--project FILE] [--kubeconfig FILE] [--context NAME]
                           [--credentials cluster [--port-forward]] [--image-archive FILE]
                           [--facts FACT,…] [--only ID,…] [--skip ID=REASON]…
                           [--output FORMAT[=FILE]]… [--strict] [--verbose] [--timeout SECONDS]
                           [--metrics-file FILE]

  --manifests DIR        Kubernetes YAML, job code and SQL; default: manifests/, if it exists.
                         kustomize or kubectl renders a kustomization.yaml. With -, YAML is read
                         from the standard input
${PLATFORM_HELP}
  --credentials cluster  log in to database and lake with the values of the cluster's Secrets
  --port-forward         connect to the database through the cluster
  --image-archive FILE   read this archive (docker save, or an OCI layout) instead of registries
  --registry-ca FILE     additional CA certificates for registries
  --facts FACT,…         gather only these: ${FACTS.join(", ")}
  --only ID,…            run only these checks
  --skip ID=REASON       skip a check, and report the reason; can be repeated
  --output FORMAT        text, json, junit, markdown (a table of the findings), or github, which
                         adds annotations to a workflow run
  --output FORMAT=FILE   also write the report into a file; can be repeated
  --output html=FILE     also write a report for a browser, with the pages of the runbook
${metricsFileHelp(25)}
  --strict               exit with 1 if there are warnings
  -v, --verbose          also print the checks that were skipped as requested
  --timeout SECONDS      the time limit for each fact; default: ${FACT_TIMEOUT}, and ${IMAGE_TIMEOUT} for an image,
                         whose layers are cached afterwards

Examples:
  deno task preflight
  deno task preflight --context production --credentials cluster --port-forward
  deno task preflight --facts manifests                        in a pull request, without secrets
  helm template chart | deno task preflight --manifests - --facts manifests
  deno task preflight --facts cluster,image                    the current state, without manifests
  deno task preflight --facts database,lake --output json
  deno task preflight --output junit=preflight.xml --output html=preflight.html
  deno task preflight --only lake-login,lake-conformance
  deno task preflight --skip late-writers="the nightly backup runs until 04:00"

Each check has a page: deno task explain <id>
${CONNECTION_HELP}`,
  cleansUp: true,
  async run(flags, signal, _, reports) {
    const { output, files, html } = await reportOutputs(flags, reports, PREFLIGHT_FORMATS);
    const metricsFile = await metricsFileOf(flags);
    const began = Date.now();
    const writeFile = async (exitCode: number, results: readonly Result[] = []) => {
      if (metricsFile === undefined || signal.aborted) return;
      const ended = Date.now();
      await writeMetrics(metricsFile, [
        ...commandMetrics({ command: "preflight", exitCode, began, ended }),
        ...(results.length === 0 ? [] : checkMetrics("preflight", [{ results, ended }])),
      ]);
    };
    const work = async () => {
      const timeout = seconds(flags, FACT_TIMEOUT);
      const imageTimeout = seconds(flags, IMAGE_TIMEOUT);
      const skip = skippedChecks(flags);
      const sources = await sourcesOf(flags, ["environment", "cluster"]);
      const gatherers = gatherersBefore(sources);
      const unneeded = unneededPermissions(sources);
      const writesFile = metricsFile !== undefined;
      await revokePermissions(...unneeded.filter((name) => name !== "write" || !writesFile));
      const { chosen } = sources;
      const fixesFiles = chosen.has("manifests") && !chosen.has("cluster");
      const strict = flags.on("strict");
      const verbose = flags.on("verbose");
      const report = await runAndReport(
        { command: "preflight", status: "checking …", checks: PREFLIGHT, gatherers },
        { output, files, timeout, imageTimeout, fixesFiles, strict, verbose, skip, signal },
      );
      if (html !== undefined && !signal.aborted) {
        const { project } = sources;
        const exit = explainedExit(report.exitCode);
        const lookedAt = lookedAtBefore(sources);
        const content = { command: "preflight", exit, checks: [report] };
        await html.write(await htmlReport(content, { project, lookedAt }));
      }
      return report;
    };
    const report = await work().catch(async (error) => {
      // A file of an earlier run must not look like the result of this one.
      await writeFile(EXIT_CODES[error instanceof Failure ? error.kind : "unreachable"]);
      throw error;
    });
    await writeFile(report.exitCode, report.results);
    return report.exitCode;
  },
};
