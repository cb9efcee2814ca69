import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { type Api, openApi, pathOf, resourceOf } from "./api.ts";
import { theWholeSetup } from "./setup.ts";
import { bringTo } from "./state.ts";
import { until } from "./until.ts";
import { READS_ALL, user } from "./users.ts";

const JOBS = "/apis/batch/v1/namespaces/analytics-jobs/jobs";
const POLICIES = "/apis/networking.k8s.io/v1/namespaces/analytics-jobs/networkpolicies";
const MERGE = "application/merge-patch+json";

/** Returns objects as stored by the server, without the fields that the server sets itself. */
async function read(api: Api, objects: readonly KubeObject[]): Promise<string[]> {
  const resources = await api.resources();
  return await Promise.all(objects.map(async (object) => {
    const { name, namespace } = object.metadata;
    const found = await api.get(pathOf(resourceOf(resources, object), namespace, name));
    const { managedFields: _m, resourceVersion: _r, generation: _g, ...metadata } = found.metadata;
    return JSON.stringify({ ...found, metadata }, undefined, 2)
      .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, "UID")
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME")
      .replaceAll(/"observedGeneration": \d+/g, "GENERATION")
      .replaceAll(/10\.43\.\d+\.\d+/g, "ADDRESS");
  }));
}

// deno-lint-ignore no-explicit-any
function isComplete(job: any): boolean {
  // deno-lint-ignore no-explicit-any
  return job.status.conditions?.some(({ type }: any) => type === "Complete") ?? false;
}

clusterTest(
  "theWholeSetup: creates the nodes, the policies and the pods of a healthy cluster",
  async () => {
    await bringTo(controlPlane(), await theWholeSetup());
    using api = openApi(controlPlane().admin);
    const { items: nodes } = await api.get("/api/v1/nodes");
    // deno-lint-ignore no-explicit-any
    const facts = nodes.map(({ metadata, spec, status }: any) => ({
      name: metadata.name,
      pool: metadata.labels["robson.io/pool"],
      taints: spec.taints,
      ready: status.conditions[0].status,
      platform: `${status.nodeInfo.operatingSystem}/${status.nodeInfo.architecture}`,
      room: [status.allocatable.cpu, status.allocatable.memory],
    }));
    const taint = { key: "robson.io/dedicated", value: "analytics", effect: "NoSchedule" };
    const both = { ready: "True", platform: "linux/amd64", room: ["8", "24Gi"] };
    assertEquals(facts, [
      { name: "analytics-1", pool: "analytics", taints: [taint], ...both },
      { name: "general-1", pool: undefined, taints: undefined, ...both },
    ]);
    const policy = await api.get(`${POLICIES}/default-deny`);
    assertEquals(policy.spec, { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    const service = await api.get("/api/v1/namespaces/default/services/kubernetes");
    assertEquals(service.spec.clusterIP, "10.43.0.1");
    for (const [namespace, label] of [["robson", "app"], ["kube-system", "k8s-app"]]) {
      const { items } = await api.get(
        `/api/v1/namespaces/${namespace}/pods?labelSelector=${label}`,
      );
      assertEquals(items.length, 1, namespace);
      assertEquals(items[0].spec.nodeName, "general-1");
      assertEquals(items[0].status.phase, "Running");
      assert(items[0].status.podIP.startsWith("10.42.0."), items[0].status.podIP);
    }
  },
);

clusterTest("theWholeSetup: an unsuspended Job runs on the jobs' node and completes", async () => {
  await bringTo(controlPlane(), await theWholeSetup());
  using api = openApi(controlPlane().admin);
  const path = `${JOBS}/bronze-ingest-manual`;
  await api.call("PATCH", path, { spec: { suspend: false } }, MERGE);
  await until("it is complete", async () => isComplete(await api.get(path)));
  const { items: pods } = await api.get("/api/v1/namespaces/analytics-jobs/pods");
  assertEquals(pods.length, 1);
  assertEquals(pods[0].spec.nodeName, "analytics-1");
  assertEquals(pods[0].status.phase, "Succeeded");
});

clusterTest(
  "theWholeSetup: sets the values of the Secrets and the account's pull secret",
  async () => {
    const password = "p\\a!s$s'w\"o#rd ";
    const pull = { name: "registry", registry: "127.0.0.1:5000", username: "u", password: "p" };
    await bringTo(
      controlPlane(),
      await theWholeSetup({ values: { DJANGO_DB_PASSWORD: password }, pull }),
    );
    using api = openApi(controlPlane().admin);
    const inJobs = "/api/v1/namespaces/analytics-jobs";
    const { data } = await api.get(`${inJobs}/secrets/django-db-credentials`);
    assertEquals(atob(data.DJANGO_DB_PASSWORD), password);
    assertEquals(atob(data.DJANGO_DB_USER), "robson");
    const account = await api.get(`${inJobs}/serviceaccounts/spark-jobs`);
    assertEquals(account.imagePullSecrets, [{ name: "registry" }]);
    const secret = await api.get(`${inJobs}/secrets/registry`);
    const { auths } = JSON.parse(atob(secret.data[".dockerconfigjson"]));
    assertEquals(auths["127.0.0.1:5000"].auth, btoa("u:p"));
  },
);

clusterTest("bringTo: restores the cluster after any damage, and keeps users", async (t) => {
  const setup = await theWholeSetup();
  const plane = controlPlane();
  await bringTo(plane, setup);
  using api = openApi(plane.admin);
  const before = await read(api, setup);
  const reader = await user(plane.admin, "steady", [READS_ALL]);
  const strike = (what: string, damage: () => Promise<unknown>, gone: readonly string[] = []) =>
    t.step(what, async () => {
      await damage();
      await bringTo(plane, setup);
      assertEquals(await read(api, setup), before);
      for (const path of gone) {
        const response = await api.send("GET", path);
        await response.body?.cancel();
        assertEquals(response.status, 404, path);
      }
    });
  const patch = (path: string, body: object) => api.call("PATCH", path, body, MERGE);

  await strike("a Job ran", async () => {
    await patch(`${JOBS}/bronze-ingest-manual`, { spec: { suspend: false } });
    await until("done", async () => isComplete(await api.get(`${JOBS}/bronze-ingest-manual`)));
  });
  await strike(
    "a policy that allows everything was added",
    () =>
      api.call("POST", POLICIES, {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: "open" },
        spec: { podSelector: {}, policyTypes: ["Egress"], egress: [{}] },
      }),
    [`${POLICIES}/open`],
  );
  await strike("a policy was deleted", () => api.call("DELETE", `${POLICIES}/default-deny`));
  await strike(
    "a namespace lost a label",
    () => patch("/api/v1/namespaces/robson", { metadata: { labels: { name: null, other: "x" } } }),
  );
  await strike("a namespace was deleted", () => api.call("DELETE", "/api/v1/namespaces/robson"));
  await strike(
    "a secret was changed",
    () =>
      patch("/api/v1/namespaces/analytics-jobs/secrets/django-db-credentials", {
        data: { DJANGO_DB_USER: btoa("x"), MORE: btoa("y") },
      }),
  );
  await strike("a node was changed", async () => {
    await patch("/api/v1/nodes/analytics-1", {
      metadata: { labels: { "robson.io/pool": null } },
      spec: { unschedulable: true, taints: null },
    });
    await patch("/api/v1/nodes/analytics-1/status", {
      status: {
        allocatable: { cpu: "1" },
        conditions: [{ type: "Ready", status: "False" }],
      },
    });
  });
  await strike("a node was deleted", () => api.call("DELETE", "/api/v1/nodes/analytics-1"));
  await strike("a custom resource was added", () => customPolicy(api), [
    "/apis/policy.example.com/v1/odds",
  ]);
  await strike(
    "a pod without an owner was added",
    () =>
      api.call("POST", "/api/v1/namespaces/robson/pods", {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "stray" },
        spec: { containers: [{ name: "a", image: "a" }] },
      }),
    ["/api/v1/namespaces/robson/pods/stray"],
  );

  using again = openApi(reader);
  await again.get("/api/v1/secrets");
});

async function customPolicy(api: Api): Promise<void> {
  const names = { plural: "odds", singular: "odd", kind: "Odd", listKind: "OddList" };
  const schema = { openAPIV3Schema: { type: "object" } };
  await api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "odds.policy.example.com" },
    spec: {
      group: "policy.example.com",
      scope: "Cluster",
      names,
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  });
  const one = { apiVersion: "policy.example.com/v1", kind: "Odd", metadata: { name: "one" } };
  await until("the kind is served", async () => {
    await api.call("POST", "/apis/policy.example.com/v1/odds", one);
    return true;
  });
}
