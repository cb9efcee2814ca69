import { naming } from "../../checks/list_names.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import type { Project } from "../../pipeline/contract/project.ts";
import { Failure } from "../../pipeline/errors.ts";
import { plural } from "../../pipeline/progress.ts";
import { deadline } from "../cli/command.ts";
import { EXIT_CODES, STOPPED, worstExitCode } from "../cli/exit_code.ts";
import { askToContinue, openPrompt } from "../cli/prompt.ts";
import { showStatus } from "../cli/terminal.ts";
import type { Way } from "../cli/through_cluster.ts";
import {
  type LoginResult,
  readSecret,
  requireNamespace,
  type SecretSpec,
  storeSecret,
  tryLogin,
} from "./job_secrets.ts";
import type { SecretsReport } from "./report.ts";
import { changedKeys, fromEnvironment, fromPrompt, type SecretChange } from "./values.ts";

/** Options of {@linkcode storeAndLogIn}. */
export interface Task {
  /** The cluster, which stays open. */
  readonly cluster: Cluster;
  /** The Secrets. */
  readonly specs: readonly SecretSpec[];
  /** The names of the platform. */
  readonly project: Project;
  /** The source of the values. */
  readonly from: "env" | "prompt";
  /** Whether to store without confirmation. */
  readonly yes: boolean;
  /** Prints the changes and the logins. */
  readonly report: SecretsReport;
  /** How to reach the database for the login. */
  readonly way: Way;
  /** The seconds to read, and again to store and log in. */
  readonly timeout: number;
  /** Stops the command when it aborts. The command then prints the stored Secrets. */
  readonly interrupted: AbortSignal;
}

/**
 * Stores Secrets, reads them back, and logs in with them.
 *
 * @returns the exit code: 0, or 130 if the answer was no, or the exit code of a failed login
 * @throws {Failure} values are missing, or the cluster refuses them or is unreachable
 */
export async function storeAndLogIn(task: Task): Promise<number> {
  const { cluster, interrupted, timeout, yes, report } = task;
  const wanted = await planChanges(task);
  report.plan(wanted);
  const changes = wanted.filter((each) => changedKeys(each).length > 0);
  const done: string[] = [];
  try {
    const name = `${cluster.context} at ${cluster.server}`;
    const question = `Store ${plural(changes.length, "Secret")} in ${name}?`;
    if (changes.length > 0 && !yes && !(await askToContinue(question, interrupted))) {
      report.ended("declined", STOPPED);
      return STOPPED;
    }
    using storing = deadline("store the Secrets and log in", timeout, interrupted);
    for (const { spec, values } of changes) {
      await storeSecret(cluster, spec, values, storing.signal);
      done.push(spec.name);
      report.stored(spec);
    }
    const exitCode = await logInWithStored(task, wanted, storing.signal);
    report.ended(changes.length === 0 ? "unchanged" : "stored", exitCode);
    return exitCode;
  } catch (error) {
    report.stopped(done);
    throw error;
  }
}

/** Reads the current Secrets, before the command asks for values. */
async function planChanges(task: Task): Promise<SecretChange[]> {
  const { specs, from, interrupted } = task;
  const given = from === "env" ? specs.map(fromEnvironment) : undefined;
  const stored = await readStoredSecrets(task);
  const values = given ?? await askForAll(specs, interrupted);
  return specs.map((spec, i) => ({ spec, values: values[i]!, stored: stored[i] }));
}

async function readStoredSecrets({ cluster, specs, project, timeout, interrupted }: Task) {
  showStatus("reading the Secrets of the cluster …");
  using looking = deadline("read the Secrets of the cluster", timeout, interrupted);
  await requireNamespace(cluster, project, looking.signal);
  return await Promise.all(specs.map((each) => readSecret(cluster, each, looking.signal)));
}

async function askForAll(specs: readonly SecretSpec[], interrupted: AbortSignal) {
  using prompt = openPrompt(interrupted);
  const values = [];
  for (const spec of specs) values.push(await fromPrompt(spec, prompt));
  return values;
}

/** Logs in with the stored Secrets, read back from the cluster. */
async function logInWithStored(
  { cluster, way, report }: Task,
  wanted: readonly SecretChange[],
  signal: AbortSignal,
): Promise<number> {
  const results: LoginResult[] = [];
  for (const { spec, values } of wanted) {
    showStatus(`logging in to the ${spec.opens} …`);
    const stored = await readSecret(cluster, spec, signal);
    const other = changedKeys({ values, stored });
    if (other.length > 0) {
      const why = `the values of ${naming(other)} in the cluster differ from the stored values`;
      const remedy = "Find out what else changes the Secret, and run again.";
      throw new Failure({
        kind: "data",
        task: `use Secret ${spec.name}`,
        problem: why,
        remedy,
      });
    }
    const result = await tryLogin(spec, stored, way, signal);
    signal.throwIfAborted();
    report.login(spec, result);
    results.push(result);
  }
  return worstExitCode(
    results.flatMap(({ failure }) => failure === undefined ? [] : [EXIT_CODES[failure]]),
  );
}
