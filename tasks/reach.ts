import { matrixOf } from "../checks/network_policy/matrix.ts";
import { Failure } from "../pipeline/errors.ts";
import type { Command } from "./cli/command.ts";
import type { Flags } from "./cli/flags.ts";
import { htmlOfReach } from "./cli/html_report.ts";
import { revokePermissions } from "./cli/permissions.ts";
import { type ReportOutputs, reportOutputs } from "./cli/report_outputs.ts";
import { FOLDERS_BY_MANIFESTS, projectHelp, projectOf } from "./cli/project_options.ts";
import { colourWanted, print, printPieces } from "./cli/terminal.ts";
import { ANSWER_CODES, answerOf, commonAnswer } from "./reach/answer.ts";
import { type Question, readFlow } from "./reach/ends.ts";
import { flowDocument, partsDocument } from "./reach/json.ts";
import { renderMatrix, renderMatrixJson, renderMatrixLines } from "./reach/matrix.ts";
import { type Reading, readManifests } from "./reach/reading.ts";
import { renderFlow, renderParts } from "./reach/text.ts";

type Format = "text" | "json" | "ndjson";

type Outputs = Pick<ReportOutputs<Format>, "output" | "files">;

const FORMATS: readonly Format[] = ["text", "json", "ndjson"];

/** The meanings of the exit codes, for a report. */
const ANSWERS: Readonly<Record<number, string>> = {
  0: "the policies allow the connection",
  1: "the policies deny the connection",
  2: "the API server would reject an object",
  3: "unknown: the policies or the ends are not known well enough",
};

const RENDERERS = {
  text: renderMatrix,
  json: renderMatrixJson,
  ndjson: renderMatrixLines,
} as const;

/** The command `reach`. */
export const command: Command = {
  name: "reach",
  values: ["manifests", "project", "from", "to", "port", "protocol"],
  repeatable: ["output"],
  switches: ["matrix"],
  choices: { output: [...FORMATS, "html"], protocol: ["TCP", "UDP", "SCTP"] },
  help: `
Explains which connections the NetworkPolicies in a directory allow.

Usage: deno task reach --manifests DIR --from END --to END --port PORT [--protocol UDP]
                       [--project FILE]
       deno task reach --manifests DIR --matrix [--project FILE]

  --manifests DIR        a directory of YAML and JSON files (default: manifests)
${projectHelp(25, FOLDERS_BY_MANIFESTS)}
  --from, --to END       namespace/workload, or namespace/kind/workload where that is ambiguous;
                         an address outside the cluster; or, for --to, a Service as in
                         paradedb.robson or paradedb.robson.svc, or the name of a host outside
  --port PORT            1 to 65535: the port of the pod; for a Service, the port of the Service
  --protocol PROTOCOL    TCP (default), UDP or SCTP
  --matrix               lists all allowed connections
  --output FORMAT        text for people, json for programs, or ndjson: JSON with one connection of
                         the matrix per line
  --output FORMAT=FILE   also write text, json, ndjson or html into a file; html is a picture of the
                         matrix for a browser

A host name is not resolved: the answer applies to any public address outside the cluster. If both
ends are the same workload, the answer applies to two different pods. Replies are always allowed. If
policies distinguish the pods of a workload, such as db-0 of a StatefulSet, each pod has an answer.
If no manifest declares a workload, such as robson/rbs-paradedb below, its labels are unknown: the
answer is CANNOT TELL if they decide, and names the rules.
The examples use names of the folder manifests/, and the names of Robson's database and store.

Examples:
  deno task reach --from analytics-jobs/bronze-ingest-manual --to eu2.contabostorage.com --port 443
  deno task reach --from analytics-jobs/bronze-ingest-manual --to robson/rbs-paradedb --port 5432
  deno task reach --from analytics-jobs/bronze-ingest-manual --to 10.43.0.1 --port 443
  deno task reach --from 203.0.113.7 --to analytics-jobs/silver-transform-manual --port 7078
  deno task reach --manifests manifests --matrix --output json
  deno task reach --manifests manifests --matrix --output html=/tmp/reach.html

Exit codes: 0 allowed, or the matrix was printed; 1 denied; 2 wrong usage, or an object that the API
server would reject; 3 unknown, for example because of broken YAML.
`,
  async run(flags, _, __, reports) {
    const { output, files, html } = await reportOutputs(flags, reports, FORMATS);
    await revokePermissions("write");
    const question = flags.on("matrix") ? undefined : flags;
    const directory = flags.value("manifests") ?? "manifests";
    const project = await projectOf(flags, directory);
    const reading = await readManifests(directory, project);
    const code = question === undefined
      ? await printMatrix(reading, { output, files }, flags)
      : await explainFlow(reading, readFlow(reading, question), { output, files });
    if (html !== undefined) {
      const exit = {
        code,
        means: question === undefined
          ? "the report has all connections that the policies allow"
          : ANSWERS[code]!,
      };
      await html.write(await htmlOfReach(reading, matrixOf(reading.cluster), project, exit));
    }
    return code;
  },
};

/** Evaluates a connection, prints the answer, and returns the exit code. */
async function explainFlow(
  reading: Reading,
  questions: readonly Question[],
  { output, files }: Outputs,
): Promise<number> {
  const answers = questions.map((question) => answerOf(reading, question));
  const code = ANSWER_CODES[commonAnswer(answers)];
  const [only, ...others] = answers;
  const isOne = others.length === 0;
  const render = (format: Format, colour: boolean) => {
    if (format === "text") {
      const text = isOne ? renderFlow(only!, colour) : renderParts(answers, colour);
      return text.trimEnd();
    }
    const document = isOne ? flowDocument(only!, code) : partsDocument(answers, code);
    return JSON.stringify(document, null, format === "json" ? 2 : 0);
  };
  print(render(output, colourWanted()));
  for (const { format, write } of files) await write(`${render(format, false)}\n`);
  return code;
}

/** Prints all allowed connections. */
async function printMatrix(
  reading: Reading,
  { output, files }: Outputs,
  flags: Flags,
): Promise<number> {
  const given = ["from", "to", "port", "protocol"].find((name) => flags.value(name) !== undefined);
  if (given !== undefined) {
    throw new Failure({
      kind: "configuration",
      task: `use --${given} together with --matrix`,
      problem: "--matrix lists all connections",
      remedy: "Leave out one of them.",
    });
  }
  const matrix = matrixOf(reading.cluster);
  printPieces(RENDERERS[output](reading, matrix));
  for (const { format, write } of files) await write(RENDERERS[format](reading, matrix));
  return 0;
}
