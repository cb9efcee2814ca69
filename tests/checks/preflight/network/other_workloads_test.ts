import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  onlyFinding,
  type Parts,
  policy,
} from "../../healthy/connections.ts";
import { pasted } from "../../healthy/pasted.ts";

// Other workloads in the jobs' namespace. No fix closes a connection that they use.

const WEB = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: analytics-jobs }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "nginx:1" }] }
`;
const REDIS = "egress: [{ to: [{ namespaceSelector: { matchLabels: " +
  "{ kubernetes.io/metadata.name: kube-system } } }], ports: [{ port: 6379 }] }]";

const findings = (changes: Parts) =>
  [...judge(manifests(changes))].flatMap(([id, outcome]) =>
    "findings" in outcome ? outcome.findings.map((finding) => ({ id, ...finding })) : []
  );

Deno.test("isolation does not judge a policy that selects only other workloads", () => {
  for (
    const rule of [
      REDIS,
      "ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 80 }] }]",
      "egress: [{}]",
    ]
  ) {
    const web = policy("web", `podSelector: { matchLabels: { app: web } }\n  ${rule}`);
    assertEquals(findings({ more: `${WEB}---${web}` }), [], rule);
  }
});

Deno.test("isolation does not say that no job needs what other pods may need", () => {
  const more = policy("cache", `podSelector: { matchLabels: { app: cache-client } }\n  ${REDIS}`);
  assertEquals(findings({ more }), []);
  const both = policy("all", `podSelector: {}\n  ${REDIS}`);
  const found = onlyFinding({ more: `${WEB}---${both}` });
  assertStringIncludes(found.problem, "TCP 6379");
  assertStringIncludes(
    found.fix,
    "If Deployment analytics-jobs/web needs it, allow it there in a policy of its own first. ",
  );
  const alone = onlyFinding({ more: both }).fix;
  assertStringIncludes(alone, "If no other pod needs the rule, remove it: kubectl");
  assertEquals(alone.includes("web"), false);
});

Deno.test("isolation says which pods a default deny closes", () => {
  const found = findings({ deny: "", more: WEB }).find(({ id }) => id === "isolation")!;
  assertStringIncludes(
    found.fix,
    "This also closes connections of Deployment analytics-jobs/web. Allow those that they need",
  );
});

/** The selectors of the policies that a fix creates. */
const selectorsIn = (fix: string) =>
  [...fix.matchAll(/printf '%s\\n' '(.*?)' \| kubectl create/g)].map(([, text]) =>
    JSON.parse(text!).spec.podSelector
  );

const SPARK = { key: "spark-role", operator: "In", values: ["driver", "executor"] };

Deno.test("a created policy selects the pods of the jobs", () => {
  for (const part of ["store", "outbox"] as const) {
    const { fix } = onlyFinding({ [part]: "" });
    assertEquals(selectorsIn(fix), [{ matchExpressions: [SPARK] }], part);
  }
  assertEquals(selectorsIn(onlyFinding({ api: "" }).fix), [
    { matchLabels: { "spark-role": "driver" } },
  ]);
  // With a default deny, the DNS policy of all pods isolates no further pod.
  assertEquals(selectorsIn(onlyFinding({ dns: "" }).fix), [{}]);
});

Deno.test("a created policy isolates no other workload", () => {
  const deny = HEALTHY.deny.replace(
    "podSelector: {}",
    `podSelector:\n    matchExpressions: [${JSON.stringify(SPARK)}]`,
  );
  for (const part of ["store", "outbox", "dns", "api"] as const) {
    const found = findings({ deny, [part]: "", more: WEB }).filter(({ id }) => id !== "isolation");
    assertEquals(found.length, 1, part);
    const [{ fix }] = found as [typeof found[0]];
    assertEquals(selectorsIn(fix).some((each) => JSON.stringify(each) === "{}"), false, fix);
    const left = judge(pasted(manifests({ deny, [part]: "", more: WEB }), fix)).get(found[0]!.id)!;
    assertEquals("findings" in left && left.findings, [], part);
  }
});

Deno.test("a created policy selects a driver without the label of Spark by its own labels", () => {
  const job = HEALTHY.job.replace(/ +spark-role: driver\n/, "");
  const none = { dns: "", store: "", outbox: "", api: "", spark: "", job };
  const found = findings(none);
  const selectors = (id: string) =>
    found.filter((each) => each.id === id).flatMap(({ fix }) => selectorsIn(fix));
  const driver = { matchLabels: { app: "bronze-ingest" } };
  const executors = { matchLabels: { "spark-role": "executor" } };
  assertEquals(selectors("kubernetes-api-egress"), [driver]);
  assertEquals(selectors("egress-policy"), [executors, driver]);
  const fact = found.filter(({ id }) => id === "egress-policy" || id === "dns-egress")
    .reduce((fact, { fix }) => pasted(fact, fix), manifests(none));
  const left = judge(fact).get("egress-policy")!;
  assertEquals("findings" in left && left.findings, []);
  const traffic = found.find(({ id }) => id === "driver-executor-traffic")!;
  assertStringIncludes(
    traffic.fix,
    "Set spark-role: driver in spec.template.metadata.labels of Job",
  );
});

Deno.test("a fix adds to a rule that another workload may need, and replaces no part of it", () => {
  const shared = (part: "store" | "outbox" | "api" | "dns", from: string, to: string) => ({
    [part]: edited(part, from, to)[part]!.replace(
      /podSelector:\n[^]*?(?= {2}policyTypes)/,
      "podSelector: {}\n",
    ),
    more: WEB,
  });
  const faults = {
    "another label of Postgres": shared("outbox", "app: rbs-paradedb", "app: other"),
    "the selector trap": {
      store: HEALTHY.store.replace(/- ipBlock:[^]*(?=ports)/, "- namespaceSelector: {}\n      ")
        .replace(/podSelector:\n[^]*?(?= {2}policyTypes)/, "podSelector: {}\n"),
      more: WEB,
    },
    "another namespace of DNS": shared(
      "dns",
      "metadata.name: kube-system",
      "metadata.name: robson",
    ),
  };
  for (const [name, changes] of Object.entries(faults)) {
    const found = findings(changes).filter(({ severity, id }) =>
      severity === "fail" && id !== "isolation"
    );
    assertEquals(found.length, 1, `${name}: ${JSON.stringify(found)}`);
    const [{ id, fix }] = found as [typeof found[0]];
    assertEquals(/"op":"(replace|remove)"/.test(fix), false, `${name}: ${fix}`);
    const left = judge(pasted(manifests(changes), fix)).get(id)!;
    assertEquals("findings" in left && left.findings, [], name);
  }
});

Deno.test("a fix isolates no other pod that a policy selects", () => {
  const deny = HEALTHY.deny.replace(
    "podSelector: {}",
    `podSelector:\n    matchExpressions: [${JSON.stringify(SPARK)}]`,
  );
  const dns = HEALTHY.dns.replace("policyTypes: [Egress]", "policyTypes: [Ingress]");
  const fixOf = (changes: Parts) => findings(changes).find(({ id }) => id === "dns-egress")!.fix;
  const changes = { deny, dns, more: WEB };
  assertEquals(selectorsIn(fixOf(changes)), [{ matchExpressions: [SPARK] }]);
  const left = judge(pasted(manifests(changes), fixOf(changes))).get("dns-egress")!;
  assertEquals("findings" in left && left.findings, []);
  assertStringIncludes(fixOf({ deny, dns }), '"path":"/spec/policyTypes/-"');
});

Deno.test("a policy for other pods is not made to select the jobs instead", () => {
  const other = HEALTHY.store.replace(
    /podSelector:\n[^]*?(?= {2}policyTypes)/,
    "podSelector: { matchLabels: { app: web } }\n",
  );
  const { fix } = onlyFinding({ store: other, more: WEB });
  assertEquals(selectorsIn(fix), [{ matchExpressions: [SPARK] }]);
  assertEquals(selectorsIn(onlyFinding({ store: other }).fix), []);
});

Deno.test("a policy of drivers is not made to select executors instead", () => {
  const drivers = HEALTHY.store.replace(
    /podSelector:\n[^]*?(?= {2}policyTypes)/,
    "podSelector: { matchLabels: { spark-role: driver } }\n",
  );
  const { id, fix } = onlyFinding({ store: drivers });
  assertEquals(selectorsIn(fix), [{ matchLabels: { "spark-role": "executor" } }]);
  const left = judge(pasted(manifests({ store: drivers }), fix)).get(id)!;
  assertEquals("findings" in left && left.findings, []);
});
