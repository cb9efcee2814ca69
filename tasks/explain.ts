import { AFTER, BEFORE } from "../checks/catalog.ts";
import type { AnyCheck } from "../checks/check.ts";
import { Failure } from "../pipeline/errors.ts";
import { main } from "./cli/command.ts";
import { print } from "./cli/terminal.ts";

const RUNBOOK = new URL("../runbook/", import.meta.url);

const checks = new Map<string, AnyCheck>([...BEFORE, ...AFTER].map((each) => [each.id, each]));

await main({
  name: "explain",
  values: [],
  switches: [],
  operand: "check",
  help: `
Prints the runbook's page of a check: symptom, cause, fix, and how to verify.

Usage: deno task explain [ID]

Examples:
  deno task explain                   every check, with what holds where it passes
  deno task explain lake-conformance
`,
  async run({ operand: id }) {
    print(id === undefined ? listOfAll() : (await page(id)).trimEnd());
    return 0;
  },
});

function listOfAll(): string {
  const width = Math.max(...[...checks.keys()].map((id) => id.length));
  return [...checks.values()].map(({ id, title }) => `${id.padEnd(width)}  ${title}`).join("\n");
}

async function page(id: string): Promise<string> {
  if (checks.has(id)) return await Deno.readTextFile(new URL(`${id}.md`, RUNBOOK));
  throw new Failure(
    "configuration",
    `Cannot explain ${JSON.stringify(id)}: there is no such check. Known are ${
      [...checks.keys()].join(", ")
    }.`,
  );
}
