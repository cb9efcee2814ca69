import type { Cluster, KubeObject, Watching } from "../../../pipeline/cluster/cluster.ts";
import { parseDay } from "../../../pipeline/contract/window.ts";
import { Failure } from "../../../pipeline/errors.ts";
import type { Step } from "../../../pipeline/progress.ts";
import { type Following, followJob } from "../../../pipeline/spark/follow_job.ts";
import { assert, assertEquals, assertStringIncludes } from "../../support/assert.ts";

// Follows a Job of a cluster that the test plays: what the watches and the logs say, and when.

const DAY = parseDay("2025-12-28")!;
const COMMIT = "bronze  commit      s3://rbs/bronze/events/date=2025-12-28/_commit.json, sealed";
const TIME = "2025-12-29T00:00:00Z";

type Watches = Record<"Job" | "Pod" | "Event", Watching>;

function object(kind: string, uid: string, more: object, owner?: string): KubeObject {
  const ownerReferences = owner === undefined ? [] : [{ uid: owner }];
  const metadata = { name: uid, namespace: "jobs", uid, creationTimestamp: TIME, ownerReferences };
  return { apiVersion: "v1", kind, metadata, ...more };
}

const byUid = (...objects: KubeObject[]) =>
  new Map(objects.map((each) => [String(each.metadata.uid), each]));
const job = (status: object = {}) => byUid(object("Job", "job", { status }));
const complete = (more: object = {}) =>
  job({ conditions: [{ type: "Complete", status: "True" }], ...more });
const pod = (uid: string, owner: string, phase: string, state: object, restartCount = 0) =>
  object("Pod", uid, {
    status: { phase, containerStatuses: [{ name: "driver", state, restartCount }] },
  }, owner);
const running = (uid = "d", owner = "job") => pod(uid, owner, "Running", { running: {} });
const ended = (restarts = 0) =>
  pod("d", "job", "Succeeded", { terminated: { exitCode: 0 } }, restarts);
const unschedulable = (uid: string) =>
  object("Pod", uid, {
    status: {
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "" }],
    },
  }, "d");

interface Play {
  /** Plays the API server. */
  readonly script: (watches: Watches) => void;
  /** Returns the lines of the log at the n-th reading, from 1. */
  readonly log?: (reading: number) => AsyncIterable<string> | readonly string[];
  readonly more?: Partial<Following>;
}

/** Follows a Job to its end. */
async function follow({ script, log = () => [], more = {} }: Play) {
  const watches: Partial<Watches> = {};
  let readings = 0;
  const cluster = {
    watch(kind: { kind: keyof Watches }, _namespace: string, watching: Watching) {
      watches[kind.kind] = watching;
      if (Object.keys(watches).length === 3) queueMicrotask(() => script(watches as Watches));
      const { promise, resolve } = Promise.withResolvers<void>();
      watching.signal.addEventListener("abort", () => resolve());
      return promise;
    },
    async *log() {
      yield* log(++readings);
    },
  } as unknown as Cluster;
  const steps: Step[] = [];
  const following: Following = {
    ...{ layer: "bronze", day: DAY, cluster, job: [...job().values()][0]!, container: "driver" },
    observer: { step: (step) => void steps.push(step), progress() {} },
    ...{ signal: new AbortController().signal, patience: 1, attach: "ATTACH", secrets: [] },
    readMarker: () => Promise.resolve(undefined),
    ...more,
  };
  const failure = await followJob(following).then(() => undefined, (error) => error);
  if (failure !== undefined && !(failure instanceof Failure)) throw failure;
  return { failure, steps: steps.map(({ step, says }) => `${step}: ${says}`) };
}

Deno.test("followJob: a completed Job without a pod has an unknown result", async () => {
  const { failure, steps } = await follow({
    script({ Job, Pod, Event }) {
      Pod.onChange(byUid());
      Event.onChange(byUid());
      Job.onChange(complete({ succeeded: 0 }));
    },
  });
  assertEquals(failure?.kind, "unreachable");
  assertStringIncludes(String(failure?.message), "the lake has no marker of the day");
  assertEquals(steps, []);
});

Deno.test("followJob: waits for the driver of a Job that is complete", async () => {
  const { failure, steps } = await follow({
    script({ Job, Pod, Event }) {
      Pod.onChange(byUid());
      Event.onChange(byUid());
      Job.onChange(complete({ succeeded: 1 }));
      queueMicrotask(() => Pod.onChange(byUid(ended())));
    },
    log: () => [COMMIT],
  });
  assertEquals(failure, undefined);
  assertEquals(steps.at(-1), "completed: Job jobs/job");
});

Deno.test("followJob: gives up if one of the lists alone is refused", async () => {
  const trouble = new Failure({
    kind: "configuration",
    task: "list jobs",
    problem: "jobs is forbidden",
    remedy: "Ask.",
  });
  const { failure, steps } = await follow({
    script({ Job, Pod, Event }) {
      Event.onChange(byUid());
      Job.onChange(job());
      Job.onTrouble(trouble);
      Pod.onChange(byUid());
    },
    more: { silence: 1 },
  });
  assertEquals([failure?.kind, failure?.problem], ["configuration", "jobs is forbidden"]);
  assertEquals(steps.length, 1);
});

Deno.test("followJob: a fault of an executor counts again after the other executors", async () => {
  const { failure } = await follow({
    script({ Job, Pod, Event }) {
      Event.onChange(byUid());
      Job.onChange(job());
      const { promise, resolve } = Promise.withResolvers<void>();
      let looks = 0;
      // The executor runs until its state was read several times, so the patience is over.
      const executor = running("e", "d");
      Object.defineProperty(executor, "status", {
        get() {
          if (++looks === 20) resolve();
          return { phase: "Running", containerStatuses: [{ name: "e", state: { running: {} } }] };
        },
      });
      Pod.onChange(byUid(running(), executor, unschedulable("x")));
      promise.then(() => Pod.onChange(byUid(running(), unschedulable("x"))));
    },
    log: async function* () {
      await new Promise((resolve) => setTimeout(resolve));
      yield "bronze  outbox      stop_events";
    },
  });
  assertStringIncludes(String(failure?.problem), "no node can run the executor x");
});

Deno.test("followJob: reads the log of a container that was restarted in its pod", async () => {
  const { failure, steps } = await follow({
    script({ Job, Pod, Event }) {
      Event.onChange(byUid());
      Job.onChange(job());
      Pod.onChange(byUid(running()));
      setTimeout(() => {
        Pod.onChange(byUid(ended(1)));
        Job.onChange(complete({ succeeded: 1 }));
      });
    },
    log: (reading) =>
      reading === 1 ? ["bronze  outbox      first"] : ["bronze  outbox      second", COMMIT],
  });
  assertEquals(failure, undefined);
  assertEquals(steps.filter((step) => step.startsWith("outbox")), [
    "outbox: first",
    "outbox: second",
  ]);
  assert(steps.includes("completed: Job jobs/job"));
});

/** Follows a driver whose executor exists or does not, for long enough for the warning. */
async function withoutExecutor(...executors: KubeObject[]): Promise<string[]> {
  const { failure, steps } = await follow({
    script({ Job, Pod, Event }) {
      Event.onChange(byUid());
      Job.onChange(job());
      Pod.onChange(byUid(running(), ...executors));
      // A timer of the same length that was set later also ends later.
      setTimeout(() => {
        Pod.onChange(byUid(ended(), ...executors));
        Job.onChange(complete({ succeeded: 1 }));
      }, 1);
    },
    log: async function* () {
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield COMMIT;
    },
    more: { withoutExecutor: 1 },
  });
  assertEquals(failure, undefined);
  return steps.filter((step) => step.startsWith("executor: "));
}

Deno.test("followJob: warns once if a driver runs and has no executor", async () => {
  const [warning, ...others] = await withoutExecutor();
  assertStringIncludes(String(warning), "the driver runs, and has no executor yet");
  assertEquals(others, []);
});

Deno.test("followJob: does not warn about a driver with an executor", async () => {
  assertEquals(await withoutExecutor(running("e", "d")), ["executor: pod e on node "]);
});
