import type { ManifestsFact } from "../../../../checks/facts/manifests.ts";
import { assert, assertEquals } from "../../../support/assert.ts";
import { HEALTHY, judge, manifests } from "../../healthy/connections.ts";
import { pasted } from "../../healthy/pasted.ts";

// The executors of one job are in another namespace than those of the bronze Job. Each test applies
// the printed fixes, one after the other, until the connection checks find nothing.

const ROLES = `
apiVersion: v1
kind: Namespace
metadata: { name: workers }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: spark-jobs, namespace: workers }
rules: [{ apiGroups: [""], resources: [pods], verbs: ["*"] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: spark-jobs, namespace: workers }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: spark-jobs }
subjects: [{ kind: ServiceAccount, name: spark-jobs, namespace: analytics-jobs }]
`;

const OTHER_JOB = HEALTHY.job.replaceAll("bronze-ingest", "etl")
  .replace("kubernetes.namespace=analytics-jobs", "kubernetes.namespace=workers");

const deny = (types: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny, namespace: workers }
spec: { podSelector: {}, policyTypes: [${types}] }
`;

/** The policy for Spark in the other namespace, with one peer. */
const policyFor = (peer: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-driver-executor-traffic, namespace: workers }
spec:
  podSelector: {}
  ingress: [{ from: [${peer}], ports: [{ port: 7078 }, { port: 7079 }] }]
  egress: [{ to: [${peer}], ports: [{ port: 7078 }, { port: 7079 }] }]
  policyTypes: [Ingress, Egress]
`;

const JOBS = "namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: analytics-jobs } }";
const WORKERS = JOBS.replace("analytics-jobs", "workers");

const [before, after] = HEALTHY.spark.split("\n  egress:");
const only = (text: string) =>
  text.replace("- podSelector:", `- ${WORKERS}\n          podSelector:`);

const CASES: Record<string, { more: string; spark?: string }> = {
  "no policy": { more: "" },
  "both directions denied": { more: deny("Ingress, Egress") },
  "egress denied": { more: deny("Egress") },
  "ingress denied": { more: deny("Ingress") },
  "a policy for the driver only": { more: policyFor(`{ ${JOBS} }`) },
  "a policy for the executors only": { more: policyFor("{ podSelector: {} }") },
  "no policy for Spark": { more: deny("Ingress, Egress"), spark: "" },
  "a policy for the other job only": {
    more: deny("Ingress, Egress"),
    spark: `${only(before!)}\n  egress:${only(after!)}`,
  },
};

/** The failures of the connection checks. */
function failures(fact: ManifestsFact) {
  return [...judge(fact)].flatMap(([id, outcome]) =>
    ("findings" in outcome ? outcome.findings : []).filter(({ severity }) => severity === "fail")
      .map((finding) => ({ id, ...finding }))
  );
}

/** The checks that the bronze Job fails. */
function failedByBronze(fact: ManifestsFact): string[] {
  return failures(fact).filter(({ object, problem }) => `${object} ${problem}`.includes("bronze"))
    .map(({ id }) => id);
}

for (const [name, { more, spark = HEALTHY.spark }] of Object.entries(CASES)) {
  for (const order of ["first", "last"] as const) {
    Deno.test(`driver-executor-traffic: fixes for executors elsewhere break no other job: ${name}, ${order} finding first`, () => {
      const parts = [ROLES, OTHER_JOB, more].filter((each) => each !== "");
      let fact = manifests({ spark, more: parts.join("---") });
      let broken = failedByBronze(fact);
      const fixes: string[] = [];
      for (let found = failures(fact); found.length > 0; found = failures(fact)) {
        const { fix } = found.at(order === "first" ? 0 : -1)!;
        assert(!fixes.includes(fix), `printed twice: ${fix}`);
        fixes.push(fix);
        assert(fixes.length <= 9, fixes.join("\n"));
        fact = pasted(fact, fix);
        const now = failedByBronze(fact);
        assertEquals(now.filter((id) => !broken.includes(id)), [], fix);
        broken = now;
      }
      assertEquals(failures(fact), []);
      assert(fixes.some((fix) => fix.includes("spark-role")), fixes.join("\n"));
    });
  }
}
