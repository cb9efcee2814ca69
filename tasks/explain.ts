import { POSTFLIGHT } from "../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../checks/preflight/catalog.ts";
import { Failure } from "../pipeline/errors.ts";
import { main } from "./cli/command.ts";
import { print } from "./cli/terminal.ts";
import { COMMAND_PAGES } from "./explain/pages.ts";

const RUNBOOK = new URL("../runbook/", import.meta.url);

/** The title of each page, by check id or command name. */
const titles = new Map<string, string>([
  ...[...PREFLIGHT, ...POSTFLIGHT].map(({ id, title }) => [id, title] as const),
  ...[...COMMAND_PAGES].map(([name, title]) => [name, `deno task ${name}: ${title}`] as const),
]);

await main({
  name: "explain",
  values: [],
  switches: [],
  operand: "page",
  help: `
Prints the runbook page of a check (symptom, cause, fix and how to verify) or of a command. Without
an ID, lists the pages.

Usage: deno task explain [ID]

Examples:
  deno task explain                   every page with its title
  deno task explain lake-conformance
  deno task explain status`,
  async run({ operand: id }) {
    print(id === undefined ? listOfAll() : (await page(id)).trimEnd());
    return 0;
  },
});

function listOfAll(): string {
  const width = Math.max(...[...titles.keys()].map((id) => id.length));
  return [...titles].map(([id, title]) => `${id.padEnd(width)}  ${title}`).join("\n");
}

async function page(id: string): Promise<string> {
  if (titles.has(id)) return await Deno.readTextFile(new URL(`${id}.md`, RUNBOOK));
  throw new Failure({
    kind: "configuration",
    task: `explain ${JSON.stringify(id)}`,
    problem: "the runbook has no page with this name",
    remedy: `Choose from ${[...titles.keys()].join(", ")}.`,
  });
}
