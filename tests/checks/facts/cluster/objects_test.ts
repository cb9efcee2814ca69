import { tracked, whoAmI } from "../../../../checks/facts/cluster.ts";
import { readKind, readOne, scheduledPodsOf } from "../../../../checks/facts/cluster/objects.ts";
import { accountsOf } from "../../../../checks/kubernetes/jobs.ts";
import { ApiError, type Cluster, type KubeObject } from "../../../../pipeline/cluster/cluster.ts";
import { Failure } from "../../../../pipeline/errors.ts";
import { assertEquals, assertRejects } from "../../../support/assert.ts";
import { liveObjects } from "../../healthy/cluster.ts";

// What no healthy API server answers. The rest is tested with a real one.

const POD = { apiVersion: "v1", kind: "Pod" };

/** A cluster with a single method. */
function answering(method: "list" | "get" | "create", answer: () => Promise<unknown>): Cluster {
  return { [method]: answer, close() {} } as unknown as Cluster;
}

const refusing = (status: number, says: string) => () =>
  Promise.reject(
    new ApiError(
      { kind: "configuration", task: "list it", problem: says, remedy: "Allow it." },
      { status, reason: "", serverMessage: says },
    ),
  );

Deno.test("readObjects reports a missing permission with kind, namespace and the server's message", async () => {
  const cluster = answering("list", refusing(403, "pods is forbidden"));
  const reading = await readKind(cluster, POD, "robson", undefined);
  assertEquals(
    reading.unread.map(({ failure, ...rest }) => ({ ...rest, message: failure.message })),
    [{
      kind: "Pod",
      namespace: "robson",
      message: "Cannot list it: pods is forbidden. Allow it.",
    }],
  );
  assertEquals(reading.objects, []);
  const { unread } = await readKind(cluster, POD, undefined, undefined);
  assertEquals(Object.keys(unread[0]!), ["kind", "failure"]);
});

Deno.test("readObjects finds no objects of a kind that the server does not know", async () => {
  for (const method of ["list", "get"] as const) {
    const cluster = answering(method, refusing(404, "there is no kind"));
    const reading = method === "list"
      ? readKind(cluster, POD, "robson", undefined)
      : readOne(cluster, POD, { name: "a", namespace: "robson" }, undefined);
    assertEquals(await reading, { objects: [], unread: [] });
  }
});

Deno.test("readObjects fails for any other error", async () => {
  const cluster = answering("list", refusing(401, "Unauthorized"));
  await assertRejects(() => readKind(cluster, POD, "robson", undefined), ApiError);
  const cut = answering("list", () =>
    Promise.reject(
      new Failure({
        kind: "unreachable",
        task: "list it",
        problem: "cut",
        remedy: "Run again.",
      }),
    ));
  await assertRejects(() => readKind(cut, POD, "robson", undefined), Failure, "cut");
});

Deno.test("readObjects leaves out objects without a name", async () => {
  const named = { ...POD, metadata: { name: "a", namespace: "robson" } };
  const items = [{ ...POD }, { ...POD, metadata: {} }, named] as KubeObject[];
  const cluster = answering("list", () => Promise.resolve(items));
  const { objects } = await readKind(cluster, POD, "robson", undefined);
  assertEquals(objects.map(({ name }) => name), ["a"]);
});

Deno.test("readObjects accepts a server that does not report the user, and fails for an anonymous user", async () => {
  for (const status of [403, 404]) {
    assertEquals(await whoAmI(answering("create", refusing(status, "no")), undefined), undefined);
  }
  const anonymous = refusing(
    403,
    'selfsubjectreviews is forbidden: User "system:anonymous" cannot',
  );
  await assertRejects(() => whoAmI(answering("create", anonymous), undefined), ApiError);
});

Deno.test("readObjects cancels pending requests at the end, and waits for them", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const requests = tracked({ list: () => promise, close: () => reject("closed") } as never);
  const listing = requests.cluster.list(POD, undefined);
  const ended: string[] = [];
  listing.catch(() => ended.push("list"));
  await requests.end();
  assertEquals(ended, ["list"]);
});

Deno.test("readObjects reduces scheduled pods to their requests and owners", () => {
  const pods = liveObjects(`
apiVersion: v1
kind: Pod
metadata: { name: a, namespace: x, uid: u, labels: { app: a }, ownerReferences: [{ uid: o }] }
spec:
  nodeName: node-1
  containers: [{ name: c, env: [{ name: TOKEN, value: s3cret }], resources: { limits: { cpu: 1 } } }]
---
apiVersion: v1
kind: Pod
metadata: { name: pending, namespace: x }
spec: { containers: [] }
---
apiVersion: v1
kind: Pod
metadata: { name: over, namespace: x }
spec: { nodeName: node-1, containers: [] }
status: { phase: Failed }
`);
  const scheduledPods = scheduledPodsOf(pods);
  assertEquals(scheduledPods.map(({ name }) => name), ["a"]);
  assertEquals(JSON.stringify(scheduledPods[0]!.value).includes("s3cret"), false);
  assertEquals(scheduledPods[0]!.value.spec, {
    nodeName: "node-1",
    overhead: undefined,
    resources: undefined,
    initContainers: [],
    containers: [{ name: "c", restartPolicy: undefined, resources: { limits: { cpu: 1 } } }],
  });
});

Deno.test("readObjects lists each service account of jobs once, also from the deprecated field", () => {
  const job = (name: string, spec: string, kind = "Job") => `
apiVersion: batch/v1
kind: ${kind}
metadata: { name: ${name}, namespace: analytics-jobs }
spec: { template: { spec: ${spec} } }
`;
  const objects = liveObjects([
    job("a", "{ serviceAccountName: spark-jobs, containers: [] }"),
    job("b", "{ serviceAccount: spark-jobs, containers: [] }"),
    job("c", "{ containers: [] }"),
    job("d", "{ serviceAccountName: web, containers: [] }", "Deployment"),
  ].join("---"));
  assertEquals(accountsOf(objects), [
    { name: "spark-jobs", namespace: "analytics-jobs" },
    { name: "default", namespace: "analytics-jobs" },
  ]);
});
