import { BEFORE } from "../checks/catalog.ts";
import { clusterConfig } from "../pipeline/config.ts";
import { FORMATS, runAndReport } from "./cli/checking.ts";
import { main } from "./cli/command.ts";
import { giveUp } from "./cli/confined.ts";
import { CONNECTION_HELP } from "./cli/day.ts";
import { choice, seconds } from "./cli/flags.ts";
import { gatherersBefore, type Sources, unneededPermissions } from "./cli/gatherers.ts";
import {
  CLUSTER_FLAGS,
  CLUSTER_FLAGS_HELP,
  clusterFlags,
  manifestsDirectory,
} from "./cli/platform_options.ts";
import { chosenFacts, FACTS, skippedChecks } from "./cli/preflight_options.ts";

/** How long each fact may take to gather, in seconds, unless told otherwise. */
const DEFAULT_TIMEOUT = 10;

/** The same for an image, whose layers are half a gigabyte when they are read for the first time. */
const DEFAULT_IMAGE_TIMEOUT = 300;

await main({
  name: "preflight",
  values: [
    ...["manifests", ...CLUSTER_FLAGS, "credentials", "image-archive", "registry-ca"],
    ...["facts", "only", "output", "timeout"],
  ],
  repeatable: ["skip"],
  switches: ["port-forward", "strict"],
  help: `
Checks, before a run, that every precondition is met: by the manifests and the job code, by the
cluster as it would be once they are applied, by the image that the jobs run, by the database, and
by the lake. It says what is wrong, where, and which command or patch fixes it. It changes nothing;
only in the lake it stores a few objects under _preflight/, and removes them.

Usage: deno task preflight [--manifests DIR] [--kubeconfig FILE] [--context NAME]
                           [--credentials cluster [--port-forward]] [--image-archive FILE]
                           [--facts FACT,…] [--only ID,…] [--skip ID=REASON]…
                           [--output text|json|junit|github] [--strict] [--timeout SECONDS]

  --manifests DIR        Kubernetes YAML, job code and SQL; without it manifests/, if it is there
${CLUSTER_FLAGS_HELP}
  --credentials cluster  log in to database and lake with what the cluster's Secrets say
  --port-forward         reach a database whose name only the cluster knows
  --image-archive FILE   read this archive (docker save, or an OCI layout) instead of registries
  --registry-ca FILE     certificates that registries may be signed by
  --facts FACT,…         look at these only: ${FACTS.join(", ")}
  --only ID,…            judge these checks only
  --skip ID=REASON       leave a check out, and say why; may be given again
  --output json|junit    a report for programs; github annotates a workflow's run
  --strict               warnings fail as well
  --timeout SECONDS      how long each fact may take to gather; unless told ${DEFAULT_TIMEOUT}, and
                         ${DEFAULT_IMAGE_TIMEOUT} for an image, which is remembered once it was read

Examples:
  deno task preflight
  deno task preflight --context production --credentials cluster --port-forward
  deno task preflight --facts manifests                        in a pull request, without secrets
  deno task preflight --facts cluster,image                    as it is now, whatever files say
  deno task preflight --facts database,lake --output json
  deno task preflight --only lake-login,lake-conformance
  deno task preflight --skip late-writers="the nightly backup runs until 04:00"

Each check has a page: deno task explain <id>
${CONNECTION_HELP}`,
  cleansUp: true,
  async run(flags, signal) {
    const output = choice(flags, "output", FORMATS);
    const timeout = seconds(flags, DEFAULT_TIMEOUT);
    const imageTimeout = seconds(flags, DEFAULT_IMAGE_TIMEOUT);
    const skip = skippedChecks(flags);
    const sources: Sources = {
      chosen: chosenFacts(flags),
      manifests: await manifestsDirectory(flags),
      cluster: clusterConfig(clusterFlags(flags)),
      credentials: choice(flags, "credentials", ["environment", "cluster"]),
      portForward: flags.on("port-forward"),
      archive: flags.value("image-archive"),
      registryCa: flags.value("registry-ca"),
    };
    const gatherers = gatherersBefore(sources);
    await giveUp(...unneededPermissions(sources));
    const { exitCode } = await runAndReport(
      { command: "preflight", status: "looking …", checks: BEFORE, gatherers },
      { output, timeout, imageTimeout, strict: flags.on("strict"), skip, signal },
    );
    return exitCode;
  },
});
