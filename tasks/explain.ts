import { POSTFLIGHT } from "../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../checks/preflight/catalog.ts";
import { DEFAULT_PROJECT, type Project } from "../pipeline/contract/project.ts";
import { Failure } from "../pipeline/errors.ts";
import type { Command } from "./cli/command.ts";
import { EXIT_CODES_HELP } from "./cli/exit_code.ts";
import { didYouMean } from "./cli/suggestion.ts";
import { print } from "./cli/terminal.ts";
import { projectHelp, projectOf } from "./cli/project_options.ts";
import { COMMAND_PAGES } from "./explain/pages.ts";
import { renderPage } from "./explain/render.ts";

/** The name of the runbook's first page, README.md. */
const GUIDE = "guide";

const RUNBOOK = new URL("../runbook/", import.meta.url);

/** The title of each page, by check id or command name. */
const titles = new Map<string, string>([
  [GUIDE, "what to do before, during and after a run"],
  ...[...PREFLIGHT, ...POSTFLIGHT].map(({ id, title }) => [id, title] as const),
  ...[...COMMAND_PAGES].map(([name, title]) => [name, `deno task ${name}: ${title}`] as const),
]);

/** The command `explain`. */
export const command: Command = {
  name: "explain",
  values: ["project"],
  switches: [],
  operand: "page",
  help: `
Prints the runbook page of a check (symptom, cause, fix and how to verify) or of a command, with the
names of the platform. Without an ID, lists the pages.

Usage: deno task explain [ID] [--project FILE]

${projectHelp(18)}

Examples:
  deno task explain                   every page with its title
  deno task explain guide             what to do before, during and after a run
  deno task explain lake-conformance
  deno task explain status
${EXIT_CODES_HELP}`,
  async run(flags) {
    const { operand: id } = flags;
    const project = await projectOf(flags);
    if (id === undefined) print(listOfAll(project));
    else print(renderPage(await page(id), project ?? DEFAULT_PROJECT).trimEnd());
    return 0;
  },
};

function listOfAll(project: Project | undefined): string {
  const width = Math.max(...[...titles.keys()].map((id) => id.length));
  const lines = [...titles].map(([id, title]) => `${id.padEnd(width)}  ${title}`);
  if (project?.file !== undefined) lines.push("", `names of the platform: ${project.file}`);
  return lines.join("\n");
}

async function page(id: string): Promise<string> {
  if (titles.has(id)) {
    return await Deno.readTextFile(new URL(`${id === GUIDE ? "README" : id}.md`, RUNBOOK));
  }
  throw new Failure({
    kind: "configuration",
    task: `explain ${JSON.stringify(id)}`,
    problem: "the runbook has no page with this name",
    remedy: `${didYouMean(id, [...titles.keys()])}Choose from ${[...titles.keys()].join(", ")}.`,
  });
}
