import { CLUSTER, forbidding, judgeCluster, NONE } from "../healthy/cluster.ts";
import { MANIFESTS, REFUSED } from "../healthy/platform.ts";
import { assert, assertEquals, assertMatch } from "../../support/assert.ts";
import { assertOnlyIn } from "../healthy/cluster.ts";

/** Checks of the image, which have their own tests. */
const OF_IMAGE = ["image-pull"];

Deno.test("checks of a cluster: pass for a ready cluster and its manifests, and report what they examined", async () => {
  for (const { id, verdict, examined, reason } of await judgeCluster({ ...CLUSTER })) {
    if (OF_IMAGE.includes(id)) continue;
    assertEquals([id, verdict, reason], [id, "pass", undefined]);
    assert(examined, id);
  }
});

Deno.test("checks of a cluster: judge a cluster without manifests", async () => {
  const results = await judgeCluster({ ...CLUSTER }, NONE);
  const left = ["manifests-readable", "manifest-drift", "server-dry-run", "parquet-void"];
  for (const { id, verdict } of results) {
    const isLeft = [...left, ...OF_IMAGE].includes(id);
    assertEquals([id, verdict], [id, isLeft ? "skip" : "pass"]);
  }
});

Deno.test("checks of a cluster: treat a manifest that is not applied yet as applied", async () => {
  const trials = MANIFESTS.objects.map((object) => ({ object }));
  const isOurs = ({ namespace, name, kind }: typeof CLUSTER.objects[number]) =>
    MANIFESTS.objects.some((each) =>
      each.kind === kind && each.name === name && each.namespace === namespace
    );
  const objects = CLUSTER.objects.filter((object) => !isOurs(object));
  const rights = CLUSTER.rights!.map((right) => ({ ...right, allowed: false, reason: "" }));
  const results = await judgeCluster({ ...CLUSTER, objects, trials, rights });
  const bad = results.filter(({ findings }) => findings.length > 0).map(({ id }) => id);
  assertEquals(bad, ["manifest-drift"]);
});

Deno.test("checks of a cluster: report context, server, version and user after a login", async () => {
  const [login] = (await judgeCluster({ ...CLUSTER })).filter(({ id }) => id === "cluster-login");
  assertEquals(
    login!.examined,
    "robson at https://192.168.1.10:6443 as operator, Kubernetes v1.34.2+k3s1",
  );
});

Deno.test("checks of a cluster: report a refused login once, with its fix, and skip or judge manifests otherwise", async () => {
  const { findings, others } = await assertOnlyIn("cluster-login", REFUSED, [
    {
      severity: "fail",
      object: REFUSED.name,
      problem: REFUSED.failure.summary,
      fix: REFUSED.failure.remedy,
    },
  ]);
  assertEquals(findings.length, 1);
  for (const id of ["egress-policy", "node-pool", "rbac", "secret-escaping"]) {
    assertEquals([id, others[id]], [id, "skip"]);
  }
});

/** The checks that read each kind. A key is a kind, or a namespace and a kind. */
const READERS: Readonly<Record<string, string[]>> = {
  Node: ["node-pool"],
  ServiceAccount: ["service-account"],
  ResourceQuota: ["quota-fit"],
  LimitRange: ["quota-fit"],
  Secret: ["secret-escaping", "egress-policy", "database-egress", "isolation"],
  ClusterRole: ["rbac"],
  Role: ["rbac"],
  "Pod robson": ["database-egress", "node-pool"],
  "Pod analytics-jobs": ["quota-fit", "node-pool"],
  "Service robson": ["database-egress"],
  "Service default": ["kubernetes-api-egress"],
  "EndpointSlice default": ["kubernetes-api-egress"],
  "Service kube-system": ["dns-egress"],
  NetworkPolicy: [
    "egress-policy",
    "namespace-labels",
    "dns-egress",
    "database-egress",
    "kubernetes-api-egress",
    "driver-executor-traffic",
    "isolation",
  ],
};
for (const [what, expected] of Object.entries(READERS)) {
  Deno.test(`checks of a cluster: exactly the checks that read ${what} end in error without read permission`, async () => {
    const [kind, namespace] = what.split(" ");
    const results = await judgeCluster(forbidding(kind!, namespace), NONE);
    const errors = results.filter(({ verdict }) => verdict === "error");
    assertEquals(errors.map(({ id }) => id).sort(), [...expected].sort());
    for (const { id, reason } of errors) {
      assertMatch(reason!, id === "node-pool" && kind === "Pod" ? /all namespaces/ : /forbidden/);
    }
    assertEquals(results.filter(({ verdict }) => verdict === "fail"), []);
  });
}
