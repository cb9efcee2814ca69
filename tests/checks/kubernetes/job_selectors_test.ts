import { wrongOperatorSchedules } from "../../../checks/kubernetes/cron_schedule.ts";
import { wrongWorkload } from "../../../checks/kubernetes/pod_rules.ts";
import { assertEquals } from "../../support/assert.ts";

// What the API server or an operator refuses although each field has the right type.

const problemsOf = (spec: object) =>
  wrongWorkload({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "a" },
    spec: {
      template: {
        metadata: { labels: { app: "a" } },
        spec: { restartPolicy: "Never", containers: [{ name: "a", image: "a:1" }] },
      },
      ...spec,
    },
  }).map(({ path }) => path);

Deno.test("a Job has no selector of its own, unless it says so", () => {
  const selector = { matchLabels: { app: "a" } };
  assertEquals(problemsOf({}), []);
  assertEquals(problemsOf({ selector }), ["spec.selector"]);
  assertEquals(problemsOf({ selector, manualSelector: true }), []);
  const other = { selector: { matchLabels: { app: "b" } }, manualSelector: true };
  assertEquals(problemsOf(other), ["spec.selector.matchLabels"]);
  // The API server adds its labels to a selector without labels.
  for (const empty of [{}, { matchLabels: {} }, { matchExpressions: [] }]) {
    assertEquals(problemsOf({ selector: empty }), []);
  }
  // A Job of a cluster has the selector that the API server generated.
  const generated = { matchLabels: { "batch.kubernetes.io/controller-uid": "0" } };
  assertEquals(problemsOf({ selector: generated }), []);
});

Deno.test("the Jobs of a CronJob have no selector at all", () => {
  const pathsOf = (more: object) => {
    const pod = { restartPolicy: "Never", containers: [{ name: "a", image: "a:1" }] };
    const jobTemplate = { spec: { template: { spec: pod }, ...more } };
    const spec = { schedule: "0 3 * * *", jobTemplate };
    return wrongWorkload({ apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "a" }, spec })
      .map(({ path }) => path);
  };
  assertEquals(pathsOf({}), []);
  assertEquals(pathsOf({ selector: null }), []);
  assertEquals(pathsOf({ selector: {} }), ["spec.jobTemplate.spec.selector"]);
});

Deno.test("a variable can have the node of its pod, also by the old name of the field", () => {
  const pathsOf = (fieldPath: string) => {
    const env = [{ name: "NODE", valueFrom: { fieldRef: { fieldPath } } }];
    const spec = { restartPolicy: "Never", containers: [{ name: "a", image: "a:1", env }] };
    return problemsOf({ template: { spec } });
  };
  assertEquals(["spec.nodeName", "spec.host"].map((field) => pathsOf(field).length), [0, 0]);
  assertEquals(pathsOf("spec.node").length, 1);
});

Deno.test("an operator refuses a time zone that does not exist", () => {
  const pathsOf = (apiVersion: string, kind: string, spec: object) =>
    wrongOperatorSchedules({ apiVersion, kind, spec: { schedule: "0 3 * * *", ...spec } })
      .map(({ path }) => path);
  const spark = ["sparkoperator.k8s.io/v1beta2", "ScheduledSparkApplication"] as const;
  const argo = ["argoproj.io/v1alpha1", "CronWorkflow"] as const;
  for (const zone of ["America/Sao_Paulo", "UTC", "Local", ""]) {
    assertEquals(pathsOf(...spark, { timeZone: zone }), [], zone);
    assertEquals(pathsOf(...argo, { timezone: zone }), [], zone);
  }
  assertEquals(pathsOf(...spark, { timeZone: "America/SaoPaulo" }), ["spec.timeZone"]);
  assertEquals(pathsOf(...argo, { timezone: "Etc/Mars" }), ["spec.timezone"]);
});
