import { gatherLake } from "../../checks/facts/lake.ts";
import {
  databaseOfSecret,
  lakeOfSecret,
  type SecretTexts,
} from "../../pipeline/cluster/job_secrets.ts";
import type { FailureKind } from "../../pipeline/errors.ts";
import { Failure } from "../../pipeline/errors.ts";
import { connect } from "../../pipeline/outbox/connection.ts";
import { throughCluster, type Way } from "../cli/through_cluster.ts";
import type { SecretSpec } from "./stored.ts";

/** Whether a login with a Secret worked. */
export interface Proof {
  /** For people: as whom and where, or why not. */
  readonly says: string;
  /** What kind of trouble there was; undefined where it worked. */
  readonly trouble?: FailureKind;
}

/** Logs in with what a Secret holds, as a job would. */
export async function proofOf(
  { opens }: SecretSpec,
  texts: SecretTexts | undefined,
  way: Way,
  signal: AbortSignal,
): Promise<Proof> {
  try {
    const name = opens === "database"
      ? await logInToDatabase(texts, way, signal)
      : await openLake(texts, signal);
    return { says: `the login worked: ${name}` };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { says: `the login failed. ${error.message}`, trouble: error.kind };
  }
}

async function logInToDatabase(
  texts: SecretTexts | undefined,
  way: Way,
  signal: AbortSignal,
): Promise<string> {
  const { host, port, name, user, ...rest } = databaseOfSecret(texts);
  return await throughCluster(way, { host, port, name, user, ...rest }, signal, async (config) => {
    const connection = await connect(config, { signal });
    await connection.close();
    return `${user}@${host}:${port}/${name}`;
  });
}

/** With all that a run does there: list, store, read and remove. */
async function openLake(texts: SecretTexts | undefined, signal: AbortSignal): Promise<string> {
  const fact = await gatherLake(lakeOfSecret(texts), signal);
  if (fact.opened) return fact.name;
  throw fact.failure;
}
