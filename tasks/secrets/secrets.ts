import { naming } from "../../checks/list_names.ts";
import type { Cluster } from "../../pipeline/cluster/cluster.ts";
import { JOBS_NAMESPACE } from "../../pipeline/contract/platform.ts";
import { Failure } from "../../pipeline/errors.ts";
import { plural } from "../../pipeline/progress.ts";
import { deadline } from "../cli/deadline.ts";
import { EXIT, worstOf } from "../cli/failure.ts";
import { agreed, openPrompt } from "../cli/prompt.ts";
import { colourWanted, paint, print, printError, showStatus } from "../cli/terminal.ts";
import type { Way } from "../cli/through_cluster.ts";
import { type Proof, proofOf } from "./proof.ts";
import { mustHaveNamespace, readSecret, type SecretSpec, storeSecret } from "./stored.ts";
import { changedKeys, renderWanted, type Wanted, warningsOf } from "./text.ts";
import { fromEnvironment, fromPrompt } from "./values.ts";

/** Which Secrets are stored where, and how. */
export interface Task {
  /** Where they are stored. It stays open. */
  readonly cluster: Cluster;
  /** The Secrets. */
  readonly specs: readonly SecretSpec[];
  /** Where their values come from. */
  readonly from: "env" | "prompt";
  /** Whether the operator has agreed already. */
  readonly yes: boolean;
  /** The way to the database, for the login. */
  readonly way: Way;
  /** How long looking, and then storing and logging in, may take, in seconds. */
  readonly timeout: number;
  /** Ends it when it aborts; what was stored until then is printed. */
  readonly interrupted: AbortSignal;
}

/**
 * Stores Secrets as they are to be, and logs in with what the API server has then.
 *
 * @returns the exit code: 0, or 1 where somebody said no, else that of the login that failed
 * @throws {Failure} values are missing, or the cluster refuses or is out of reach
 */
export async function storeAndProve(task: Task): Promise<number> {
  const { cluster, interrupted, timeout, yes } = task;
  const name = `${cluster.context} at ${cluster.server}`;
  const wanted = await wantedOf(task);
  print(`Secrets of ${JOBS_NAMESPACE} in ${name}:`);
  for (const each of wanted) print(renderWanted(each, colourWanted()));
  for (const each of wanted.flatMap(warningsOf)) {
    print(`${paint("warning:", "yellow")} ${each}`);
  }
  const changes = wanted.filter((each) => changedKeys(each).length > 0);
  const done: string[] = [];
  try {
    const question = `Store ${plural(changes.length, "Secret")} in ${name}?`;
    if (changes.length > 0 && !yes && !(await agreed(question, interrupted))) {
      print("Nothing was stored.");
      return 1;
    }
    using storing = deadline("store the Secrets and log in", timeout, interrupted);
    for (const { spec, values } of changes) {
      await storeSecret(cluster, spec, values, storing.signal);
      done.push(spec.name);
      print(`stored    Secret ${JOBS_NAMESPACE}/${spec.name}`);
    }
    return await prove(task, wanted, storing.signal);
  } catch (error) {
    print(done.length === 0 ? "Nothing was stored." : `Only stored: ${naming(done)}.`);
    throw error;
  }
}

/** Nobody types anything before it is known that it can be stored. */
async function wantedOf(task: Task): Promise<Wanted[]> {
  const { specs, from, interrupted } = task;
  const given = from === "env" ? specs.map(fromEnvironment) : undefined;
  const stored = await storedNow(task);
  const values = given ?? await askForAll(specs, interrupted);
  return specs.map((spec, i) => ({ spec, values: values[i]!, stored: stored[i] }));
}

async function storedNow({ cluster, specs, timeout, interrupted }: Task) {
  showStatus("looking at the cluster …");
  using looking = deadline("look at the cluster's Secrets", timeout, interrupted);
  await mustHaveNamespace(cluster, looking.signal);
  return await Promise.all(specs.map((each) => readSecret(cluster, each, looking.signal)));
}

async function askForAll(specs: readonly SecretSpec[], interrupted: AbortSignal) {
  using prompt = openPrompt(interrupted);
  const values = [];
  for (const spec of specs) values.push(await fromPrompt(spec, prompt));
  return values;
}

/** What is logged in with is read back, so that the Secret itself is proven. */
async function prove(
  { cluster, way }: Task,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<number> {
  const proofs: Proof[] = [];
  for (const { spec, values } of wanted) {
    showStatus(`logging in to the ${spec.opens} …`);
    const stored = await readSecret(cluster, spec, signal);
    const other = changedKeys({ values, stored });
    if (other.length > 0) {
      const why = `the cluster has other values of ${naming(other)} than were stored`;
      const remedy = "Look who else changes that Secret, and run it again.";
      throw new Failure({
        kind: "data",
        task: `rely on Secret ${spec.name}`,
        problem: why,
        remedy,
      });
    }
    const proof = await proofOf(spec, stored, way, signal);
    signal.throwIfAborted();
    const line = `${spec.opens.padEnd(9)} ${proof.says}`;
    if (proof.trouble === undefined) print(line);
    else printError(paint(line, "red", Deno.stderr.isTerminal() && !Deno.noColor));
    proofs.push(proof);
  }
  return worstOf(proofs.flatMap(({ trouble }) => trouble === undefined ? [] : [EXIT[trouble]]));
}
