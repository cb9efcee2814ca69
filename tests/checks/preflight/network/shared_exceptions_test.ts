import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { edited, HEALTHY, judge, manifests, onlyFinding } from "../../healthy/connections.ts";

const STORE = HEALTHY.store;
const BLOCK = STORE.slice(STORE.indexOf("- ipBlock"), STORE.indexOf("ports:"));
const withBlocks = (...more: string[]) =>
  edited("store", BLOCK, BLOCK + more.map((block) => `  - ipBlock: ${block}\n      `).join(""));
const rules = (parts: ReturnType<typeof withBlocks>) =>
  judge(manifests(parts)).get("egress-policy");

Deno.test("egress-policy warns if an exception of one block refuses on k3s what another block allows, and the fix ends it", () => {
  const parts = withBlocks("{ cidr: 198.51.100.0/24, except: [198.51.100.99/32] }");
  const found = onlyFinding(parts);
  assertEquals([found.id, found.severity, found.object, found.field], [
    "egress-policy",
    "warn",
    "NetworkPolicy analytics-jobs/allow-s3-egress",
    "spec.egress[0].to[2].ipBlock.except",
  ]);
  assertStringIncludes(
    found.problem,
    "on k3s, the exception 198.51.100.99/32 also refuses 198.51.100.99/32, which ipBlock 0.0.0.0/0 " +
      "of the same rule allows",
  );
  const [step] = JSON.parse(/-p '(.*)'$/.exec(found.fix)![1]!);
  assertEquals(step.op, "add");
  assertEquals(step.path, "/spec/egress/-");
  const fixed = `${parts.store}    - ${JSON.stringify(step.value)}\n`;
  assertEquals(rules({ store: fixed }), {
    examined: "pods of 1 job under 6 policies",
    findings: [],
  });
});

const CASES: readonly [name: string, blocks: string[], warns: boolean][] = [
  [
    "a block inside an exception, which is smaller than the exception",
    ["{ cidr: 10.43.0.0/16 }"],
    false,
  ],
  ["an exception inside a block inside an exception", [
    "{ cidr: 10.43.0.0/16, except: [10.43.0.0/24] }",
  ], false],
  ["an exception of the same size as another block", ["{ cidr: 192.168.0.0/16 }"], true],
  ["an exception of a part of another block", ["{ cidr: 10.0.0.0/7 }"], true],
  ["an exception that is also an exception of the other block", [
    "{ cidr: 10.0.0.0/7, except: [10.0.0.0/8] }",
  ], false],
  ["blocks that do not overlap", ["{ cidr: 10.0.0.0/24, except: [10.0.0.1/32] }"], false],
  ["a smaller block that allows all addresses of the exception", [
    "{ cidr: 198.51.100.0/24, except: [198.51.100.96/31] }",
    "{ cidr: 198.51.100.96/32 }",
    "{ cidr: 198.51.100.97/32 }",
  ], false],
  ["blocks of IPv6", [
    "{ cidr: '2001:db8::/32' }",
    "{ cidr: '2001:db8:1::/48', except: ['2001:db8:1:1::/64'] }",
  ], true],
];
for (const [name, blocks, warns] of CASES) {
  Deno.test(`egress-policy: ${name}: ${warns ? "a warning" : "no warning"}`, () => {
    const outcome = rules(withBlocks(...blocks));
    const found = "findings" in outcome!
      ? outcome.findings.map(({ severity }) => severity)
      : outcome;
    assertEquals(found, warns ? ["warn"] : []);
  });
}

Deno.test("egress-policy does not warn about an exception that another policy allows", () => {
  const parts = withBlocks("{ cidr: 198.51.100.0/24, except: [198.51.100.99/32] }");
  const other = STORE.replace("allow-s3-egress", "allow-s3-too");
  assertEquals(rules({ store: `${parts.store}---${other}` }), {
    examined: "pods of 1 job under 7 policies",
    findings: [],
  });
});
