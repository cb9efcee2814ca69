import { fixesInFiles } from "../../../checks/report/fix_in_files.ts";
import { piecesOf } from "../../../checks/report/fix_pieces.ts";
import { parseDocuments } from "../../../checks/kubernetes/yaml.ts";
import type { Finding } from "../../../checks/finding.ts";
import { assertEquals } from "../../support/assert.ts";

const POLICY = { kind: "NetworkPolicy", namespace: "jobs", name: "allow-s3" };

function changed(fix: string, more: Partial<Finding> = {}): string {
  const finding = { severity: "fail", object: "a", problem: "b", fix, ...more } as const;
  const result = {
    id: "a",
    title: "a",
    verdict: "fail",
    examined: "a",
    findings: [finding],
  } as const;
  return fixesInFiles(result).findings[0]!.fix;
}

const patch = (...steps: unknown[]) =>
  `kubectl -n jobs patch networkpolicy allow-s3 --type=json -p '${JSON.stringify(steps)}'`;

const CASES: readonly (readonly [fix: string, changed: string])[] = [
  [
    patch({ op: "add", path: "/spec/egress/0/ports/-", value: { protocol: "TCP", port: 443 } }),
    "In NetworkPolicy jobs/allow-s3, append to spec.egress[0].ports:\n- protocol: TCP\n  port: 443",
  ],
  [
    "Remove `to`, or allow less: " +
    patch({ op: "replace", path: "/spec/egress/0/to/1", value: { podSelector: {} } }),
    "Remove `to`, or allow less.\n\n" +
    "In NetworkPolicy jobs/allow-s3, replace spec.egress[0].to[1] with:\npodSelector: {}",
  ],
  [
    patch(
      { op: "remove", path: "/spec/egress/1" },
      { op: "add", path: "/spec/podSelector", value: { matchLabels: { on: "it's" } } },
    ).replace("it's", "it'\\''s"),
    "In NetworkPolicy jobs/allow-s3, remove spec.egress[1].\n\n" +
    'In NetworkPolicy jobs/allow-s3, add spec.podSelector:\nmatchLabels:\n  "on": it\'s',
  ],
  ["kubectl -n jobs delete networkpolicy allow-s3", "Remove NetworkPolicy jobs/allow-s3."],
  ["kubectl label namespace jobs name=jobs", "kubectl label namespace jobs name=jobs"],
  ["Ask who writes it.", "Ask who writes it."],
];

for (const [fix, expected] of CASES) {
  Deno.test(`fixesInFiles: ${fix.slice(0, 90)}`, () => {
    assertEquals(changed(fix), expected);
  });
}

Deno.test("fixesInFiles: the objects of a command become YAML that can be copied, and words stay words", () => {
  const objects = ["a", "b"].map((name) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace: "jobs" },
    spec: { podSelector: { matchLabels: { app: "no", note: "it's" } }, policyTypes: ["Egress"] },
  }));
  const create = objects.map((each) =>
    `echo '${JSON.stringify(each).replaceAll("'", "'\\''")}' | kubectl create -f -`
  ).join(" && ");
  const pieces = piecesOf(changed(`${create}. To narrow the rule, add labels.`));
  assertEquals(pieces.map(({ kind }) => kind), ["words", "command", "words"]);
  assertEquals(pieces[0]!.text, "Add to the manifests:\n");
  assertEquals(pieces[2]!.text.trim(), "To narrow the rule, add labels.");
  const { documents, problems } = parseDocuments(pieces[1]!.text);
  assertEquals([problems, documents.map(({ value }) => value)], [[], objects]);
});

Deno.test("fixesInFiles: names the file of the policy that a finding is about", () => {
  const fix = "kubectl -n jobs delete networkpolicy allow-s3";
  const place = { file: "manifests/a.yaml", line: 3 };
  assertEquals(
    changed(fix, { objectRef: POLICY, ...place }),
    "Remove NetworkPolicy jobs/allow-s3 (manifests/a.yaml:3).",
  );
  const other = { objectRef: { ...POLICY, name: "other" }, ...place };
  assertEquals(changed(fix, other), "Remove NetworkPolicy jobs/allow-s3.");
});
