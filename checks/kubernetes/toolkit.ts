import type { Container } from "./workloads.ts";

/** The engine of a job that runs this toolkit, as in `deno task run --engine spark`. */
export type ToolkitEngine = "local" | "spark";

/**
 * Returns the engine of a job that runs a command of this toolkit; undefined for any other job. With
 * the engine `spark`, the job's pod makes Jobs and follows them. With `local`, it does not use the
 * Kubernetes API.
 *
 * @param containers the containers that do the job's work
 */
export function toolkitEngineOf(
  containers: readonly Pick<Container, "words">[],
): ToolkitEngine | undefined {
  const [words] = containers.map(({ words }) => words.flatMap(({ text }) => text.split(/\s+/)))
    .filter(runsToolkit);
  if (words === undefined) return undefined;
  const at = words.findIndex((word) => /^--engine(=|$)/.test(word));
  const engine = at < 0 ? undefined : words[at]!.split("=")[1] ?? words[at + 1];
  return engine === "spark" ? "spark" : "local";
}

/** Returns whether a command line runs a task, or the module of a task, with Deno. */
function runsToolkit(words: readonly string[]): boolean {
  const at = words.findIndex((word) => /(^|\/)deno$/.test(word));
  if (at < 0) return false;
  const rest = words.slice(at + 1);
  return rest.some((word) => /(^|\/)tasks\/[a-z]+\.ts$/.test(word)) ||
    rest[0] === "task" && rest.some((word) => COMMANDS.includes(word));
}

/** The commands that a job can run without a terminal. */
const COMMANDS = [
  ...["preflight", "bronze", "silver", "postflight", "run", "amend"],
  ...["clean", "status", "show", "exporter"],
];
