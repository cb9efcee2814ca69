import { assertEquals } from "../../../support/assert.ts";
import { pasted } from "../../healthy/pasted.ts";
import {
  edited,
  HEALTHY,
  judge,
  manifests,
  policy,
  SPARK_PODS,
} from "../../healthy/connections.ts";

// What isolation advises to remove can be the only way of a connection, also of one that is not known to
// be open. The fix then says so first.

const job = (variable: string, value: string) =>
  HEALTHY.job.replace(
    new RegExp(`(- name: ${variable}\\n +)valueFrom:\\n[^]*?key: ${variable}`),
    (_, start) => `${start}value: ${value}`,
  );

const egress = (name: string, peer: string, ports: string) =>
  policy(
    name,
    `${SPARK_PODS}\n  policyTypes: [Egress]\n  egress: [{ to: ${peer}, ports: ${ports} }]`,
  );

const EVERY = "[{ ipBlock: { cidr: 0.0.0.0/0 } }]";
const PODS = "[{ ipBlock: { cidr: 10.42.0.0/16 } }]";
const SPARK_PORTS = "[{ port: 7078 }, { port: 7079 }]";

/** The manifests, and the begin of the fix that isolation prints. */
const CASES = [
  [
    "a store at a private address",
    {
      job: job("S3_ENDPOINT", "https://10.9.0.7"),
      store: egress("allow-s3-egress", EVERY, "[{ port: 443 }]"),
    },
    "egress-policy passes only because of what this fix removes, ",
  ],
  [
    "a store with a name of a private network",
    {
      job: job("S3_ENDPOINT", "https://minio.internal"),
      store: egress("allow-s3-egress", EVERY, "[{ port: 443 }]"),
    },
    "egress-policy passes only because of what this fix removes, ",
  ],
  [
    "Postgres whose pods can have an address of the block",
    { outbox: egress("allow-outbox-egress", EVERY, "[{ port: 5432 }]") },
    "database-egress may pass only because of what this fix removes, ",
  ],
  [
    "executors whose pods can have an address of the block",
    {
      spark: policy(
        "allow-driver-executor-traffic",
        `${SPARK_PODS}
  policyTypes: [Ingress, Egress]
  ingress: [{ from: [{ podSelector: {} }], ports: ${SPARK_PORTS} }]
  egress: [{ to: ${PODS}, ports: ${SPARK_PORTS} }]`,
      ),
    },
    "driver-executor-traffic may pass only because of what this fix removes, ",
  ],
  [
    "executors that reach the driver only through a block",
    {
      spark: policy(
        "allow-driver-executor-traffic",
        `${SPARK_PODS}
  policyTypes: [Ingress, Egress]
  ingress: [{ from: ${PODS}, ports: ${SPARK_PORTS} }]
  egress: [{ to: [{ podSelector: {} }], ports: ${SPARK_PORTS} }]`,
      ),
    },
    "driver-executor-traffic may pass only because of what this fix removes, ",
  ],
  [
    "selectors that are separate on purpose",
    {
      spark: policy(
        "allow-driver-executor-traffic",
        `${SPARK_PODS}
  policyTypes: [Ingress, Egress]
  ingress: [{ from: [{ podSelector: {} }], ports: ${SPARK_PORTS} }]
  egress:
    - to:
        - { namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: robson } } }
        - { podSelector: {} }
      ports: ${SPARK_PORTS}`,
      ),
    },
    "driver-executor-traffic passes only because of what this fix removes, ",
  ],
  [
    "a public store",
    { store: egress("allow-s3-egress", EVERY, "[{ port: 443 }]") },
    "",
  ],
] as const;
for (const [name, parts, begin] of CASES) {
  Deno.test(`the fix of isolation for ${name} begins with: ${begin}`, () => {
    const outcome = judge(manifests(parts)).get("isolation")!;
    const findings = "findings" in outcome ? outcome.findings : [];
    const begins = findings.map(({ fixInFiles = "" }) =>
      /^.*?removes, /s.exec(fixInFiles)?.[0] ?? ""
    );
    assertEquals(begins, [begin], JSON.stringify(outcome));
  });
}

Deno.test("the fix of isolation to AND two selectors that no connection needs apart", () => {
  const peers =
    "        - namespaceSelector:\n            matchLabels:\n              name: robson\n" +
    "          podSelector:";
  const parts = edited(
    "outbox",
    peers,
    peers.replace("          podSelector", "        - podSelector"),
  );
  const outcome = judge(manifests(parts)).get("isolation")!;
  const [finding] = "findings" in outcome ? outcome.findings : [];
  assertEquals(finding?.fix.startsWith("To AND the selectors"), true, JSON.stringify(outcome));
});

Deno.test("the fix of isolation for the only policy of all pods empties the policy, and keeps it", () => {
  const peer = "{ ipBlock: { cidr: 10.43.0.10/32 } }";
  for (
    const spec of [
      `podSelector: {}\n  policyTypes: [Ingress, Egress]\n  ingress: [{ from: [${peer}], ports: [{ port: 443 }] }]`,
      `podSelector: {}\n  ingress: [{ from: [${peer}] }]\n  egress: [{ to: [${peer}], ports: [{ port: 443 }] }]`,
    ]
  ) {
    const fact = manifests({ deny: policy("default-deny", spec) });
    const outcome = judge(fact).get("isolation")!;
    const [finding, ...others] = "findings" in outcome
      ? outcome.findings.filter(({ object }) => object.endsWith("/default-deny"))
      : [];
    assertEquals(others.length <= 1, true);
    const { fix } = [finding!, ...others].find((each) =>
      each.fix.includes("the rules of this one")
    )!;
    assertEquals(fix.includes("delete networkpolicy"), false, fix);
    const after = judge(pasted(fact, fix)).get("isolation")!;
    assertEquals("findings" in after && after.findings, [], fix);
  }
  // With another policy that denies everything, it can go.
  const block = policy("block-all", `podSelector: {}\n  ingress: [{ from: [${peer}] }]`);
  const both = judge(manifests({ more: `\n${block}` })).get("isolation")!;
  assertEquals(JSON.stringify(both).includes("delete networkpolicy block-all"), true);
});
