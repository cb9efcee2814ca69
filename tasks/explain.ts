import { DEFAULT_PROJECT, type Project } from "../pipeline/contract/project.ts";
import { Failure } from "../pipeline/errors.ts";
import type { Command } from "./cli/command.ts";
import { EXIT_CODES_HELP } from "./cli/exit_code.ts";
import { didYouMean } from "./cli/suggestion.ts";
import { projectHelp, projectOf } from "./cli/project_options.ts";
import { colourWanted, lineWidth, paint, print, understandsEscapes } from "./cli/terminal.ts";
import type { Screen } from "./explain/inline.ts";
import { GUIDE, LOG_IN, REFERENCE_PAGES, type Topic, topics } from "./explain/pages.ts";
import { renderPage } from "./explain/render.ts";
import { renderForScreen } from "./explain/screen.ts";

const RUNBOOK = new URL("../runbook/", import.meta.url);
const DOCS = new URL("../docs/", import.meta.url);

const LOGIN = `The commands use a login: deno task explain ${LOG_IN}`;

/** The most characters in a line: longer lines of text are hard to read. */
const WIDEST = 100;

/** The command `explain`. */
export const command: Command = {
  name: "explain",
  values: ["project"],
  switches: [],
  operand: "page",
  help: `
Prints a page of the runbook: what a finding, a failure or a command means, whether it can wait, how
to diagnose and fix it, and how to verify the fix. The page has the names of the platform. At a
terminal, the names of other pages are links. Without an ID, lists the pages by topic.
The last topic has the reference pages of the documentation.

Usage: deno task explain [ID] [--project FILE]

${projectHelp(18)}

Examples:
  deno task explain                   every page, by topic
  deno task explain guide             from an empty cluster to a nightly run
  deno task explain lake-conformance
  deno task explain status
${EXIT_CODES_HELP}`,
  async run(flags) {
    const { operand: id } = flags;
    const project = await projectOf(flags);
    if (id === undefined) print(listOfAll(project));
    else {
      const text = await page(id);
      const isReference = REFERENCE_PAGES.has(id);
      const named = isReference ? text : renderPage(text, project ?? DEFAULT_PROJECT);
      print(renderForScreen(named, screen()));
      if (id !== GUIDE && id !== LOG_IN && !isReference) print(`\n${paint(LOGIN, "dim")}`);
    }
    return 0;
  },
};

function screen(): Screen {
  return {
    width: Math.min(lineWidth(), WIDEST),
    colour: colourWanted(),
    links: understandsEscapes(Deno.stdout),
    addressOf: (name) => isPage(name) ? addressOf(name).href : undefined,
  };
}

function listOfAll(project: Project | undefined): string {
  const all = allTopics();
  const width = Math.max(...all.flatMap(({ pages }) => [...pages.keys()].map((id) => id.length)));
  const blocks = all.map(({ title, pages }) => [
    paint(title, "bold"),
    ...[...pages].map(([id, about]) => `  ${id.padEnd(width)}  ${about}`),
  ]);
  const names = project?.file === undefined ? [] : [[`names of the platform: ${project.file}`]];
  return [...blocks, ...names, ["Print a page with: deno task explain ID"]]
    .map((lines) => lines.join("\n")).join("\n\n");
}

function allTopics(): readonly Topic[] {
  return [...topics(), { title: "Reference", pages: REFERENCE_PAGES }];
}

function isPage(id: string): boolean {
  return allTopics().some(({ pages }) => pages.has(id));
}

function addressOf(id: string): URL {
  return REFERENCE_PAGES.has(id) ? new URL(`${id}.md`, DOCS) : new URL(
    id === GUIDE ? "README.md" : id === LOG_IN ? `README.md#${LOG_IN}` : `${id}.md`,
    RUNBOOK,
  );
}

async function page(id: string): Promise<string> {
  if (isPage(id)) {
    const text = await Deno.readTextFile(addressOf(id));
    return id === LOG_IN ? text.match(/^## Log in\n[^]*?(?=\n## )/m)![0].replace("##", "#") : text;
  }
  const names = allTopics().flatMap(({ pages }) => [...pages.keys()]);
  throw new Failure({
    kind: "configuration",
    task: `explain ${JSON.stringify(id)}`,
    problem: "the runbook has no page with this name",
    remedy: `${didYouMean(id, names)}Choose from ${names.join(", ")}.`,
  });
}
