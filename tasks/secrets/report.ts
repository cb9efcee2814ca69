import { naming } from "../../checks/list_names.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { isQuiet } from "../cli/common_flags.ts";
import { printLine } from "../cli/json_line.ts";
import { colourWanted, paint, print, printError } from "../cli/terminal.ts";
import type { LoginResult, SecretSpec } from "./job_secrets.ts";
import { changedKeys, renderChange, type SecretChange, warningsOf } from "./values.ts";

/** Prints what the command plans and does. No value of a Secret is printed. */
export interface SecretsReport {
  /** The Secrets with their changed keys, before the question. */
  plan(changes: readonly SecretChange[]): void;
  /** A Secret was stored. */
  stored(spec: SecretSpec): void;
  /** A login ended. */
  login(spec: SecretSpec, result: LoginResult): void;
  /** The command stopped at a failure, which is reported afterwards. */
  stopped(stored: readonly string[]): void;
  /** The command ended without a failure. */
  ended(outcome: "stored" | "unchanged" | "declined", exitCode: number): void;
}

/** Returns a report for people. With `--quiet` and without a question, only the logins are printed. */
export function textReport(
  { jobs: { namespace } }: Project,
  { context, server }: Pick<Cluster, "context" | "server">,
  asks: boolean,
): SecretsReport {
  const isShort = isQuiet() && !asks;
  return {
    plan(changes) {
      if (!isShort) {
        print(`Secrets of ${namespace} in ${context} at ${server}:`);
        for (const each of changes) print(renderChange(each, colourWanted()));
      }
      for (const each of changes.flatMap(warningsOf)) {
        print(`${paint("warning:", "yellow")} ${each}`);
      }
    },
    stored({ name }) {
      if (!isShort) print(`stored    Secret ${namespace}/${name}`);
    },
    login({ opens }, { message, failure }) {
      const line = `${opens.padEnd(9)} ${message}`;
      if (failure === undefined) print(line);
      else printError(paint(line, "red", colourWanted(Deno.stderr)));
    },
    stopped: (stored) =>
      print(stored.length === 0 ? "Nothing was stored." : `Only stored: ${naming(stored)}.`),
    ended(outcome) {
      if (outcome === "declined") print("Nothing was stored.");
    },
  };
}

/** Returns a report for programs: lines of JSON. */
export function jsonReport({ jobs: { namespace } }: Project): SecretsReport {
  const line = (step: string, data: object) => printLine("secrets", step, data);
  return {
    plan(changes) {
      for (const change of changes) {
        const { spec: { name, opens }, stored } = change;
        const changed = changedKeys(change);
        const action = stored === undefined ? "create" : changed.length > 0 ? "change" : "nothing";
        const warnings = warningsOf(change);
        line("secret", { namespace, name, server: opens, action, changed, warnings });
      }
    },
    stored: ({ name }) => line("stored", { namespace, name }),
    login: ({ opens }, { message, failure }) =>
      line("login", { server: opens, failure: failure ?? null, message }),
    stopped: (stored) => line("stopped", { stored }),
    ended: (outcome, exitCode) => line("total", { outcome, exitCode }),
  };
}
