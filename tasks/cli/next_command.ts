import type { Result } from "../../checks/finding.ts";
import { shellPath, shellQuote } from "../../pipeline/shell.ts";
import { CLUSTER_FLAGS } from "./platform_options.ts";

// A printed command is for the platform of the command that prints it. Therefore it repeats the flags
// that name the platform. They are read from the arguments of the process, which a worker also has.

const PROJECT = ["project"] as const;
const CLUSTER = [...PROJECT, ...CLUSTER_FLAGS] as const;
const MANIFESTS = ["manifests", ...CLUSTER] as const;

/** The flags that a command repeats, if it takes them. Only the engine `spark` needs a cluster. */
const REPEATED: Readonly<Record<string, readonly string[]>> = {
  amend: PROJECT,
  apply: MANIFESTS,
  bronze: PROJECT,
  clean: PROJECT,
  explain: PROJECT,
  exporter: PROJECT,
  postflight: PROJECT,
  preflight: MANIFESTS,
  reach: ["manifests", ...PROJECT],
  run: PROJECT,
  schedule: CLUSTER,
  secrets: CLUSTER,
  serve: PROJECT,
  show: PROJECT,
  silver: PROJECT,
  status: PROJECT,
};

/** The commands that can log in to database and lake with the Secrets of a cluster. */
const WITH_LOGIN = ["amend", "clean", "postflight", "preflight", "show", "status"];

/** A command up to the next one, or up to the end of the line. */
const COMMAND = new RegExp(
  `(deno task (${Object.keys(REPEATED).join("|")})(?![\\w-]))((?:(?!deno task ).)*)`,
  "g",
);

/** The end of a command with the engine `spark`. */
const WITH_SPARK = / --engine[ =]spark(?![\w-])/;

/**
 * Adds to each command in a text the flags of this process that name the platform: `--project`, and
 * `--manifests`, `--kubeconfig`, `--context` and `--namespace` where the command takes them. If this
 * process logs in through a cluster, the commands that can do so too, and a run uses the engine
 * `spark`, which can.
 *
 * @param args the arguments of the process
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { repeatFlags } from "./next_command.ts";
 *
 * assertEquals(
 *   repeatFlags("Check the day: deno task postflight --date 2025-12-28", ["--project", "my shop.json"]),
 *   "Check the day: deno task postflight --project 'my shop.json' --date 2025-12-28",
 * );
 * ```
 */
export function repeatFlags(text: string, args: readonly string[] = Deno.args): string {
  const login = loginIn(args);
  return text.replaceAll(COMMAND, (_, start: string, name: string, rest: string) => {
    const isThere = (flag: string) => new RegExp(` --${flag}(?![\\w-])`).test(rest);
    const hasEngines = name === "run" || name === "bronze" || name === "silver";
    const addsEngine = hasEngines && !isThere("engine") && usesJobs(args);
    const isSpark = addsEngine || hasEngines && WITH_SPARK.test(rest);
    const logsIn = login.length > 0 && (isSpark || WITH_LOGIN.includes(name));
    const names = isSpark
      ? MANIFESTS
      : logsIn
      ? new Set([...REPEATED[name]!, ...CLUSTER])
      : REPEATED[name]!;
    const flags = [...names].flatMap((flag) => {
      const value = valueOf(flag, args);
      // The next command cannot read the standard input of this one.
      if (value === undefined || value === "-" || isThere(flag)) return [];
      const isPath = flag !== "context" && flag !== "namespace";
      return [` --${flag} ${isPath ? shellPath(value) : shellQuote(value)}`];
    });
    if (addsEngine) flags.push(" --engine spark");
    if (logsIn) {
      flags.push(
        ...login.filter(([flag, text]) => !isThere(flag) && !(isSpark && text === BY_CLUSTER))
          .map(([, text]) => text),
      );
    }
    return start + flags.join("") + rest;
  });
}

/** Adds the flags of {@linkcode repeatFlags} to the commands in the texts of a result. */
export function withFlags(result: Result, args: readonly string[] = Deno.args): Result {
  const { reason, findings } = result;
  const repeat = (text: string) => repeatFlags(text, args);
  return {
    ...result,
    ...(reason === undefined ? {} : { reason: repeat(reason) }),
    findings: findings.map((finding) => ({
      ...finding,
      problem: repeat(finding.problem),
      ...(finding.why === undefined ? {} : { why: repeat(finding.why) }),
      fix: repeat(finding.fix),
    })),
  };
}

/** The login that the engine `spark` has without a flag. */
const BY_CLUSTER = " --credentials cluster";

/**
 * Returns whether this process makes days with the Jobs of a cluster, or logs in with the Secrets of
 * these Jobs. The engine `local` cannot log in with them.
 */
function usesJobs(args: readonly string[]): boolean {
  return valueOf("engine", args) === "spark" || valueOf("credentials", args) === "cluster";
}

/** Returns the flags of a login through a cluster, each with the text that repeats it. */
function loginIn(args: readonly string[]): [flag: string, text: string][] {
  const login: [string, string][] = [];
  const isSpark = valueOf("engine", args) === "spark";
  const credentials = valueOf("credentials", args) ?? (isSpark ? "cluster" : "environment");
  if (credentials === "cluster") login.push(["credentials", BY_CLUSTER]);
  else if (isSpark) login.push(["credentials", " --credentials environment"]);
  if (flagsIn(args).includes("--port-forward")) login.push(["port-forward", " --port-forward"]);
  return login;
}

/** The arguments up to `--`. */
function flagsIn(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

/** Returns the value of a flag. The other flags may be invalid. */
function valueOf(flag: string, args: readonly string[]): string | undefined {
  const given = flagsIn(args);
  const at = given.findIndex((word) => word === `--${flag}` || word.startsWith(`--${flag}=`));
  if (at < 0) return undefined;
  const [, value = given[at + 1]] = /=(.*)/s.exec(given[at]!) ?? [];
  return value === "" ? undefined : value;
}
