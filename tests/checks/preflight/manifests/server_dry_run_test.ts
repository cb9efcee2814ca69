import type { Outcome } from "../../../../checks/finding.ts";
import type { ManifestsFact } from "../../../../checks/facts/manifests.ts";
import { serverDryRun } from "../../../../checks/preflight/manifests/server_dry_run.ts";
import type { Access } from "../../../cluster/kubeconfig.ts";
import { bringTo } from "../../../cluster/state.ts";
import { READS_ALL, user } from "../../../cluster/users.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "../../../support/assert.ts";
import { clusterTest, controlPlane } from "../../../support/control_plane.ts";
import { gatherOn } from "../on_cluster.ts";
import { clusterWith, manifestsFact } from "../../healthy/one_file.ts";
import { MANIFESTS, REFUSED } from "../../healthy/platform.ts";

// The answers of a real API server to invalid manifests, and the resulting messages.

const NAMESPACE = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: "analytics-jobs",
    labels: { "pod-security.kubernetes.io/enforce": "restricted" },
  },
};

const QUOTA = {
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata: { name: "jobs", namespace: "analytics-jobs" },
  spec: { hard: { pods: "10", "services.nodeports": "0" } },
};

async function judge(
  manifests: ManifestsFact,
  as: Access = controlPlane().admin,
): Promise<Outcome> {
  return serverDryRun.run(await gatherOn(as, manifests));
}

const object = (kind: string, apiVersion: string, rest: string) => `
apiVersion: ${apiVersion}
kind: ${kind}
metadata: { name: x, namespace: analytics-jobs }
${rest}
`;
const policy = (spec: string) => object("NetworkPolicy", "networking.k8s.io/v1", `spec: ${spec}`);
const job = (container: string) =>
  object(
    "Job",
    "batch/v1",
    `spec: { template: { spec: { restartPolicy: Never, containers: [\n  ${container}] } } }`,
  );

/** Refused changes, with the reported field, the line and the server's message. */
const REFUSALS: readonly (readonly [string, string, string | undefined, number, RegExp])[] = [
  [
    "a value out of range",
    policy("{ podSelector: {}, egress: [{ ports:\n  [{ port: 70000 }] }] }"),
    ...["spec.egress[0].ports[0].port", 6, /Invalid value: 70000: must be between 1/] as const,
  ],
  [
    "a field that there is not",
    policy("{ podSelector: {}, egress: [{ ports: [\n  { prt: 53 }] }] }"),
    ...["spec.egress[0].ports[0].prt", 6, /field not declared in schema/] as const,
  ],
  [
    "a field of a named item that there is not",
    job("{ name: a, image: b, imag: c }"),
    ...["spec.template.spec.containers[0].imag", 6, /field not declared in schema/] as const,
  ],
  [
    "a field that is missing",
    job("{ name: a }"),
    ...["spec.template.spec.containers[0].image", 6, /Required value/] as const,
  ],
  [
    "a number where a text belongs",
    job("{ name: a, image: b, env: [{ name: A, value: 5 }] }"),
    "spec.template.spec.containers[0].env[0].value",
    ...[6, /expected string and has another type$/] as const,
  ],
  [
    "a quantity that is none",
    object("ResourceQuota", "v1", "spec: { hard: { pods: many } }"),
    ...[undefined, 2, /quantities must match/] as const,
  ],
  [
    "what a quota refuses",
    object("Service", "v1", "spec: { type: NodePort, ports: [{ port: 80 }] }"),
    ...[undefined, 2, /is forbidden: exceeded quota: jobs/] as const,
  ],
  [
    "what pod security refuses",
    object("Pod", "v1", "spec: { containers: [{ name: a, image: b }] }"),
    ...[undefined, 2, /violates PodSecurity "restricted:latest"/] as const,
  ],
  [
    "a kind that the server does not know",
    object("SparkApplication", "sparkoperator.k8s.io/v1beta2", ""),
    ...[undefined, 2, /there is no kind "SparkApplication"/] as const,
  ],
  [
    "an object without a name",
    "{ apiVersion: v1, kind: ConfigMap, metadata: { namespace: analytics-jobs } }",
    ...[undefined, 1, /: the object has no metadata\.name, so it cannot be applied$/] as const,
  ],
];

clusterTest(
  "server-dry-run reports the message, file and line of a refused object",
  async (t) => {
    await bringTo(controlPlane(), [NAMESPACE, QUOTA]);
    for (const [name, yaml, field, line, words] of REFUSALS) {
      await t.step(name, async () => {
        const outcome = await judge(manifestsFact(yaml));
        assert("findings" in outcome, JSON.stringify(outcome));
        const [finding, ...rest] = outcome.findings;
        assertEquals(rest, []);
        assertEquals([finding?.field, finding?.file, finding?.line], [
          ...[field, "manifests/a.yaml", line],
        ]);
        assertMatch(finding!.problem, words);
        assertStringIncludes(finding!.fix, "--dry-run=server -f manifests/a.yaml");
      });
    }
  },
);

clusterTest("server-dry-run reports no value of a refused Secret", async () => {
  await bringTo(controlPlane(), [NAMESPACE]);
  for (const values of ["stringData: { PASSWORD: 48151623 }", 'data: { PASSWORD: "48151623!" }']) {
    const outcome = await judge(manifestsFact(object("Secret", "v1", values)));
    assert("findings" in outcome && outcome.findings.length === 1, JSON.stringify(outcome));
    assert(!JSON.stringify(outcome).includes("48151623"), JSON.stringify(outcome));
  }
});

clusterTest(
  "server-dry-run passes for our own manifests, and stores no object",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    const gathered = await gatherOn(controlPlane().admin, MANIFESTS);
    const outcome = serverDryRun.run(gathered);
    assert("findings" in outcome, JSON.stringify(outcome));
    assertEquals(outcome.findings, []);
    assertMatch(outcome.examined, /^15 objects on /);
    const stored = (await gatherOn(controlPlane().admin, MANIFESTS)).cluster.objects;
    assertEquals(stored.filter(({ kind }) => ["Job", "NetworkPolicy"].includes(kind)), []);
  },
);

clusterTest(
  "server-dry-run is skipped without the namespace, which manifest-drift reports",
  async () => {
    await bringTo(controlPlane(), []);
    assertEquals(await judge(MANIFESTS), {
      skip: "14 objects not tried: namespace analytics-jobs does not exist (see manifest-drift)",
    });
  },
);

clusterTest(
  "server-dry-run names the missing permission of a user who may only read, and how to skip the check",
  async () => {
    await bringTo(controlPlane(), [NAMESPACE]);
    const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
    const outcome = await judge(MANIFESTS, reader);
    assert("unknown" in outcome, JSON.stringify(outcome));
    assertMatch(
      outcome.unknown,
      /^User "system:serviceaccount:default:reader" cannot patch resources "namespaces", "resourcequotas", "limitranges", "networkpolicies", "serviceaccounts" and 4 more, so 15 objects could not be tried\. /,
    );
    assertStringIncludes(outcome.unknown, '--skip server-dry-run="this user may only read"');
  },
);

Deno.test("server-dry-run fails for a refused object even if other objects could not be tried", () => {
  const problem =
    'networkpolicies "default-deny" is forbidden: User "a" cannot patch resource "networkpolicies"';
  const cluster = clusterWith("");
  const trials = cluster.trials.map(({ object }, i) => ({
    object,
    refused: i === 0 ? { because: "invalid" as const, problem: "is wrong" } : {
      because: "forbidden" as const,
      problem,
    },
  }));
  const outcome = serverDryRun.run({ manifests: manifestsFact(), cluster: { ...cluster, trials } });
  assert("findings" in outcome);
  assertEquals(outcome.findings.map(({ problem }) => problem), [
    "the API server refuses the object: is wrong",
  ]);
  assertMatch(outcome.examined, /^1 object on .*; 13 objects could not be tried$/);
});

Deno.test("server-dry-run names a single kind that may not be patched", () => {
  const cluster = clusterWith("");
  const trials = cluster.trials.map(({ object }) => ({
    object,
    ...(object.kind !== "Job" ? {} : {
      refused: {
        because: "forbidden" as const,
        problem:
          'jobs "bronze-ingest-manual" is forbidden: User "a" cannot patch resource "jobs" in API group "batch"',
      },
    }),
  }));
  const outcome = serverDryRun.run({ manifests: manifestsFact(), cluster: { ...cluster, trials } });
  assert("unknown" in outcome);
  assertMatch(outcome.unknown, /^User "a" cannot patch resource "jobs", so 1 object could not/);
});

const SOPS = `apiVersion: v1
kind: Secret
metadata: { name: login, namespace: analytics-jobs }
stringData: { A: "ENC[AES256_GCM,data:q83v,iv:q83v,tag:q83v,type:str]" }
sops: { version: 3.9.0 }
`;

Deno.test("server-dry-run names the Secrets that it does not try, because SOPS encrypted them", () => {
  const left =
    "; not tried, because a tool fills in their values first: Secret analytics-jobs/login";
  const healthy = manifestsFact();
  const objects = [...healthy.objects, ...manifestsFact(SOPS).objects];
  const manifests = { ...healthy, objects };
  const outcome = serverDryRun.run({ manifests, cluster: clusterWith("") });
  assert("examined" in outcome);
  assertMatch(outcome.examined, new RegExp(`^\\d+ objects on .*${left}$`));
  assertEquals(
    serverDryRun.run({ manifests: manifestsFact(SOPS), cluster: clusterWith("", {}, "") }),
    { notApplicable: `the manifests have no object${left}` },
  );
});

clusterTest("server-dry-run sends no encrypted Secret to the API server", async () => {
  await bringTo(controlPlane(), [NAMESPACE]);
  const outcome = await judge(manifestsFact(SOPS));
  assertStringIncludes(JSON.stringify(outcome), "not tried, because a tool fills in their values");
});

Deno.test("server-dry-run is skipped for a refused login, and unknown without any object", () => {
  const manifests = manifestsFact();
  assertEquals(serverDryRun.run({ manifests, cluster: REFUSED }), {
    skip: "no access to the cluster (see cluster-login)",
  });
  assertEquals(
    serverDryRun.run({ manifests: manifestsFact(""), cluster: clusterWith("", {}, "") }),
    {
      unknown: "the manifests have no object",
    },
  );
});
