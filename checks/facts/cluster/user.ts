import { ApiError, type Cluster } from "../../../pipeline/cluster/cluster.ts";
import { isFields } from "../../kubernetes/fields.ts";

/** Asks the server who it takes us for. */
const REVIEW = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

/**
 * Who an API server takes the kubeconfig's user for.
 *
 * @returns undefined where it is too old to say, or does not want to
 * @throws {Failure} the login is none: without one everybody is `system:anonymous`, who may read the
 *   server's version and little more
 */
export async function whoAmI(
  cluster: Cluster,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const { status } = await cluster.create(REVIEW, { signal });
    const info = isFields(status) && isFields(status.userInfo) ? status.userInfo : {};
    return typeof info.username === "string" ? info.username : undefined;
  } catch (error) {
    if (!(error instanceof ApiError) || error.says.includes('"system:anonymous"')) throw error;
    if (error.status !== 403 && error.status !== 404) throw error;
    return undefined;
  }
}
