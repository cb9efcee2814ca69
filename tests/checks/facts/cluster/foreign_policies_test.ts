import { isolation } from "../../../../checks/preflight/network/isolation.ts";
import { type Api, openApi } from "../../../cluster/api.ts";
import type { Access } from "../../../cluster/kubeconfig.ts";
import { theWholeSetup } from "../../../cluster/setup.ts";
import { bringTo } from "../../../cluster/state.ts";
import { until } from "../../../cluster/until.ts";
import { READS_ALL, readsAllBut, user } from "../../../cluster/users.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { clusterTest, controlPlane } from "../../../support/control_plane.ts";
import { WITH_SCHEDULE } from "../../healthy/platform.ts";
import { gatherOn } from "../../preflight/on_cluster.ts";

// Policies of other APIs on a real API server, with the CustomResourceDefinitions of their kinds.

const VALUES = { DJANGO_DB_PASSWORD: "a", AWS_ACCESS_KEY_ID: "b", AWS_SECRET_ACCESS_KEY: "c" };
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const DENY =
  "this kind of policy also decides about connections, and the checks do not evaluate it";

/** The kinds, each with its versions, and the namespace of an object of the kind. */
const KINDS = [
  [
    "security.istio.io",
    "AuthorizationPolicy",
    "authorizationpolicies",
    ["v1", "v1beta1"],
    "robson",
  ],
  ["networking.istio.io", "Sidecar", "sidecars", ["v1"], "istio-system"],
  ["k8s.ovn.org", "EgressFirewall", "egressfirewalls", ["v1"], "analytics-jobs"],
  // The preferred version of the group does not have every kind.
  ["policy.networking.k8s.io", "AdminNetworkPolicy", "adminnetworkpolicies", ["v1alpha1"], ""],
  ["policy.networking.k8s.io", "ClusterNetworkPolicy", "clusternetworkpolicies", ["v1alpha2"], ""],
] as const;

async function install(api: Api): Promise<void> {
  await api.call("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "istio-system" },
  });
  for (const [group, kind, plural, versions, namespace] of KINDS) {
    const schema = {
      openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    };
    await api.call("POST", CRDS, {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: {
        name: `${plural}.${group}`,
        annotations: { "api-approved.kubernetes.io": "unapproved, for tests" },
      },
      spec: {
        group,
        scope: namespace === "" ? "Cluster" : "Namespaced",
        names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
        versions: versions.map((name, i) => ({ name, served: true, storage: i === 0, schema })),
      },
    });
    const path = namespace === "" ? plural : `namespaces/${namespace}/${plural}`;
    await until(`${kind} is served`, async () => {
      await api.call("POST", `/apis/${group}/${versions[0]}/${path}`, {
        apiVersion: `${group}/${versions[0]}`,
        kind,
        metadata: { name: "deny" },
        spec: { outboundTrafficPolicy: { mode: "REGISTRY_ONLY" } },
      });
      return true;
    });
  }
}

async function uninstall(api: Api): Promise<void> {
  const crds = KINDS.map(([group, , plural]) => `${CRDS}/${plural}.${group}`);
  const paths = [...crds, "/api/v1/namespaces/istio-system"];
  for (const path of paths) await (await api.send("DELETE", path)).body?.cancel();
  for (const path of paths) {
    await until(`${path} is deleted`, async () => {
      const response = await api.send("GET", path);
      await response.body?.cancel();
      return response.status === 404;
    });
  }
}

/** The warnings of isolation as a user. */
async function warnings(access: Access) {
  const { manifests, cluster } = await gatherOn(access, WITH_SCHEDULE);
  const outcome = isolation.run({ manifests, cluster });
  return "findings" in outcome ? outcome.findings : [];
}

clusterTest(
  "gatherCluster: policies of other APIs are named, or why they cannot be listed",
  async () => {
    const cluster = controlPlane();
    await bringTo(cluster, await theWholeSetup({ values: VALUES }));
    const { admin } = cluster;
    assertEquals(await warnings(admin), []);
    using api = openApi(admin);
    try {
      await install(api);
      const found = await warnings(admin);
      assertEquals(found.map(({ object, problem }) => [object, problem]).sort(), [
        ["AdminNetworkPolicy deny", DENY],
        ["AuthorizationPolicy robson/deny", DENY],
        ["ClusterNetworkPolicy deny", DENY],
        ["EgressFirewall analytics-jobs/deny", DENY],
        ["Sidecar istio-system/deny", DENY],
      ]);
      assertEquals(new Set(found.map(({ severity }) => severity)), new Set(["warn"]));
      const rules = (await readsAllBut(admin, ...KINDS.map(([, , plural]) => plural)))
        .filter(({ resources }) => resources.length > 0);
      const told = await warnings(await user(admin, "no-foreign-policies", rules));
      for (const [group, kind, plural] of KINDS) {
        const [first] = told.filter(({ object }) => object.startsWith(`${kind}.${group}`));
        assertStringIncludes(first!.problem, `cannot list resource "${plural}"`);
      }
      // A reader of everything sees them.
      const reader = await user(admin, "sees-foreign-policies", [READS_ALL]);
      assertEquals((await warnings(reader)).length, KINDS.length);
    } finally {
      await uninstall(api);
    }
  },
);
