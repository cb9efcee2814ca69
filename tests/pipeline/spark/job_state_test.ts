import type { KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { addLine, EMPTY_LOG, parseStep, partsOf } from "../../../pipeline/spark/driver_log.ts";
import { creationFault } from "../../../pipeline/spark/creation_faults.ts";
import { faultsOf, stepsOf } from "../../../pipeline/spark/job_state.ts";
import { type JobView, viewOf } from "../../../pipeline/spark/job_view.ts";
import { jobsOfDay, newJob } from "../../../pipeline/spark/new_job.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { renderStep } from "../../../tasks/cli/observer.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";

// What is read from the objects of a Job, and from the log of its driver.

const TIME = "2025-12-29T00:10:00Z";

function object(kind: string, uid: string, more: object = {}, metadata: object = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind,
    metadata: { name: uid, namespace: "jobs", uid, creationTimestamp: TIME, ...metadata },
    ...more,
  };
}

const owned = (uid: string, by: string, more: object = {}, metadata: object = {}) =>
  object("Pod", uid, more, { ownerReferences: [{ uid: by }], ...metadata });

const refused = (message: string, lastTimestamp = TIME) =>
  object("Event", "e", {
    involvedObject: { uid: "job" },
    reason: "FailedCreate",
    message: `Error creating: ${message}`,
    lastTimestamp,
  });

function view(pods: readonly KubeObject[], events: readonly KubeObject[] = [], job: object = {}) {
  const byUid = (objects: readonly KubeObject[]) =>
    new Map(objects.map((each) => [String(each.metadata.uid), each]));
  const jobs = byUid([object("Job", "job", job)]);
  return viewOf("job", { jobs, pods: byUid(pods), events: byUid(events) })!;
}

const faultKeys = (of: JobView) => faultsOf(of).map(({ key }) => key);

Deno.test("viewOf: has the pods of the Job and of its drivers, and no others", () => {
  const pods = [owned("d", "job"), owned("x", "d"), owned("y", "other"), object("Pod", "z")];
  const { drivers, executors } = view(pods);
  assertEquals(drivers.map(({ metadata }) => metadata.name), ["d"]);
  assertEquals(executors.map(({ metadata }) => metadata.name), ["x"]);
  const none = new Map();
  assertEquals(viewOf("job", { jobs: none, pods: none, events: none }), undefined);
});

Deno.test("viewOf: has the events about the Job and its pods, and no others", () => {
  const about = (uid: string, of: string) => object("Event", uid, { involvedObject: { uid: of } });
  const events = [about("1", "job"), about("2", "d"), about("3", "other")];
  const found = view([owned("d", "job")], events).events.map(({ metadata }) => metadata.name);
  assertEquals(found, ["1", "2"]);
});

Deno.test("faultsOf: a refused pod counts until a pod was created", () => {
  const quota = refused('pods "a" is forbidden: exceeded quota: q');
  assertEquals(faultKeys(view([], [quota])), ["quota of the driver's pod"]);
  const later = { creationTimestamp: "2025-12-29T00:10:05Z" };
  assertEquals(faultKeys(view([owned("d", "job", {}, later)], [quota])), []);
  // A retry that is refused has an earlier pod, which has failed.
  const failed = owned("d", "job", { status: { phase: "Failed" } });
  const retry = refused('pods "b" is forbidden: exceeded quota: q', "2025-12-29T00:10:30Z");
  assertEquals(faultKeys(view([failed], [retry])), ["quota of the driver's pod"]);
  assertEquals(faultKeys(view([failed], [quota])), []);
});

Deno.test("faultsOf: a Job that runs has none", () => {
  const state = { running: { startedAt: TIME } };
  const status = { phase: "Running", containerStatuses: [{ name: "spark-driver", state }] };
  const running = owned("d", "job", { spec: { nodeName: "n" }, status });
  assertEquals(faultsOf(view([running])), []);
  assertEquals(stepsOf(view([running])).map(({ step }) => step.step), ["scheduled", "running"]);
  // A container that is created has no fault either.
  const waiting = { waiting: { reason: "ContainerCreating" } };
  const created = {
    phase: "Pending",
    containerStatuses: [{ name: "spark-driver", state: waiting }],
  };
  assertEquals(faultsOf(view([owned("d", "job", { status: created })])), []);
});

Deno.test("faultsOf: a pod whose status is incomplete or of other types has none", () => {
  for (const status of [undefined, null, "text", { containerStatuses: "x", conditions: 1 }]) {
    assertEquals(faultsOf(view([owned("d", "job", { status })])), []);
    assertEquals(stepsOf(view([owned("d", "job", { status })])), []);
  }
});

Deno.test("faultsOf: a pod that the scheduler moved for another one is lost, and retried", () => {
  const conditions = [{
    type: "DisruptionTarget",
    status: "True",
    reason: "PreemptionByScheduler",
    message: "preempted by a pod",
  }];
  const [fault] = faultsOf(view([owned("d", "job", { status: { phase: "Failed", conditions } })]));
  assertEquals([fault?.kind, fault?.outlook], ["unreachable", "retried"]);
  assertMatch(fault!.problem, /PreemptionByScheduler: preempted by a pod$/);
});

Deno.test("faultsOf: a node that is busy tries to start a container again", () => {
  const outlookOf = (reason: string, message: string) => {
    const state = { waiting: { reason, message } };
    const status = { phase: "Pending", containerStatuses: [{ name: "spark-driver", state }] };
    return faultsOf(view([owned("d", "job", { status })])).map(({ outlook }) => outlook);
  };
  const config = "CreateContainerConfigError";
  const cache = "failed to sync secret cache: timed out waiting for the condition";
  assertEquals(outlookOf(config, cache), ["may pass"]);
  assertEquals(outlookOf(config, 'secret "a" not found'), ["final"]);
  assertEquals(outlookOf("CreateContainerError", "context deadline exceeded"), ["may pass"]);
  assertEquals(outlookOf("RunContainerError", 'exec: "/a": no such file'), ["final"]);
});

Deno.test("faultsOf: a volume that a busy node mounts late does not hide a volume with a fault", () => {
  const driver = owned("d", "job", { status: { phase: "Pending" } });
  const late = "failed to sync configmap cache: timed out waiting for the condition";
  const missing = 'configmap "no-such-map" not found';
  const faultOf = (...messages: string[]) => {
    const events = messages.map((message, i) =>
      object("Event", `e${i}`, {
        involvedObject: { uid: "d" },
        reason: "FailedMount",
        message,
        lastTimestamp: `2025-12-29T00:10:0${i}Z`,
      })
    );
    const faults = faultsOf(view([driver], events));
    return faults.map(({ problem, remedy, outlook }) => [problem, remedy, outlook]);
  };
  const problem = (message: string) => `a volume of the driver cannot be mounted: ${message}`;
  const again = "The node tries again. If this lasts, look at the node: kubectl describe node";
  const create = "Create the missing object; Kubernetes then starts the pod: deno task apply";
  const correct = "Correct the volume in the manifests, and apply them.";
  assertEquals(faultOf(late), [[problem(late), again, "may pass"]]);
  assertEquals(faultOf(late, missing), [[problem(missing), create, "may pass"]]);
  assertEquals(faultOf(missing, late), [[problem(missing), create, "may pass"]]);
  const noFolder = "hostPath type check failed: /x is not a directory";
  assertEquals(faultOf(noFolder), [[problem(noFolder), correct, "may pass"]]);
});

Deno.test("faultsOf: a later event without a cause does not hide why an image cannot be pulled", () => {
  const state = {
    waiting: { reason: "ImagePullBackOff", message: 'Back-off pulling image "a:b"' },
  };
  const status = { phase: "Pending", containerStatuses: [{ name: "spark-driver", state }] };
  const messages = ['Failed to pull image "a:b": a:b: not found', "Error: ImagePullBackOff"];
  const events = messages.map((message, i) =>
    object("Event", `e${i}`, {
      involvedObject: { uid: "d" },
      reason: "Failed",
      message,
      lastTimestamp: `2025-12-29T00:10:0${i}Z`,
    })
  );
  const [fault] = faultsOf(view([owned("d", "job", { status })], events));
  assertMatch(fault!.problem, /cannot be pulled: ImagePullBackOff: Failed to pull .*: not found$/);
  assertEquals(fault!.outlook, "final");
});

Deno.test("faultsOf: a registry without an address may have one again", () => {
  const outlookOf = (message: string) => {
    const state = { waiting: { reason: "ErrImagePull", message } };
    const status = { phase: "Pending", containerStatuses: [{ name: "spark-driver", state }] };
    return faultsOf(view([owned("d", "job", { status })])).map(({ outlook }) => outlook);
  };
  assertEquals(outlookOf("dial tcp: lookup ghcr.io: no such host"), ["may pass"]);
  assertEquals(outlookOf("ghcr.io/a:b: not found"), ["final"]);
});

const REFUSALS = [
  ['pods "a" is forbidden: exceeded quota: q, requested: pods=1', "quota-fit", "may pass"],
  ['pods "a" is forbidden: failed quota: q: must specify limits.cpu', "quota-fit", "final"],
  [
    'pods "a" is forbidden: maximum cpu usage per Container is 4, but limit is 5',
    "quota-fit",
    "final",
  ],
  [
    'pods "a" is forbidden: violates PodSecurity "restricted:latest": x',
    "manifests-readable",
    "final",
  ],
  [
    'error looking up service account jobs/a: serviceaccount "a" not found',
    "service-account",
    "final",
  ],
  ['admission webhook "x" denied the request', "run", "final"],
  ['failed calling webhook "x": context deadline exceeded', "run", "may pass"],
  ['failed calling webhook "x": dial tcp: lookup x.svc: no such host', "run", "may pass"],
  ["etcdserver: request timed out", "run", "may pass"],
] as const;
for (const [message, page, outlook] of REFUSALS) {
  Deno.test(`creationFault: ${message}`, () => {
    const fault = creationFault("the driver's pod", `Error creating: ${message}`);
    assertEquals([fault.page, fault.outlook], [page, outlook]);
    const passes = page === "run" && outlook === "may pass";
    assertEquals(fault.kind, passes ? "unreachable" : "configuration");
    assertEquals(fault.problem, `Kubernetes does not create the driver's pod: ${message}`);
  });
}

Deno.test("parseStep: reads what the local engine prints, and prints the same line", () => {
  const steps = [
    { step: "outbox", says: "stop_events in robson@db:5432/rbsdb" },
    { step: "event-types", says: "copied: A", warning: true },
    { step: "commit", says: "s3://rbs/_commit.json, open, unchanged" },
  ];
  for (const { step, says, warning = false } of steps) {
    const line = renderStep("bronze", { step, says, warning, data: {} }, false);
    const parsed = parseStep(line)!;
    assertEquals([parsed.step, parsed.says, parsed.warning ?? false], [step, says, warning]);
    assertEquals(renderStep("bronze", parsed, false), line);
  }
});

Deno.test("parseStep: takes only steps of a layer", () => {
  const others = [
    "",
    "bronze",
    "bronze  commit",
    "25/12/29 00:10:00 WARN Utils: bronze  commit      x",
    "bronzed commit      x",
    "Cannot read bronze: x. y",
  ];
  for (const line of others) assertEquals([line, parseStep(line)], [line, undefined]);
  assertEquals(parseStep("silver  verified    already sealed")?.data.state, "sealed");
  assertEquals(parseStep("silver  commit      s3://a/b, sealed")?.data.state, "sealed");
  assertEquals(
    parseStep("bronze  commit      another run published s3://a")?.data.state,
    undefined,
  );
});

Deno.test("addLine: keeps the last failure and the last lines that are no steps", () => {
  const lines = ["a", "Cannot x: y. Z.", "bronze  part        p", "b", "", "c", "d", "e", "f"];
  const log = lines.reduce(addLine, EMPTY_LOG);
  assertEquals(log.failure, "Cannot x: y. Z.");
  assertEquals(log.last, ["b", "c", "d", "e", "f"]);
});

Deno.test("partsOf: the parts give the driver's message again", () => {
  const messages = [
    "Cannot export 2025-12-28: bronze has 1 event that stop_events no longer has: a. Run: b --date c",
    "Cannot use S3_ENDPOINT=http://a:1: it is no URL. Set it to https://s3.example.com",
    "Cannot log in to db:5432: the password was refused. Correct it. Then run again.",
  ];
  for (const message of messages) {
    assertEquals(new Failure({ kind: "data", ...partsOf(message) }).message, message);
  }
});

const DAY = parseDay("2025-12-28")!;
const TEMPLATE = {
  object: {
    metadata: { name: "a", labels: { app: "bronze-ingest" }, uid: "u", resourceVersion: "1" },
    spec: {
      suspend: true,
      backoffLimit: 2,
      template: {
        metadata: { labels: { app: "bronze-ingest" } },
        spec: {
          containers: [
            { name: "proxy", env: [{ name: "JOB_DATE", value: "x" }] },
            { name: "spark-driver", env: [{ name: "A" }, { name: "JOB_DATE", value: "today" }] },
          ],
        },
      },
    },
    status: { active: 1 },
  },
  namespace: "jobs",
  container: "spark-driver",
};
const RUN = { layer: "bronze", day: DAY } as const;

// deno-lint-ignore no-explicit-any
const specOf = (job: KubeObject) => job.spec as any;

Deno.test("newJob: sets the day in the driver's container alone, and keeps the rest", () => {
  const before = JSON.stringify(TEMPLATE);
  const job = newJob(TEMPLATE, RUN, 3);
  const [proxy, driver] = specOf(job).template.spec.containers;
  assertEquals(proxy, { name: "proxy", env: [{ name: "JOB_DATE", value: "x" }] });
  assertEquals(driver.env, [{ name: "A" }, { name: "JOB_DATE", value: DAY }]);
  assertEquals([specOf(job).suspend, specOf(job).backoffLimit], [undefined, 2]);
  assertEquals(specOf(job).ttlSecondsAfterFinished, 86_400);
  assertEquals(Object.keys(job).sort(), ["apiVersion", "kind", "metadata", "spec"]);
  assertEquals(Object.keys(job.metadata).sort(), ["labels", "name", "namespace"]);
  assertEquals(JSON.stringify(TEMPLATE), before);
});

Deno.test("jobsOfDay: finds the attempts of the day, the latest first, and the one that runs", () => {
  const done = { conditions: [{ type: "Complete", status: "True" }] };
  const attempt = (n: number, status?: object) => ({ ...newJob(TEMPLATE, RUN, n), status });
  const other = newJob(TEMPLATE, { ...RUN, day: parseDay("2025-12-29")! }, 1);
  const silver = newJob(TEMPLATE, { ...RUN, layer: "silver" }, 1);
  const jobs = [attempt(9, done), attempt(10, done), other, silver];
  const found = jobsOfDay(jobs, TEMPLATE, RUN);
  assertEquals(found.own.map(({ metadata }) => metadata.name), [
    ...["bronze-2025-12-28-10", "bronze-2025-12-28-9"],
  ]);
  assertEquals(found.running, undefined);
  const running = attempt(11);
  assertEquals(jobsOfDay([...jobs, running], TEMPLATE, RUN).running, running);
});

Deno.test("jobsOfDay: a Job without labels runs the day if its JOB_DATE says so", () => {
  const manual = (day: string, suspend = false) => {
    const { metadata: _, ...made } = newJob(TEMPLATE, { ...RUN, day: parseDay(day)! }, 1);
    const metadata = { name: "manual", labels: {} };
    return { ...made, metadata, spec: { ...specOf(made as KubeObject), suspend } } as KubeObject;
  };
  const ofDay = manual("2025-12-28");
  assertEquals(jobsOfDay([ofDay], TEMPLATE, RUN).running, ofDay);
  assertEquals(jobsOfDay([manual("2025-12-29")], TEMPLATE, RUN).running, undefined);
  assertEquals(jobsOfDay([manual("2025-12-28", true)], TEMPLATE, RUN).running, undefined);
});

Deno.test("jobsOfDay: a day of a Job without labels can count from its start", () => {
  const manual = (value: string | undefined, startTime: string) => {
    const env = value === undefined ? [] : [{ name: "JOB_DATE", value }];
    const { template } = specOf({ ...newJob(TEMPLATE, RUN, 1) });
    const spec = { template: { ...template, spec: { containers: [{ env }] } } };
    const metadata = { name: "manual", creationTimestamp: "2025-12-20T00:00:00Z" };
    return { apiVersion: "batch/v1", kind: "Job", metadata, spec, status: { startTime } };
  };
  const runs = (value: string | undefined, startTime: string) =>
    jobsOfDay([manual(value, startTime)], TEMPLATE, RUN).running !== undefined;
  assertEquals(runs("yesterday", "2025-12-29T00:00:00Z"), true);
  assertEquals(runs("yesterday", "2025-12-28T23:59:59Z"), false);
  assertEquals(runs("today", "2025-12-28T23:59:59Z"), true);
  assertEquals(runs(undefined, "2025-12-28T00:00:00Z"), true);
  assertEquals(runs("", "2025-12-29T00:00:00Z"), false);
});

Deno.test("parseStep: reads the number of rows", () => {
  const rows = (line: string) => parseStep(line)?.data.rows;
  assertEquals(rows("bronze  snapshot    1,000 events, event_seq 1 to 1000"), 1000);
  assertEquals(rows("bronze  snapshot    1 event, none with an event_seq"), 1);
  assertEquals(rows("bronze  snapshot    no events; the table is empty"), 0);
  const marker = "s3://rbs/bronze/events/date=2025-12-28/_commit.json";
  assertEquals(rows(`silver  bronze      ${marker}, sealed, 2,000 events in 3 parts`), 2000);
  assertEquals(rows("bronze  verified    already sealed; the outbox has the same 20 rows; x"), 20);
  assertEquals(rows("silver  parts       21 parts for 21 clients"), undefined);
});

Deno.test("faultsOf: a container whose program does not exist has not started, although it ended", () => {
  const terminated = { reason: "StartError", exitCode: 128, message: "exec: no such file" };
  const containerStatuses = [{ name: "spark-driver", state: { terminated } }];
  const pod = owned("d", "job", { status: { phase: "Failed", containerStatuses } });
  const [fault] = faultsOf(view([pod]));
  assertEquals(fault?.outlook, "retried");
  assertMatch(
    fault!.problem,
    /^the container spark-driver of the driver does not start: StartError/,
  );
});
