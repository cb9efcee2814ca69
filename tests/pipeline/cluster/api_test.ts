import { ApiError, type Cluster, type Kind } from "../../../pipeline/cluster/cluster.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { openApi } from "../../cluster/api.ts";
import { faultyProxy } from "../../cluster/faulty_proxy.ts";
import { type Access, kubeconfig } from "../../cluster/kubeconfig.ts";
import { DOES_ALL, READS_ALL, user } from "../../cluster/users.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { open } from "./kubeconfigs.ts";

// Requests to a real API server, and its refusals.

const CONFIG_MAP: Kind = { apiVersion: "v1", kind: "ConfigMap" };
const ROLES: Kind = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" };

const configMap = (name: string, data: object, more: object = {}) => (
  { ...CONFIG_MAP, metadata: { name }, data, ...more }
);
const secret = (name: string, more: object) => (
  { apiVersion: "v1", kind: "Secret", metadata: { name }, ...more }
);

/** Options for a dry run. */
function apply(cluster: Cluster) {
  return (object: object) => cluster.apply(object, { dryRun: true });
}

/**
 * A namespace for one test, which is also the kubeconfig's namespace. The end of the block removes
 * it.
 */
async function space(access: Access = controlPlane().admin, pageSize?: number) {
  const namespace = `t-${crypto.randomUUID()}`;
  const api = openApi(controlPlane().admin);
  await api.call("POST", "/api/v1/namespaces", {
    ...{ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  });
  const text = kubeconfig(access).replace(
    "context:\n",
    `context:\n      namespace: ${namespace}\n`,
  );
  const opened = await open(text, pageSize === undefined ? {} : { pageSize });
  return {
    cluster: opened.cluster,
    namespace,
    api,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await api.call("DELETE", `/api/v1/namespaces/${namespace}`);
      api[Symbol.dispose]();
    },
  };
}

clusterTest(
  "api: version: returns the server's version; the cluster has its context and address",
  async () => {
    const { admin } = controlPlane();
    await using opened = await open(kubeconfig(admin));
    const { cluster } = opened;
    assertStringIncludes(await cluster.version(), "v");
    assertEquals([cluster.context, cluster.server, cluster.namespace], [
      ...[admin.name, admin.server],
      "default",
    ]);
  },
);

clusterTest("api: isNamespaced: true, false, or undefined for an unknown kind", async () => {
  await using opened = await open(kubeconfig(controlPlane().admin));
  const { cluster } = opened;
  const kinds: [string, string, boolean | undefined][] = [
    ["v1", "ConfigMap", true],
    ["v1", "Namespace", false],
    ["networking.k8s.io/v1", "NetworkPolicy", true],
    ["rbac.authorization.k8s.io/v1", "ClusterRole", false],
    ["v1", "NetworkPolicy", undefined],
    ["cilium.io/v2", "CiliumNetworkPolicy", undefined],
    ["v7", "Pod", undefined],
    ["a/b/c", "Pod", undefined],
  ];
  for (const [apiVersion, kind, namespaced] of kinds) {
    assertEquals(await cluster.isNamespaced({ apiVersion, kind }), namespaced, kind);
  }
});

clusterTest("api: apiGroups: the versions of each group, the preferred one first", async () => {
  await using opened = await open(kubeconfig(controlPlane().admin));
  const groups = await opened.cluster.apiGroups();
  assertEquals(groups.get("networking.k8s.io")?.[0], "networking.k8s.io/v1");
  assertEquals(groups.get("batch"), ["batch/v1"]);
  assertEquals(groups.get("cilium.io"), undefined);
});

clusterTest("api: list: has every object once, with any number of pages", async () => {
  await using own = await space(undefined, 3);
  const names = Array.from({ length: 10 }, (_, i) => `c-${i}`);
  for (const name of names) await own.cluster.create(configMap(name, { name }));
  const listed = await own.cluster.list(CONFIG_MAP, own.namespace);
  const ours = listed.filter(({ metadata }) => metadata.name !== "kube-root-ca.crt");
  assertEquals(ours.map(({ metadata }) => metadata.name).sort(), names);
  for (const object of ours) {
    assertEquals([object.apiVersion, object.kind], ["v1", "ConfigMap"]);
    assertEquals(object.data, { name: object.metadata.name });
  }
  const everywhere = await own.cluster.list(CONFIG_MAP, undefined);
  assert(everywhere.length > listed.length);
  const roles = await own.cluster.list(ROLES, undefined);
  assertEquals(new Set(roles.map(({ metadata }) => metadata.name)).size, roles.length);
  assert(roles.length > 50);
});

clusterTest("api: create, get, remove: use the namespace of the context", async () => {
  await using own = await space();
  const { cluster, namespace } = own;
  assertEquals(await cluster.get(CONFIG_MAP, "a", undefined), undefined);
  const made = await cluster.create(configMap("a", { text: "1e3" }));
  assertEquals(made.metadata.namespace, namespace);
  const read = await cluster.get(CONFIG_MAP, "a", undefined);
  assertEquals(read?.data, { text: "1e3" });
  assertEquals(read, await cluster.get(CONFIG_MAP, "a", namespace));
  assertEquals(await cluster.get(CONFIG_MAP, "a", "kube-system"), undefined);
  await cluster.remove(CONFIG_MAP, "a", undefined);
  await cluster.remove(CONFIG_MAP, "a", undefined);
  assertEquals(await cluster.get(CONFIG_MAP, "a", undefined), undefined);
});

clusterTest(
  "api: create, get, remove: prefer the object's own namespace; cluster-scoped kinds have none",
  async () => {
    await using own = await space();
    const { cluster, namespace } = own;
    await using other = await space();
    const elsewhere = configMap("a", {}, { metadata: { name: "a", namespace: other.namespace } });
    assertEquals(
      (await cluster.apply(elsewhere, { dryRun: false })).metadata.namespace,
      other.namespace,
    );
    assertEquals(await cluster.get(CONFIG_MAP, "a", namespace), undefined);
    const role = await cluster.get(ROLES, "cluster-admin", namespace);
    assertEquals(role?.metadata.name, "cluster-admin");
  },
);

clusterTest("api: get, remove: refuse names that would change the path", async () => {
  await using own = await space();
  const { cluster } = own;
  await cluster.create(configMap("stays", {}));
  for (const name of ["", ".", ".."]) {
    const attempts = [
      () => cluster.get(CONFIG_MAP, name, undefined),
      () => cluster.remove(CONFIG_MAP, name, undefined),
      () => cluster.get(CONFIG_MAP, "stays", name),
    ];
    for (const attempt of attempts) {
      const failure = await assertRejects(attempt, Failure);
      assertStringIncludes(failure.message, "Kubernetes does not allow this name");
    }
  }
  assertEquals(await cluster.get(CONFIG_MAP, "stays/../kube-root-ca.crt", undefined), undefined);
  assertEquals(await cluster.get(CONFIG_MAP, "stays?x=1", undefined), undefined);
  assertEquals((await cluster.get(CONFIG_MAP, "stays", undefined))?.metadata.name, "stays");
});

clusterTest("api: create: returns the answer to an access review", async () => {
  await using own = await space();
  const review = await own.cluster.create({
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { verb: "delete", resource: "pods" } },
  });
  assertEquals((review.status as { allowed: boolean }).allowed, true);
});

clusterTest("apply: a dry run changes nothing", async () => {
  await using own = await space();
  const { cluster } = own;
  const tried = await cluster.apply(configMap("a", { key: "new" }), { dryRun: true });
  assertEquals(tried.data, { key: "new" });
  assertEquals(await cluster.get(CONFIG_MAP, "a", undefined), undefined);
  const before = await cluster.create(configMap("a", { key: "old", other: "stays" }));
  const forced = { dryRun: true, force: true };
  const would = await cluster.apply(configMap("a", { key: "new" }), forced);
  assertEquals(would.data, { key: "new", other: "stays" });
  assertEquals(await cluster.get(CONFIG_MAP, "a", undefined), before);
});

clusterTest("apply: the second time changes nothing", async () => {
  await using own = await space();
  const { cluster } = own;
  const object = configMap("a", { key: "value" }, { metadata: { name: "a", labels: { l: "1" } } });
  const first = await cluster.apply(object, { dryRun: false });
  const second = await cluster.apply(object, { dryRun: false });
  assertEquals(second.metadata.resourceVersion, first.metadata.resourceVersion);
  const third = await cluster.apply(configMap("a", { key: "another" }), { dryRun: false });
  assertEquals([third.data, third.metadata.labels], [{ key: "another" }, undefined]);
});

clusterTest("apply: names the field and the manager of a conflict", async () => {
  await using own = await space();
  const { cluster, api, namespace } = own;
  const path = `/api/v1/namespaces/${namespace}/configmaps/a?fieldManager=kubectl-edit`;
  const theirs = configMap("a", { key: "theirs", more: "theirs" });
  await api.call("PATCH", path, theirs, "application/apply-patch+yaml");
  const ours = configMap("a", { key: "ours", more: "ours" });
  for (const dryRun of [true, false]) {
    const error = await assertRejects(() => cluster.apply(ours, { dryRun }), ApiError);
    assertEquals([error.kind, error.status, error.reason], ["configuration", 409, "Conflict"]);
    assertEquals(error.causes.map(({ field }) => field).sort(), [".data.key", ".data.more"]);
    for (const word of ['"kubectl-edit"', ".data.key", ".data.more", `${namespace}/a: `]) {
      assertStringIncludes(error.message, word);
    }
  }
  const taken = await cluster.apply(ours, { dryRun: false, force: true });
  assertEquals(taken.data, { key: "ours", more: "ours" });
});

clusterTest("apply: reports every invalid field", async () => {
  await using own = await space();
  const { cluster } = own;
  const service = {
    ...{ apiVersion: "v1", kind: "Service", metadata: { name: "a" } },
    spec: { ports: [{ port: 99999 }, { port: 1, protocol: "UDP" }] },
  };
  const error = await assertRejects(() => cluster.apply(service, { dryRun: true }), ApiError);
  assertEquals([error.kind, error.status, error.reason], ["configuration", 422, "Invalid"]);
  assert(
    error.causes.some(({ field, message }) =>
      field === "spec.ports[0].port" && message.includes("must be between 1 and 65535")
    ),
  );
  assertStringIncludes(error.serverMessage, "spec.ports[0].port: Invalid value: 99999");
  assertStringIncludes(error.message, "Cannot try to apply Service ");
});

clusterTest("api: create, apply: an unknown field is a configuration error", async () => {
  await using own = await space();
  const { cluster } = own;
  const wrong = configMap("a", {}, { dta: { a: "1" } });
  for (const attempt of [apply(cluster), cluster.create]) {
    const error = await assertRejects(() => attempt(wrong), ApiError);
    assertEquals(error.kind, "configuration", error.message);
    assertStringIncludes(error.serverMessage, "dta");
  }
});

clusterTest("api: create, apply: a missing namespace, and an object that exists", async () => {
  await using own = await space();
  const { cluster } = own;
  const lost = configMap("a", {}, { metadata: { name: "a", namespace: "nowhere" } });
  for (const attempt of [apply(cluster), cluster.create]) {
    const error = await assertRejects(() => attempt(lost), ApiError);
    assertEquals([error.kind, error.status, error.reason], ["configuration", 404, "NotFound"]);
    assertStringIncludes(
      error.message,
      'namespaces "nowhere" not found. Create the missing object first.',
    );
  }
  await cluster.create(configMap("a", {}));
  const error = await assertRejects(() => cluster.create(configMap("a", {})), ApiError);
  assertEquals([error.kind, error.status, error.reason], [
    ...["configuration", 409],
    "AlreadyExists",
  ]);
});

clusterTest("api: all requests: name a kind that the server does not know", async () => {
  await using own = await space();
  const { cluster } = own;
  const kind = { apiVersion: "sparkoperator.k8s.io/v1beta2", kind: "SparkApplication" };
  const object = { ...kind, metadata: { name: "a" } };
  const attempts = [
    () => cluster.list(kind, undefined),
    () => cluster.get(kind, "a", undefined),
    () => cluster.create(object),
    () => cluster.apply(object, { dryRun: true }),
    () => cluster.remove(kind, "a", undefined),
  ];
  for (const attempt of attempts) {
    const error = await assertRejects(attempt, ApiError);
    assertEquals([error.kind, error.status], ["configuration", 404]);
    assertStringIncludes(
      error.message,
      'there is no kind "SparkApplication" in "sparkoperator.k8s.io/v1beta2" on this server',
    );
  }
});

clusterTest("api: create, apply: do not send an object without kind or name", async () => {
  await using own = await space();
  const { cluster } = own;
  for (const object of [{}, { kind: "Pod" }, { apiVersion: "v1", kind: 1 }, []]) {
    const failure = await assertRejects(() => cluster.create(object), Failure);
    assertStringIncludes(failure.message, "the object has no apiVersion and kind");
  }
  for (const metadata of [undefined, {}, { name: 1 }, { generateName: "a-" }]) {
    const nameless = () => cluster.apply({ ...CONFIG_MAP, metadata }, { dryRun: true });
    const failure = await assertRejects(nameless, Failure);
    assertStringIncludes(failure.message, "the ConfigMap has no metadata.name");
  }
});

clusterTest("api: all requests: name the permission that a user lacks", async () => {
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  await using own = await space(reader);
  const { cluster, namespace } = own;
  assert((await cluster.list(ROLES, undefined)).length > 50);
  const object = configMap("a", {});
  const attempts = [
    [() => cluster.apply(object, { dryRun: true }), "Cannot try to apply ConfigMap", "patch"],
    [() => cluster.apply(object, { dryRun: false }), "Cannot apply ConfigMap", "patch"],
    [() => cluster.create(object), "Cannot create ConfigMap", "create"],
    [
      () => cluster.remove(CONFIG_MAP, "kube-root-ca.crt", undefined),
      "Cannot remove ConfigMap",
      "delete",
    ],
  ] as const;
  for (const [attempt, what, verb] of attempts) {
    const error = await assertRejects(attempt, ApiError);
    assertEquals([error.kind, error.status, error.reason], ["configuration", 403, "Forbidden"]);
    assertStringIncludes(error.message, what);
    assertStringIncludes(
      error.serverMessage,
      `User "system:serviceaccount:default:reader" cannot ${verb} resource "configmaps" in API ` +
        `group "" in the namespace "${namespace}"`,
    );
    assertStringIncludes(error.message, error.serverMessage);
  }
});

/** Invalid Secrets, whose values no error message may contain. */
const REFUSED: readonly (readonly [what: string, more: object, values: string[]])[] = [
  ["a number", { stringData: { a: 90817263 } }, ["90817263"]],
  ["a number with a fraction", { stringData: { a: 1234567890.5 } }, ["234567890"]],
  ["a mapping", { stringData: { a: { b: "p4ss!w0rd" } } }, ["p4ss!w0rd"]],
  ["a list", { data: { a: ["p4ss!w0rd"] } }, ["p4ss!w0rd"]],
  ["no base64", { data: { a: "p4ss!w0rd" } }, ["p4ss!w0rd"]],
  [
    "no JSON where Docker wants some",
    { type: "kubernetes.io/dockerconfigjson", stringData: { ".dockerconfigjson": "p4ss!w0rd" } },
    ["p4ss!w0rd"],
  ],
  ["a key with a space", { stringData: { "a b": "p4ss!w0rd" } }, ["p4ss!w0rd"]],
  ["a field that there is not", { stringdata: { a: "x" }, stringData: { a: "p4ss!w0rd" } }, [
    "p4ss!w0rd",
  ]],
];

clusterTest("api: create, apply: no error contains a value of a Secret", async (t) => {
  await using own = await space();
  for (const [what, more, values] of REFUSED) {
    await t.step(what, async () => {
      for (const attempt of [own.cluster.create, apply(own.cluster)]) {
        const error = await assertRejects(() => attempt(secret("a", more)), ApiError);
        assertEquals(error.kind, "configuration", error.message);
        const shown = Deno.inspect(error, { depth: 10 });
        for (const value of [...values, ...values.map(btoa)]) {
          assert(!shown.includes(value), shown);
        }
      }
    });
  }
});

clusterTest("api: list: the signal ends a list that stalls", async () => {
  const { admin, folder } = controlPlane();
  const byToken = await user(admin, "admin", [DOES_ALL]);
  for (const fault of [{ list: "configmaps", inTheMiddle: "stalls" }, "silence"] as const) {
    await using proxy = await faultyProxy({ folder }, byToken, fault);
    await using opened = await open(kubeconfig(proxy.access));
    const signal = AbortSignal.timeout(500);
    const listing = opened.cluster.list(CONFIG_MAP, undefined, { signal });
    const failure = await assertRejects(() => listing, Failure);
    assertEquals(failure.kind, "unreachable");
    assertStringIncludes(
      failure.message,
      "Cannot list ConfigMap objects: the operation was interrupted",
    );
    const waiting = opened.cluster.list(CONFIG_MAP, undefined);
    setTimeout(opened.cluster.close, 100);
    await assertRejects(() => waiting, Failure, "the operation was interrupted");
  }
});

clusterTest("api: list: fails if its connection drops, while other lists succeed", async () => {
  const { admin, folder } = controlPlane();
  const byToken = await user(admin, "admin", [DOES_ALL]);
  const fault = { list: "configmaps", inTheMiddle: "drops" } as const;
  await using proxy = await faultyProxy({ folder }, byToken, fault);
  await using opened = await open(kubeconfig(proxy.access));
  const failure = await assertRejects(
    () => opened.cluster.list(CONFIG_MAP, undefined),
    Failure,
  );
  assertEquals(failure.kind, "unreachable");
  assertStringIncludes(failure.message, `the connection was closed at ${proxy.access.server}`);
  assert((await opened.cluster.list(ROLES, undefined)).length > 50);
});
