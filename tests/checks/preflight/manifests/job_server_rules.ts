import type { Fields } from "../../../../checks/kubernetes/fields.ts";
import { pods } from "./server_rules.ts";

// Jobs for the rules of the API server, with its verdicts, as in server_rules.ts.

const job = (spec: Fields, pod: Fields = {}, name = "a") => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name },
  spec: { template: pods({ restartPolicy: "Never", ...pod }, {}), ...spec },
});
const cronJob = (spec: Fields) => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: { name: "a" },
  spec: { schedule: "@daily", jobTemplate: { spec: job(spec).spec } },
});
const indexed = (spec: Fields, name = "a") =>
  job({ completionMode: "Indexed", completions: 5, ...spec }, {}, name);
const success = (rule: Fields) => indexed({ successPolicy: { rules: [rule] } });
const indexes = (succeededIndexes: string) => success({ succeededIndexes });
const failure = (rule: Fields) => ({
  podFailurePolicy: {
    rules: [{ action: "Ignore", onExitCodes: { operator: "In", values: [1] }, ...rule }],
  },
});
const condition = (fields: Fields) =>
  job(failure({ onExitCodes: null, onPodConditions: [{ type: "DisruptionTarget", ...fields }] }));
const long = "a".repeat(61);

/** Jobs that the API server refuses, and a part of what the check finds. */
export const REFUSED_JOBS: readonly (readonly [Fields, string])[] = [
  [job({ backoffLimitPerIndex: 1 }), "backoffLimitPerIndex needs completionMode: Indexed"],
  [cronJob({ backoffLimitPerIndex: 1 }), "backoffLimitPerIndex needs completionMode: Indexed"],
  [job({ completionMode: "NonIndexed", maxFailedIndexes: 1 }), "maxFailedIndexes needs completion"],
  [job({ completionMode: "Indexed", parallelism: 2 }), "completions is required with"],
  [indexed({ maxFailedIndexes: 1 }), "maxFailedIndexes needs backoffLimitPerIndex"],
  [
    indexed({ maxFailedIndexes: 6, backoffLimitPerIndex: 1 }),
    "maxFailedIndexes is 6, more than completions: 5",
  ],
  [
    job({ successPolicy: { rules: [{ succeededCount: 1 }] } }),
    "successPolicy needs completionMode: Indexed",
  ],
  [indexed({ successPolicy: { rules: [] } }), "rules is required, but empty"],
  [success({}), "one of succeededCount or succeededIndexes is required"],
  [success({ succeededCount: 6 }), "succeededCount is 6, but the rule has 5 indexes"],
  [
    success({ succeededIndexes: "0-1", succeededCount: 3 }),
    "succeededCount is 3, but the rule has 2 indexes",
  ],
  [success({ succeededIndexes: "", succeededCount: 1 }), "but the rule has 0 indexes"],
  ...["5", "0-5"].map((text) => [indexes(text), "has an index beyond 4, the last one"] as const),
  ...["2,1", "1-1", "3-1", "a", "0, 2", "1,1", "1-2,2-3", "-1", "0-", "1,", "1-2-3"].map((text) =>
    [indexes(text), "is not a list of indexes in ascending order"] as const
  ),
  [indexed(failure({ action: "FailIndex" })), "action FailIndex needs backoffLimitPerIndex"],
  [
    job({ ...failure({}), podReplacementPolicy: "TerminatingOrFailed" }),
    "podFailurePolicy needs podReplacementPolicy: Failed",
  ],
  [job(failure({}), { restartPolicy: "OnFailure" }), "podFailurePolicy needs restartPolicy: Never"],
  [condition({ type: "a b" }), "type must be a name"],
  [condition({ status: "true" }), "Write status: True"],
  [condition({ status: true }), "status must be a string, but is true"],
  [job({ manualSelector: true }), "manualSelector: true needs a selector"],
  [indexed({}, "a.b"), "the host name of a pod would be a.b-4"],
  [indexed({}, `${long}b`), `the host name of a pod would be ${long}b-4`],
  [indexed({ completions: 11 }, long), `the host name of a pod would be ${long}-10`],
  ...["kueue", "a.b/", "/c", "A.b/c", "a b/c", ""].map((name) =>
    [job({ managedBy: name }), "managedBy must be a domain, a slash and a name"] as const
  ),
  [job({ completionMode: "" }), "completionMode must be"],
  [job({ podReplacementPolicy: "" }), "podReplacementPolicy must be"],
];

/** Jobs that the API server accepts. */
export const ACCEPTED_JOBS: readonly Fields[] = [
  indexed({ backoffLimitPerIndex: 1 }),
  job({ completionMode: "Indexed" }),
  job({ completionMode: "Indexed", completions: null, parallelism: null }),
  indexed({ backoffLimitPerIndex: 1, maxFailedIndexes: 5 }),
  cronJob({ completionMode: "Indexed", completions: 5, backoffLimitPerIndex: 1 }),
  job({ backoffLimitPerIndex: null, successPolicy: null }),
  success({ succeededCount: 0 }),
  success({ succeededCount: 5 }),
  success({ succeededIndexes: "0-1", succeededCount: 2 }),
  ...["0", "0-4", "0,2-4", "", "01", "+1"].map(indexes),
  indexed({ ...failure({ action: "FailIndex" }), backoffLimitPerIndex: 1 }),
  job({ ...failure({}), podReplacementPolicy: "Failed" }),
  job({ podReplacementPolicy: "TerminatingOrFailed" }),
  job({ podFailurePolicy: { rules: [] } }),
  condition({}),
  condition({ type: "a.b/c", status: "Unknown" }),
  job({ manualSelector: true, selector: { matchLabels: { a: "b" } } }),
  job({}, {}, "a.b"),
  indexed({}, long),
  indexed({ completions: 10 }, long),
  indexed({ completions: 0 }, `${long}bc`),
  ...["kubernetes.io/job-controller", "kueue.x-k8s.io/multikueue", "a/b/c"].map((managedBy) =>
    job({ managedBy })
  ),
];
