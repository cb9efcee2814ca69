import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "../cli/flags.ts";
import { shellQuote } from "../../pipeline/shell.ts";
import { CLUSTER_FLAGS_HELP } from "../cli/platform_options.ts";
import { SOURCE_CHOICES, SOURCE_FLAGS } from "../cli/source_flags.ts";

/** The engines that make a layer. */
export const ENGINES = ["local", "spark"] as const;

/** The default of `--patience`, in seconds. */
export const DEFAULT_PATIENCE = 60;

/** The flags that only the engine `spark` has. */
const OWN = {
  // Every command has --project.
  values: [...SOURCE_FLAGS.filter((name) => name !== "project"), "patience", "timeout"],
  repeatable: ["skip"],
  switches: ["attach", "attach-running", "no-preflight", "port-forward"],
} as const;

/** The flags of a command that has both engines. */
export const ENGINE_FLAGS = { ...OWN, values: ["engine", ...OWN.values] } as const;

/** The words that these flags take. */
export const ENGINE_CHOICES = { engine: ENGINES, ...SOURCE_CHOICES } as const;

/** The lines of a `--help` about them. */
export const ENGINE_HELP = `
  --engine local|spark  where the work is done: in this process, or by the Jobs of the manifests in
                        a cluster; default: local. With spark, preflight runs first, each Job is
                        followed, and these flags apply, too:

  --attach               follow the Job that runs the day, or its last Job, and start none
  --attach-running       follow the Job that runs the day; if no Job runs it, start one. Without
                         this flag, a second start of a day is refused
  --no-preflight         leave out preflight
  --skip ID=REASON       skip a check of preflight; can be repeated
  --patience SECONDS     how long a Job may wait for room, a node or an image; default: ${DEFAULT_PATIENCE}
  --manifests DIR        the manifests with the Jobs; default: manifests/
${CLUSTER_FLAGS_HELP}
  --credentials environment
                         log in with the environment instead of the cluster's Secrets
  --port-forward         connect to the database through the cluster
  --image-archive, --registry-ca, --facts, --timeout
                         as in preflight`.slice(1);

/** Returns whether the flags choose the engine `spark`. */
export function usesSpark(flags: Flags): boolean {
  return flags.value("engine") === "spark";
}

/**
 * Refuses the flags of the engine `spark` for the engine `local`. Postflight of `run` has a time limit
 * with every engine.
 *
 * @throws {Failure} configuration: such a flag was given
 */
export function refuseSparkFlags(flags: Flags, command: string): void {
  const given = [
    ...[...OWN.values, ...OWN.repeatable].filter((name) => flags.all(name).length > 0),
    ...OWN.switches.filter((name) => flags.on(name)),
  ].filter((name) => command !== "run" || name !== "timeout");
  if (given.length === 0) return;
  throw new Failure({
    kind: "configuration",
    task: `use --${given[0]}`,
    problem: "it belongs to the engine spark",
    remedy: "Add --engine spark, or leave it out.",
  });
}

/** The flags that find the same Job again. */
const FINDING = ["manifests", "project", "kubeconfig", "context", "namespace", "credentials"];

/**
 * Returns the command that follows the Job of a day again.
 */
export function attachCommand(command: string, day: string, flags: Flags): string {
  const given = FINDING.flatMap((name) => {
    const value = flags.value(name);
    return value === undefined ? [] : [`--${name} ${shellQuote(value)}`];
  });
  const forward = flags.on("port-forward") ? ["--port-forward"] : [];
  const words = ["deno task", command, day, "--engine spark --attach", ...given, ...forward];
  return words.join(" ");
}
