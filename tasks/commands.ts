import { Failure } from "../pipeline/errors.ts";
import type { Command } from "./cli/command.ts";
import { didYouMean } from "./cli/suggestion.ts";

// The commands of the toolkit. The command X is the export `command` of tasks/X.ts, and the task X of
// deno.json starts it. tests/tasks/commands_test.ts compares this table with deno.json.

/** The groups of commands, in the order of `deep-storage --help`. */
export const GROUPS = [
  "Before a run",
  "Run",
  "After a run",
  "The cluster",
  "Learn and look up",
] as const;

/** A command of the toolkit. */
export interface CommandEntry {
  readonly name: string;
  /** One line, which `--help` and deno.json have. */
  readonly purpose: string;
  readonly group: (typeof GROUPS)[number];
  /** The name of the permission set in deno.json with which Deno starts the command. */
  readonly permissions: string;
}

/** All commands, in the order of `deep-storage --help`. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "preflight",
    purpose: "Check every precondition before a run",
    group: "Before a run",
    permissions: "preflight",
  },
  {
    name: "reach",
    purpose: "Explain which connections the NetworkPolicies of a directory allow",
    group: "Before a run",
    permissions: "reach",
  },
  {
    name: "run",
    purpose: "Run bronze, silver and postflight, day by day, up to the first failure",
    group: "Run",
    permissions: "engines",
  },
  {
    name: "bronze",
    purpose: "Copy days of stop_events into bronze, exactly",
    group: "Run",
    permissions: "engines",
  },
  {
    name: "silver",
    purpose: "Replay days of bronze into silver",
    group: "Run",
    permissions: "engines",
  },
  {
    name: "status",
    purpose: "Show the state of each day and the next command",
    group: "After a run",
    permissions: "engines",
  },
  {
    name: "postflight",
    purpose: "Check after a run that a day arrived completely and has not changed",
    group: "After a run",
    permissions: "engines",
  },
  {
    name: "serve",
    purpose: "Show the state of the lake in a browser, on this machine",
    group: "After a run",
    permissions: "reading",
  },
  {
    name: "exporter",
    purpose: "Serve the state of the lake to Prometheus",
    group: "After a run",
    permissions: "reading",
  },
  {
    name: "show",
    purpose: "Print rows of one day of bronze or silver, exactly",
    group: "After a run",
    permissions: "reading",
  },
  {
    name: "amend",
    purpose: "Add late events to a published day",
    group: "After a run",
    permissions: "pipeline",
  },
  {
    name: "clean",
    purpose: "Show and remove the leftovers of interrupted runs of one day",
    group: "After a run",
    permissions: "pipeline",
  },
  {
    name: "apply",
    purpose: "Apply the manifests to a cluster, after showing the changes",
    group: "The cluster",
    permissions: "apply",
  },
  {
    name: "secrets",
    purpose: "Store the two Secrets of the jobs, and test them with a login",
    group: "The cluster",
    permissions: "secrets",
  },
  {
    name: "schedule",
    purpose: "Show and switch the nightly schedule in the cluster",
    group: "The cluster",
    permissions: "apply",
  },
  {
    name: "demo",
    purpose: "Run the whole pipeline with its own Postgres, without any setup",
    group: "Learn and look up",
    permissions: "demo",
  },
  {
    name: "explain",
    purpose: "Print the runbook page of a check or a command, or list the pages",
    group: "Learn and look up",
    permissions: "explain",
  },
  {
    name: "completion",
    purpose: "Print a script that completes the commands in bash, zsh or fish",
    group: "Learn and look up",
    permissions: "explain",
  },
];

/** The tasks of deno.json that only a checkout of the repository has. */
export const CHECKOUT_TASKS: readonly string[] = [
  ...["drill", "chaos", "enforce", "cluster:up", "cluster:down", "fuzz", "bench"],
  ...["test", "test:node", "gate", "lint:python", "doc-lint", "ok", "package", "release"],
];

/**
 * Loads the module of a command. The path is a variable: with a literal or a template in `import()`,
 * Deno would read the modules of all commands at the start of each one.
 *
 * @throws {Failure} configuration: there is no such command
 */
export async function loadCommand(name: string): Promise<Command> {
  const names = COMMANDS.map((entry) => entry.name);
  if (CHECKOUT_TASKS.includes(name)) {
    throw new Failure({
      kind: "configuration",
      task: `run ${JSON.stringify(name)}`,
      problem: "only a checkout of the repository has this command",
      remedy: `Start the task ${name} of Deno in a checkout.`,
    });
  }
  if (name.startsWith("-")) {
    throw new Failure({
      kind: "configuration",
      task: `understand ${JSON.stringify(name)}`,
      problem: "flags come after the command",
      remedy: `${didYouMean(name, ["--help", "--version"])}Write the command first. List the ` +
        "commands with: deno task help",
    });
  }
  if (!names.includes(name)) {
    throw new Failure({
      kind: "configuration",
      task: `run ${JSON.stringify(name)}`,
      problem: "there is no such command",
      remedy: `${didYouMean(name, names)}List the commands with: deno task help`,
    });
  }
  const path = `./${name}.ts`;
  const module: { readonly command: Command } = await import(path);
  return module.command;
}
