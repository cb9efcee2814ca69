import { oneLine } from "../cluster/request_errors.ts";
import { type Fault, RUN_PAGE } from "./fault.ts";

/** The messages of an API server that waits in vain for a webhook or for its own store. */
const UNANSWERED =
  /failed (?:calling|to call) webhook|deadline exceeded|request timed out|no such host|connection (?:refused|reset)|i\/o timeout|TLS handshake timeout|too many requests|the server is currently unable/i;

/** What a refusal of a new pod looks like, and what to do. The last entry matches every refusal. */
const REFUSALS: readonly (readonly [
  pattern: RegExp,
  fault: Omit<Fault, "problem" | "kind"> & Partial<Pick<Fault, "kind">>,
])[] = [
  [UNANSWERED, {
    key: "no-answer",
    kind: "unreachable",
    remedy: "Kubernetes tries again. If this lasts, check the API server and its webhooks.",
    page: RUN_PAGE,
    outlook: "may pass",
  }],
  [/exceeded quota: /, {
    key: "quota",
    remedy: "Wait for the end of another Job, or change the quota in the manifests and apply them.",
    page: "quota-fit",
    outlook: "may pass",
  }],
  [/failed quota: |maximum |minimum /, {
    key: "limits",
    remedy: "Correct the requests and limits of the pods in the manifests.",
    page: "quota-fit",
    outlook: "final",
  }],
  [/violates PodSecurity/, {
    key: "pod-security",
    remedy: "Correct the securityContext of the pods in the manifests.",
    page: "manifests-readable",
    outlook: "final",
  }],
  [/service ?account .*not found/i, {
    key: "service-account",
    remedy: "Create the service account: deno task apply",
    page: "service-account",
    outlook: "final",
  }],
  [/User "system:serviceaccount:.* cannot /, {
    key: "rbac",
    remedy: "Give the service account of the Job this permission: deno task apply",
    page: "rbac",
    outlook: "final",
  }],
  [/^/, {
    key: "refused-pod",
    remedy: "Correct the pods in the manifests as the message says, and apply them.",
    page: RUN_PAGE,
    outlook: "final",
  }],
];

/**
 * Returns the fault behind the API server's refusal of a pod.
 *
 * @param whose the pod, for the message: `the driver's pod`
 * @param message the message of the API server
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { creationFault } from "./creation_faults.ts";
 * const message = 'pods "a" is forbidden: exceeded quota: jobs, requested: pods=1';
 * const { page, outlook } = creationFault("the driver's pod", message);
 * assertEquals([page, outlook], ["quota-fit", "may pass"]);
 * ```
 */
export function creationFault(whose: string, message: string): Fault {
  const text = message.replace(/^Error creating: /, "");
  const [, { key, ...rest }] = REFUSALS.find(([pattern]) => pattern.test(text))!;
  return {
    key: `${key} of ${whose}`,
    kind: "configuration",
    problem: `Kubernetes does not create ${whose}: ${oneLine(text)}`,
    ...rest,
  };
}
