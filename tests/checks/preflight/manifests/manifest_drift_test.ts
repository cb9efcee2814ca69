import { Failure } from "../../../../pipeline/errors.ts";
import type { Outcome } from "../../../../checks/finding.ts";
import type { ClusterFact } from "../../../../checks/facts/cluster.ts";
import { manifestDrift } from "../../../../checks/preflight/manifests/manifest_drift.ts";
import type { KubeObject } from "../../../../pipeline/cluster/cluster.ts";
import { openApi } from "../../../cluster/api.ts";
import { bringTo } from "../../../cluster/state.ts";
import { READS_ALL, user } from "../../../cluster/users.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { clusterTest, controlPlane } from "../../../support/control_plane.ts";
import { gatherOn } from "../on_cluster.ts";
import { clusterWith, edited, MANIFESTS, manifestsFact, without } from "../../healthy/one_file.ts";
import { IMAGE, JOB_ID, lineIn } from "../../healthy/manifests.ts";
import { MANIFESTS as OURS, REFUSED } from "../../healthy/platform.ts";

function judge(cluster: ClusterFact, manifests: string = MANIFESTS): Outcome {
  return manifestDrift.run({ manifests: manifestsFact(manifests), cluster });
}

/** The place of a text in the manifests, or of a line before the text. */
const at = (text: string, lines = 0) => `manifests/a.yaml:${lineIn(MANIFESTS, text) + lines}`;

/** The findings, in short: severity, object, field, line and problem. */
function found(outcome: Outcome) {
  assert("findings" in outcome, JSON.stringify(outcome));
  return outcome.findings.map((
    { severity, object, field, file, line, problem },
  ) => [severity, object, field, file === undefined ? undefined : `${file}:${line}`, problem]);
}

Deno.test("manifest-drift passes for a cluster that matches the manifests", () => {
  const outcome = judge(clusterWith(MANIFESTS));
  assertEquals(outcome, {
    examined: "14 objects on kind at https://127.0.0.1:6443",
    findings: [],
  });
});

Deno.test("manifest-drift reports the fields, file and line of an object that differs, and the fix", () => {
  const live = edited("requests.memory: 12G", "requests.memory: 8G");
  const outcome = judge(clusterWith(live));
  assertEquals(found(outcome), [[
    "fail",
    "ResourceQuota analytics-jobs/analytics-jobs",
    "spec.hard.requests.memory",
    at("requests.memory:"),
    'the object differs: spec.hard.requests.memory: "8G" -> "12G"',
  ]]);
  assert("findings" in outcome);
  assertEquals(outcome.findings[0]!.fix, "Change it to match the manifest: deno task apply");
});

Deno.test("manifest-drift names only the first fields of an object with many differences", () => {
  const quota = (amount: number) =>
    edited(
      "  hard:\n",
      `  hard:\n${[..."abcdefg"].map((name) => `    count/${name}: "${amount}"\n`).join("")}`,
    );
  const [finding, ...rest] = found(judge(clusterWith(quota(1), {}, quota(2))));
  assertEquals(rest, []);
  assertStringIncludes(finding![4]!, 'spec.hard.count/e: "1" -> "2" and 2 more');
});

Deno.test("manifest-drift compares the result of the dry run, if there is one", () => {
  const base = clusterWith(
    edited("  name: default-deny\n", "  name: default-deny\n  labels: { a: b }\n"),
  );
  assertEquals(found(judge(base)), [], "a label that the manifest does not have");
  const trials = base.trials.map((trial) => ({ ...trial, applied: trial.object }));
  assertEquals(found(judge({ ...base, trials })).map(([, , , , problem]) => problem), [
    'the object differs: metadata.labels: {"a":"b"} -> nothing',
  ]);
});

Deno.test("manifest-drift fails for a missing object", () => {
  assertEquals(found(judge(clusterWith(without("NetworkPolicy analytics-jobs/default-deny")))), [[
    "fail",
    "NetworkPolicy analytics-jobs/default-deny",
    undefined,
    at("  name: default-deny", -3),
    "the object is not in the cluster",
  ]]);
});

Deno.test("manifest-drift reports a missing namespace and its objects once", () => {
  assertEquals(found(judge(clusterWith(""))), [[
    "fail",
    "Namespace analytics-jobs",
    undefined,
    at("kind: Namespace", -1),
    "the namespace is not in the cluster, and neither are its 13 objects",
  ]]);
});

const OTHER_IMAGE = edited(`image: ${IMAGE}`, "image: rbs-spark:0");

Deno.test("manifest-drift fails for a suspended Job with another template, and suggests a replacement", () => {
  const outcome = judge(clusterWith(OTHER_IMAGE));
  assertEquals(found(outcome), [[
    "fail",
    JOB_ID,
    "spec.template.spec.containers[0].image",
    at(`image: ${IMAGE}`),
    `the object differs: spec.template.spec.containers[0].image: "rbs-spark:0" -> "${IMAGE}"`,
  ]]);
  assert("findings" in outcome);
  assertStringIncludes(
    outcome.findings[0]!.fix,
    "Replace it, because a Job's pods cannot be changed",
  );
});

for (
  const [name, status] of [
    ["runs", '{ startTime: "2025-12-28T00:00:00Z", active: 1 }'],
    ["has finished", '{ conditions: [{ type: Complete, status: "True" }] }'],
  ] as const
) {
  Deno.test(`manifest-drift ignores a Job that ${name}`, () => {
    const started = OTHER_IMAGE.replace("suspend: true", "suspend: false") + `status: ${status}\n`;
    assertEquals(found(judge(clusterWith(started))), []);
  });
}

const more = (yaml: string) => `${MANIFESTS}\n---\n${yaml}`;

for (
  const [kind, apiVersion, plain] of [
    ["NetworkPolicy", "networking.k8s.io/v1", "networkpolicy"],
    ["Role", "rbac.authorization.k8s.io/v1", "role"],
    ["RoleBinding", "rbac.authorization.k8s.io/v1", "rolebinding"],
    ["ResourceQuota", "v1", "resourcequota"],
    ["LimitRange", "v1", "limitrange"],
  ] as const
) {
  Deno.test(`manifest-drift warns about a ${kind} of the jobs' namespace that is not in the manifests`, () => {
    const object = (namespace: string) =>
      more(
        `{ apiVersion: ${apiVersion}, kind: ${kind}, ` +
          `metadata: { name: other, namespace: ${namespace} } }`,
      );
    const outcome = judge(clusterWith(object("analytics-jobs")));
    assertEquals(found(outcome), [[
      "warn",
      `${kind} analytics-jobs/other`,
      undefined,
      undefined,
      "the object is in the cluster, but not in the manifests",
    ]]);
    assert("findings" in outcome);
    assertStringIncludes(
      outcome.findings[0]!.fix,
      `kubectl -n analytics-jobs delete ${plain} other`,
    );
    assertEquals(found(judge(clusterWith(object("robson")))), [], "another's namespace");
  });
}

Deno.test("manifest-drift ignores Secrets, and the objects that Kubernetes creates", () => {
  const own = `
apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: kube-root-ca.crt, namespace: analytics-jobs } }
  - { apiVersion: v1, kind: ServiceAccount, metadata: { name: default, namespace: analytics-jobs } }
  - { apiVersion: v1, kind: Secret, metadata: { name: django-db-credentials, namespace: analytics-jobs } }
`;
  assertEquals(found(judge(clusterWith(more(own)))), []);
});

Deno.test("manifest-drift does not warn about undeclared objects if a file cannot be read", () => {
  const other = more(
    "{ apiVersion: v1, kind: LimitRange, metadata: { name: other, namespace: analytics-jobs } }",
  );
  const problems = [{ file: "b.yaml", line: 1, column: 1, problem: "is broken" }];
  const manifests = { ...manifestsFact(), problems };
  assertEquals(found(manifestDrift.run({ manifests, cluster: clusterWith(other) })), []);
});

const UNREAD = {
  kind: "ResourceQuota",
  namespace: "analytics-jobs",
  failure: new Failure({
    kind: "configuration",
    task: "list ResourceQuota objects",
    problem: "not allowed",
    remedy: "Ask.",
  }),
};

Deno.test("manifest-drift is unknown for objects that may not be read, and still fails for known differences", () => {
  const blind = without("ResourceQuota analytics-jobs/analytics-jobs");
  assertEquals(judge(clusterWith(blind, { unread: [UNREAD] })), {
    unknown: UNREAD.failure.message,
  });
  const both = blind.replace("[Ingress, Egress]", "[Ingress]");
  const outcome = judge(clusterWith(both, { unread: [UNREAD] }));
  assertEquals(found(outcome).map(([, object]) => object), [
    "NetworkPolicy analytics-jobs/default-deny",
  ]);
  assert("examined" in outcome);
  assertEquals(outcome.unchecked, [`not checked: ${UNREAD.failure.message}`]);
  const elsewhere = { ...UNREAD, namespace: "robson" };
  assertEquals(found(judge(clusterWith(MANIFESTS, { unread: [elsewhere] }))), []);
});

Deno.test("manifest-drift is unknown for an object that is being removed", () => {
  const going = edited("  labels:\n", '  deletionTimestamp: "2025-12-28T00:00:00Z"\n  labels:\n');
  assertEquals(judge(clusterWith(going)), {
    unknown: "Namespace analytics-jobs: it is being removed",
  });
});

Deno.test("manifest-drift is skipped for a refused login, and unknown without any object", () => {
  assertEquals(judge(REFUSED), { skip: "no access to the cluster (see cluster-login)" });
  assertEquals(judge(clusterWith("", {}, ""), ""), { unknown: "the manifests have no object" });
});

const IN_JOBS = "namespaces/analytics-jobs";
const JOB_PATH = `/apis/batch/v1/${IN_JOBS}/jobs/bronze-ingest-manual`;

/** Changes that a user makes to the cluster by hand, and the problems that the check reports. */
const BY_HAND: readonly (readonly [string, string, string, object | undefined, string, string])[] =
  [
    [
      "a label of the namespace",
      ...["PATCH", `/api/v1/${IN_JOBS}`, { metadata: { labels: { name: "wrong" } } }] as const,
      "Namespace analytics-jobs",
      'the object differs: metadata.labels.name: "wrong" -> "analytics-jobs"',
    ],
    [
      "a quota, which the server spells in its own way",
      ...["PATCH", `/api/v1/${IN_JOBS}/resourcequotas/analytics-jobs`] as const,
      { spec: { hard: { "requests.cpu": "4000m" } } },
      "ResourceQuota analytics-jobs/analytics-jobs",
      'the object differs: spec.hard.requests.cpu: "4" -> "6"',
    ],
    [
      "a policy that is gone",
      ...["DELETE", `/apis/networking.k8s.io/v1/${IN_JOBS}/networkpolicies/default-deny`] as const,
      ...[
        undefined,
        "NetworkPolicy analytics-jobs/default-deny",
        "the object is not in the cluster",
      ] as const,
    ],
    [
      "a policy that no manifest has",
      ...["POST", `/apis/networking.k8s.io/v1/${IN_JOBS}/networkpolicies`] as const,
      { kind: "NetworkPolicy", metadata: { name: "other" }, spec: { podSelector: {} } },
      ...[
        "NetworkPolicy analytics-jobs/other",
        "the object is in the cluster, but not in the manifests",
      ] as const,
    ],
  ];

clusterTest(
  "manifest-drift on a cluster reports changes made by hand, also to a user who may only read",
  async (t) => {
    const objects = OURS.objects.map(({ value }) => value as unknown as KubeObject);
    const { admin } = controlPlane();
    const reader = await user(admin, "reader", [READS_ALL]);
    for (const [who, access] of [["administrator", admin], ["reader", reader]] as const) {
      await bringTo(controlPlane(), objects);
      const told = async () =>
        found(manifestDrift.run(await gatherOn(access, OURS)))
          .map(([, object, , , problem]) => [object, problem]);
      await t.step(`${who}: nothing`, async () => assertEquals(await told(), []));
      for (const [name, method, path, body, object, problem] of BY_HAND) {
        await t.step(`${who}: ${name}`, async () => {
          using api = openApi(admin);
          await api.call(method, path, body, method === "PATCH" ? MERGE : undefined);
          assertEquals(await told(), [[object, problem]]);
          await bringTo(controlPlane(), objects);
        });
      }
      await t.step(`${who}: a Job that was started`, async () => {
        using api = openApi(admin);
        await api.call("PATCH", JOB_PATH, { spec: { suspend: false } }, MERGE);
        assertEquals(await told(), []);
      });
    }
  },
);

const MERGE = "application/merge-patch+json";
