import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import type { Result } from "../../../checks/finding.ts";
import { type ClusterFact, gatherCluster } from "../../../checks/facts/cluster.ts";
import { runChecks } from "../../../checks/runner.ts";
import { openCluster } from "../../../pipeline/cluster/open.ts";
import { openApi } from "../../cluster/api.ts";
import { faultyProxy } from "../../cluster/faulty_proxy.ts";
import { type Access, kubeconfig } from "../../cluster/kubeconfig.ts";
import { theWholeSetup } from "../../cluster/setup.ts";
import { bringTo } from "../../cluster/state.ts";
import { until } from "../../cluster/until.ts";
import { ASKS_FOR_OTHERS, READS_ALL, readsAllBut, tokenUntil, user } from "../../cluster/users.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { change, factOf, JOB } from "../healthy/manifests.ts";
import { DATABASE, LAKE, WITH_SCHEDULE } from "../healthy/platform.ts";

// The fact about a cluster, from a real API server.

const SECRETS = {
  DJANGO_DB_PASSWORD: "p\\a!s$s'w\"o#rd",
  AWS_ACCESS_KEY_ID: "SUITEKEY1234",
  AWS_SECRET_ACCESS_KEY: "suite/secret+key",
};

let isReady = false;

/** The administrator's access to the healthy cluster. */
async function healthy(): Promise<Access> {
  const cluster = controlPlane();
  if (!isReady) await bringTo(cluster, await theWholeSetup({ values: SECRETS }));
  isReady = true;
  return cluster.admin;
}

/** Gathers the fact as a user. */
async function factFor(
  access: Access,
  signal?: AbortSignal,
  { objects } = WITH_SCHEDULE,
): Promise<ClusterFact> {
  const file = await Deno.makeTempFile({ suffix: ".kubeconfig" });
  try {
    await Deno.writeTextFile(file, kubeconfig(access), { mode: 0o600 });
    const open = () => openCluster({ kind: "kubeconfig", files: [file], by: "--kubeconfig" });
    return await gatherCluster(open, objects, signal);
  } finally {
    await Deno.remove(file);
  }
}

/** Runs all checks as a user. */
async function judgeAs(
  access: Access,
  timeoutMs = 120_000,
  manifests = WITH_SCHEDULE,
): Promise<Result[]> {
  const results = await runChecks(PREFLIGHT, {
    manifests: () => Promise.resolve(manifests),
    cluster: (signal) => factFor(access, signal, manifests),
    database: () => Promise.resolve(DATABASE),
    lake: () => Promise.resolve(LAKE),
    image: { absent: "left out", requested: true },
  }, { timeoutMs });
  const told = JSON.stringify(results);
  for (const secret of Object.values(SECRETS)) {
    for (const form of [secret, btoa(secret)]) {
      assert(!told.includes(JSON.stringify(form).slice(1, -1)), "a secret was told");
    }
  }
  return results;
}

function idsOf(results: readonly Result[], ...verdicts: Result["verdict"][]): string[] {
  return results.filter(({ verdict }) => verdicts.includes(verdict)).map(({ id }) => id).sort();
}

const BAD = ["fail", "warn", "error"] as const;

clusterTest("gatherCluster: on the healthy cluster every check passes", async () => {
  const results = await judgeAs(await healthy());
  for (const { id, verdict, findings, reason } of results) {
    assertEquals([id, verdict, findings, reason], [
      id,
      id === "image-pull" ? "skip" : "pass",
      [],
      id === "image-pull" ? "left out" : undefined,
    ]);
  }
});

clusterTest(
  "gatherCluster: returns the user and all objects, with the values of Secrets",
  async () => {
    const fact = await factFor(await healthy());
    assert(fact.opened);
    assertEquals([fact.user, fact.namespace, fact.unread], ["kubernetes-admin", "default", []]);
    assertMatch(fact.version, /^v1\.\d+\.\d+/);
    const secret = fact.objects.find(({ name }) => name === "django-db-credentials")!;
    const { stringData, data, metadata } = secret.value as Record<string, Record<string, unknown>>;
    assertEquals([stringData!.DJANGO_DB_PASSWORD, data], [SECRETS.DJANGO_DB_PASSWORD, undefined]);
    assertEquals([secret.file, metadata!.managedFields], [undefined, undefined]);
    assertEquals(fact.trials.filter(({ refused }) => refused !== undefined), []);
    const nodes = fact.scheduledPods!.map(({ value }) =>
      (value.spec as { nodeName: string }).nodeName
    );
    assert(nodes.length > 0 && nodes.every((name) => name === "general-1"), nodes.join());
  },
);

clusterTest(
  "gatherCluster: the API server's answer about the account names the binding",
  async () => {
    const fact = await factFor(await healthy());
    assert(fact.opened);
    const rights = fact.rights!.filter(({ account }) => account === "analytics-jobs/spark-jobs");
    const may = (verb: string, resource: string, namespace: string) =>
      rights.find((each) =>
        each.verb === verb && each.resource === resource && each.namespace === namespace
      )!;
    assertEquals(may("create", "pods", "analytics-jobs").allowed, true);
    assertStringIncludes(
      may("create", "pods", "analytics-jobs").reason,
      'RoleBinding "spark-jobs/analytics-jobs"',
    );
    for (
      const [verb, resource, namespace] of [
        ["get", "secrets", "analytics-jobs"],
        ["create", "pods", "robson"],
        ["*", "*", "kube-system"],
      ] as const
    ) {
      assertEquals([verb, namespace, may(verb, resource, namespace).allowed], [
        verb,
        namespace,
        false,
      ]);
    }
  },
);

clusterTest(
  "gatherCluster: finds a permission that a binding in the namespace robson grants",
  async () => {
    const admin = await healthy();
    using api = openApi(admin);
    const path = "/apis/rbac.authorization.k8s.io/v1/namespaces/robson/rolebindings";
    await api.call("POST", path, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "spark" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
      subjects: [{ kind: "ServiceAccount", name: "spark-jobs", namespace: "analytics-jobs" }],
    });
    try {
      let results: Result[] = [];
      await until("the server knows it", async () => {
        results = await judgeAs(admin);
        return idsOf(results, ...BAD).length > 0;
      });
      assertEquals(idsOf(results, ...BAD), ["rbac"]);
      const { findings } = results.find(({ id }) => id === "rbac")!;
      assertEquals(findings.map(({ object, fix }) => [object, fix]), [[
        "RoleBinding robson/spark",
        "Remove the account from its subjects, or delete it: " +
        "kubectl -n robson delete rolebinding spark",
      ]]);
      assertStringIncludes(findings[0]!.problem, "create pods in robson");
    } finally {
      await api.call("DELETE", `${path}/spark`);
    }
  },
);

clusterTest(
  "gatherCluster: reads the roles of the namespace in which Spark makes the pods of a job",
  async () => {
    const admin = await healthy();
    const own = "spark.kubernetes.namespace=";
    const elsewhere = factOf(change(JOB, `${own}analytics-jobs`, `${own}etl`));
    const rbac = async (access: Access) => {
      const all = await judgeAs(access, 120_000, elsewhere);
      const { verdict, findings, reason = "" } = all.find(({ id }) => id === "rbac")!;
      return { verdict, problems: findings.map(({ problem }) => problem), reason };
    };
    using api = openApi(admin);
    const namespaces = "/api/v1/namespaces";
    await api.call("POST", namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "etl" },
    });
    try {
      assertEquals((await rbac(admin)).problems, [
        "Spark makes the job's pods in the namespace etl",
      ]);
      const path = "/apis/rbac.authorization.k8s.io/v1/namespaces/etl";
      const role = elsewhere.objects.find(({ kind }) => kind === "Role")!.value;
      await api.call("POST", `${path}/roles`, { ...role, metadata: { name: "jobs" } });
      await api.call("POST", `${path}/rolebindings`, {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name: "jobs" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "jobs" },
        subjects: [{ kind: "ServiceAccount", name: "spark-jobs", namespace: "analytics-jobs" }],
      });
      await until("the server knows it", async () => (await rbac(admin)).problems.length === 0);
      // Without access reviews, the roles decide.
      const reader = await user(admin, "elsewhere-reader", [READS_ALL]);
      assertEquals((await rbac(reader)).problems, []);
      const blind = await user(admin, "elsewhere-blind", await readsAllBut(admin, "rolebindings"));
      assertEquals((await rbac(blind)).verdict, "error");
    } finally {
      await api.call("DELETE", `${namespaces}/etl`);
    }
  },
);

/** A server-side dry run requires the permission to apply. */
const TRYING = "server-dry-run";

clusterTest(
  "gatherCluster: with read access, every check except server-dry-run has a verdict",
  async () => {
    const reader = await user(await healthy(), "reader", [READS_ALL]);
    const results = await judgeAs(reader);
    assertEquals(idsOf(results, ...BAD), [TRYING]);
    const { examined } = results.find(({ id }) => id === "rbac")!;
    assertStringIncludes(examined!, "by the stored roles only");
  },
);

clusterTest(
  "gatherCluster: with access reviews of other users, rbac uses the server's answers",
  async () => {
    const asker = await user(await healthy(), "asker", [READS_ALL, ASKS_FOR_OTHERS]);
    const { examined } = (await judgeAs(asker)).find(({ id }) => id === "rbac")!;
    assertStringIncludes(examined!, "as the API server reports them");
  },
);

/** The checks that end in error without read permission for a resource. */
const READERS: Readonly<Record<string, string[]>> = {
  nodes: ["node-pool"],
  serviceaccounts: ["image-pull", "service-account"],
  resourcequotas: ["quota-fit"],
  rolebindings: ["rbac"],
  clusterroles: ["rbac"],
  endpointslices: ["database-egress", "kubernetes-api-egress"],
  services: ["database-egress", "dns-egress", "kubernetes-api-egress"],
  pods: ["database-egress", "dns-egress", "node-pool", "quota-fit"],
  secrets: ["database-egress", "egress-policy", "image-pull", "isolation", "secret-escaping"],
  networkpolicies: [
    "database-egress",
    "dns-egress",
    "driver-executor-traffic",
    "egress-policy",
    "isolation",
    "kubernetes-api-egress",
    "namespace-labels",
  ],
};
for (const [resource, expected] of Object.entries(READERS)) {
  clusterTest(
    `without the right to read ${resource}, exactly their readers are in error`,
    async () => {
      const admin = await healthy();
      const rules = (await readsAllBut(admin, resource))
        .filter(({ resources }) => resources.length > 0);
      const blind = await user(admin, `no-${resource}`, rules);
      const results = await judgeAs(blind);
      const hasImage = ({ id }: Result) => id === "image-pull" || id === "manifest-drift";
      const errors = idsOf(results.filter((each) => !hasImage(each)), ...BAD);
      assertEquals(errors, [...expected.filter((id) => id !== "image-pull"), TRYING].sort());
      for (const { id, reason } of results.filter(({ id }) => expected.includes(id))) {
        if (id === "image-pull" || id === "node-pool" && resource === "pods") continue;
        assertMatch(
          reason!,
          new RegExp(
            `cannot list resource "${resource}"|"${resource}".*cannot|cannot get resource "${resource}"`,
          ),
        );
      }
    },
  );
}

clusterTest(
  "gatherCluster: with pods of some namespaces only, checks connections, but not the room on nodes",
  async () => {
    const admin = await healthy();
    const rules = await readsAllBut(admin, "pods");
    const near = await user(admin, "near", rules);
    using api = openApi(admin);
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    const metadata = { name: "near-pods" };
    await api.call("POST", `${rbac}/clusterroles`, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata,
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }],
    });
    for (const namespace of ["analytics-jobs", "robson", "kube-system"]) {
      await api.call("POST", `${rbac}/namespaces/${namespace}/rolebindings`, {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "near-pods" },
        subjects: [{ kind: "ServiceAccount", name: "near", namespace: "default" }],
      });
    }
    let results: Result[] = [];
    await until("the bindings count", async () => {
      results = await judgeAs(near);
      return idsOf(results, "error").length <= 2;
    });
    assertEquals(idsOf(results, "error"), ["node-pool", TRYING]);
    const { reason } = results.find(({ id }) => id === "node-pool")!;
    assertStringIncludes(reason!, "cannot list the pods of all namespaces");
  },
);

clusterTest(
  "gatherCluster: an expired or missing login is a finding of cluster-login alone",
  async () => {
    const admin = await healthy();
    await user(admin, "late", [READS_ALL]);
    const over = new Date(Date.now() - 3_600_000);
    const expired = await tokenUntil(admin, controlPlane().folder, "late", over);
    const anonymous = { ...admin, login: { token: "" } };
    for (const access of [expired, anonymous]) {
      const results = await judgeAs(access);
      assertEquals(idsOf(results, ...BAD), ["cluster-login"]);
      const [finding] = results.find(({ id }) => id === "cluster-login")!.findings;
      assert(finding!.fix.length > 10);
    }
  },
);

clusterTest(
  "gatherCluster: fails at the deadline if the API server stalls in the middle of a list",
  async () => {
    const admin = await healthy();
    await using proxy = await faultyProxy(controlPlane(), admin, {
      list: "networkpolicies",
      inTheMiddle: "stalls",
    });
    const results = await judgeAs(proxy.access, 3000);
    const { reason } = results.find(({ id }) => id === "isolation")!;
    assertStringIncludes(
      reason!,
      "Cannot gather the facts about cluster: it took longer than 3 s",
    );
    assertEquals(results.find(({ id }) => id === "lake-login")!.verdict, "pass");
    assertEquals(results.find(({ id }) => id === "cluster-login")!.verdict, "error");
  },
);

clusterTest(
  "gatherCluster: fails if the connection drops in the middle of a list",
  async () => {
    const admin = await healthy();
    await using proxy = await faultyProxy(controlPlane(), admin, {
      list: "secrets",
      inTheMiddle: "drops",
    });
    const results = await judgeAs(proxy.access);
    assertEquals(results.find(({ id }) => id === "cluster-login")!.verdict, "error");
    assertEquals(results.find(({ id }) => id === "database-login")!.verdict, "pass");
  },
);
