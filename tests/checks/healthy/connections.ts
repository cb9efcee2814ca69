import { assertFilesAreFixed } from "./file_fixes.ts";
import type { Finding, Outcome } from "../../../checks/finding.ts";
import { CONNECTION_CHECKS } from "../../../checks/preflight/catalog.ts";
import { type ManifestsFact, readFile } from "../../../checks/facts/manifests.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { documentsOf, EXECUTORS, JOB } from "./manifests.ts";

const [deny, dns, store, outbox, api, spark] = documentsOf("20-network-policies.yaml");
const [robsonNamespace, postgres] = documentsOf("robson.yaml");

/** The healthy manifests that the connection checks read, one text per object. */
export const HEALTHY = {
  jobsNamespace: documentsOf("00-namespace.yaml")[0]!,
  robsonNamespace: robsonNamespace!,
  postgres: postgres!,
  deny: deny!,
  dns: dns!,
  store: store!,
  outbox: outbox!,
  api: api!,
  spark: spark!,
  template: documentsOf(EXECUTORS)[0]!,
  job: documentsOf(JOB)[0]!,
} as const;

/** The podSelector for the pods of Spark. */
export const SPARK_PODS = `podSelector:
    matchExpressions:
      - key: spark-role
        operator: In
        values: [driver, executor]`;

/** The parts that the manifests are made of. */
export type Parts = Partial<Record<keyof typeof HEALTHY | "more", string>>;

/** The text of a policy of the jobs' namespace. */
export function policy(name: string, spec: string, metadata = ""): string {
  return `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: ${name}
  namespace: analytics-jobs
${metadata}spec:
  ${spec}
`;
}

/** The healthy manifests with some parts replaced; empty parts are left out. */
export function manifests(changes: Parts = {}): ManifestsFact {
  const text = Object.values({ ...HEALTHY, ...changes }).filter((each) => each !== "").join("---");
  return { directory: "manifests/", files: 1, ...readFile("all.yaml", text) };
}

/** A part in which a text is replaced; the part must contain the text. */
export function edited(part: keyof typeof HEALTHY, from: string, to: string): Parts {
  assert(HEALTHY[part].includes(from), `${part} has no ${from}`);
  return { [part]: HEALTHY[part].replace(from, () => to) };
}

/** The outcome of each connection check, by id. */
export function judge(fact: ManifestsFact): Map<string, Outcome> {
  return new Map(CONNECTION_CHECKS.map(({ id, run }) => {
    const outcome = run({ manifests: fact });
    if ("findings" in outcome) outcome.findings.forEach(assertFilesAreFixed);
    return [id, outcome];
  }));
}

/** The only finding of all connection checks. */
export function onlyFinding(changes: Parts): { readonly id: string } & Finding {
  const found = [...judge(manifests(changes))].flatMap(([id, outcome]) =>
    "findings" in outcome ? outcome.findings.map((finding) => ({ id, ...finding })) : []
  );
  assertEquals(
    found.map(({ id, object, field }) => `${id} ${object} ${field}`).length,
    1,
    JSON.stringify(found, undefined, 2),
  );
  return found[0]!;
}
