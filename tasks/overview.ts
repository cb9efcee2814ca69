import { EXIT_CODES_HELP } from "./cli/exit_code.ts";
import { COMMANDS, GROUPS } from "./commands.ts";

/** Returns the version of the toolkit, which deno.json has. */
export function version(): string {
  const config: { readonly version: string } = JSON.parse(
    Deno.readTextFileSync(new URL("../deno.json", import.meta.url)),
  );
  return config.version;
}

/** Renders the output of `deep-storage --help`: the commands by purpose. */
export function renderOverview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const groups = GROUPS.map((group) => {
    const entries = COMMANDS.filter((entry) => entry.group === group);
    const lines = entries.map(({ name, purpose }) => `  ${name.padEnd(width)}  ${purpose}`);
    return [`${group}:`, ...lines, ""].join("\n");
  });
  return `
Copies the stop events of Robson from Postgres into a data lake, exactly, and checks each step.

Usage: deep-storage COMMAND [FLAGS]
In a checkout of the repository: deno task COMMAND [FLAGS]

${groups.join("\n")}
Examples:
  deep-storage demo                             the whole pipeline, without any setup
  deep-storage preflight --facts manifests      check YAML files, as in a pull request
  deep-storage run yesterday                    bronze, silver and postflight for one day
  deep-storage status                           the state of each day, and the next command
  deep-storage help bronze                      the flags of a command, as bronze --help
${EXIT_CODES_HELP}`.trim();
}
