import { addLine, EMPTY_LOG } from "../../../pipeline/spark/driver_log.ts";
import { assertEquals } from "../../support/assert.ts";

// The messages of Spark 3.5 when the API server refuses the pod of an executor.

const EXCEPTION = "io.fabric8.kubernetes.client.KubernetesClientException: Failure executing: " +
  "POST at: https://kubernetes.default.svc/api/v1/namespaces/analytics-jobs/pods. Message: ";
const REFUSAL = 'pods "bronze-ingest-02b6d1a21847b669-exec-1" is forbidden: exceeded quota: ' +
  "analytics-jobs, requested: limits.cpu=2, used: limits.cpu=1, limited: limits.cpu=2";

for (
  const [what, guess] of [
    ["alone", ""],
    [
      "behind a guess about the service account",
      "Forbidden!Configured service account doesn't have access. Service account may have been " +
      "revoked. ",
    ],
  ] as const
) {
  Deno.test(`addLine: finds the refusal of an executor's pod, ${what}`, () => {
    const { fault } = addLine(EMPTY_LOG, `${EXCEPTION}${guess}${REFUSAL}.`);
    assertEquals([fault?.page, fault?.outlook, fault?.isOfExecutor], [
      "quota-fit",
      "may pass",
      true,
    ]);
    assertEquals(
      fault?.problem.startsWith(`Kubernetes does not create a pod of an executor: ${REFUSAL}`),
      true,
      fault?.problem,
    );
  });
}

Deno.test("addLine: finds no refusal in another exception", () => {
  assertEquals(addLine(EMPTY_LOG, `${EXCEPTION}the server is busy.`).fault, undefined);
});
