import type { Outcome } from "../../../../checks/finding.ts";
import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { CONNECTION_CHECKS } from "../../../../checks/preflight/catalog.ts";
import { HEALTHY, manifests, type Parts, policy, SPARK_PODS } from "../../healthy/connections.ts";

// The pods of Postgres and of a store that the manifests do not declare: the project file has their
// labels.

const STORE = "minio.storage.svc.cluster.local";

/** The outcome of a check if the project file has these labels. */
function outcomeOf(id: string, changes: Parts, pods: string | undefined): Outcome {
  const { database: { pods: _, ...database }, lake } = DEFAULT_PROJECT;
  const project = {
    ...DEFAULT_PROJECT,
    database: { ...database, ...(pods === undefined ? {} : { pods }) },
    lake: {
      ...lake,
      endpoint: `http://${STORE}:9000`,
      ...(pods === undefined ? {} : { pods }),
    },
  };
  const fact = { ...manifests(changes), project };
  return CONNECTION_CHECKS.find((each) => each.id === id)!.run({ manifests: fact });
}

/** The verdict, and all text. */
function verdictOf(outcome: Outcome): readonly [string, string] {
  const text = JSON.stringify(outcome);
  if (!("findings" in outcome)) return [Object.keys(outcome)[0]!, text];
  return [outcome.findings[0]?.severity ?? "pass", text];
}

const peer = (namespace: string, labels: string) =>
  `{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${namespace} } }, ` +
  `podSelector: ${labels} }`;
const allowing = (name: string, namespace: string, labels: string, port: number) =>
  policy(
    name,
    `${SPARK_PODS}\n  policyTypes: [Egress]\n  egress: [{ to: [${peer(namespace, labels)}], ` +
      `ports: [{ port: ${port} }] }]`,
  );

/** The changes of the healthy manifests, with the labels of a rule, for each check. */
const DESTINATIONS: Readonly<Record<string, (labels: string) => Parts>> = {
  "database-egress": (labels) => ({
    postgres: "",
    outbox: allowing("allow-outbox-egress", "robson", labels, 5432),
  }),
  "egress-policy": (labels) => ({
    job: HEALTHY.job.replace(
      /(- name: S3_ENDPOINT\n +)valueFrom:\n[^]*?key: S3_ENDPOINT/,
      () => `- name: S3_ENDPOINT\n              value: "http://${STORE}:9000"`,
    ),
    store: allowing("allow-s3-egress", "storage", labels, 9000),
  }),
};

/** The labels of the project file, those of the rule, the verdict, and a part of its text. */
const CASES = [
  ["app=pg", "{ matchLabels: { app: pg } }", "pass", "app=pg"],
  ["app=pg", "{ matchExpressions: [{ key: app, operator: Exists }] }", "pass", "app=pg"],
  ["app=pg", "{}", "pass", "app=pg"],
  ["app=pg,tier=db", "{ matchLabels: { tier: db } }", "pass", "app=pg,tier=db"],
  ["app=pg", "{ matchLabels: { app: gp } }", "fail", "app=gp"],
  ["app=pg", "{ matchExpressions: [{ key: app, operator: NotIn, values: [pg] }] }", "fail", "app"],
  ["app=pg,tier=db", "{ matchLabels: { app: pg, tier: web } }", "fail", "tier=web"],
  ["app=pg", "{ matchLabels: { ap: pg } }", "unknown", "have the label ap=pg is not known"],
  ["app=pg", "{ matchLabels: { app: pg, tier: db } }", "unknown", "have the label tier=db"],
  ["app=pg", "{ matchLabels: { app: gp, tier: db } }", "fail", "app=gp"],
  [undefined, "{ matchLabels: { app: gp } }", "pass", "in the project file can name them"],
] as const;

for (const [id, changesFor] of Object.entries(DESTINATIONS)) {
  for (const [pods, labels, verdict, part] of CASES) {
    Deno.test(`${id}: ${verdict} for a rule with ${labels}, and pods with ${pods}`, () => {
      const [found, text] = verdictOf(outcomeOf(id, changesFor(labels), pods));
      assertEquals(found, verdict, text);
      assertStringIncludes(text, part);
    });
  }

  Deno.test(`the fix of ${id} has the labels of the project file`, () => {
    const [, text] = verdictOf(
      outcomeOf(id, changesFor("{ matchLabels: { app: gp } }"), "app=pg,tier=db"),
    );
    const { podSelector } = JSON.parse(
      /.*"podSelector\\":(?<selector>.*?\}\})/.exec(text)!.groups!.selector!.replaceAll("\\", "")
        .replace(/^/, '{"podSelector":').concat("}"),
    );
    assertEquals(podSelector, { matchLabels: { app: "pg", tier: "db" } });
  });
}

Deno.test("database.pods says nothing of another Service than that of database.host", () => {
  const changes = DESTINATIONS["database-egress"]!("{ matchLabels: { app: gp } }");
  const job = HEALTHY.job.replace(
    /(- name: DJANGO_DB_HOST\n +)valueFrom:\n[^]*?key: DJANGO_DB_HOST/,
    () => "- name: DJANGO_DB_HOST\n              value: other.robson.svc.cluster.local",
  );
  const [found, text] = verdictOf(outcomeOf("database-egress", { ...changes, job }, "app=pg"));
  assertEquals(found, "pass", text);
  assertStringIncludes(text, "only the namespace is checked");
});
