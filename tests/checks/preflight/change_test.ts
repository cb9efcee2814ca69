import {
  createObjects,
  deleteObject,
  explained,
  patchObject,
  type PatchStep,
} from "../../../checks/preflight/change.ts";
import { fixesInFiles } from "../../../checks/report/report.ts";
import { piecesOf } from "../../../checks/report/fix_pieces.ts";
import { parseDocuments } from "../../../checks/kubernetes/yaml.ts";
import { assertEquals } from "../../support/assert.ts";

const POLICY = { kind: "NetworkPolicy", namespace: "jobs", name: "allow-s3" };
const PLACED = { ...POLICY, where: "manifests/a.yaml:3" };

const STEPS: readonly (readonly [step: PatchStep, pointer: string, inFiles: string])[] = [
  [
    { op: "add", path: "spec.egress[0].ports[-]", value: { protocol: "TCP", port: 443 } },
    "/spec/egress/0/ports/-",
    "append to spec.egress[0].ports:\n- protocol: TCP\n  port: 443",
  ],
  [
    { op: "replace", path: "spec.egress[0].to[1]", value: { podSelector: {} } },
    "/spec/egress/0/to/1",
    "replace spec.egress[0].to[1] with these lines, indented as the old ones:\n- podSelector: {}",
  ],
  [
    { op: "replace", path: "spec.podSelector", value: {} },
    "/spec/podSelector",
    "replace spec.podSelector with these lines, indented as the old ones:\npodSelector: {}",
  ],
  [
    { op: "add", path: "spec.egress[1].to", value: [{ podSelector: { on: "it's" } }] },
    "/spec/egress/1/to",
    'set in spec.egress[1]:\nto:\n  - podSelector:\n      "on": it\'s',
  ],
  [{ op: "remove", path: "spec.egress[1]" }, "/spec/egress/1", "remove spec.egress[1]."],
];

for (const [step, path, inFiles] of STEPS) {
  Deno.test(`patchObject: ${inFiles.split("\n")[0]}`, () => {
    const quoted = JSON.stringify([{ ...step, path }]).replaceAll("'", "'\\''");
    assertEquals(patchObject(PLACED, step), {
      fix: `kubectl -n jobs patch networkpolicy allow-s3 --type=json -p '${quoted}'`,
      fixInFiles: `In NetworkPolicy jobs/allow-s3 (manifests/a.yaml:3), ${inFiles}`,
    });
  });
}

Deno.test("patchObject: names the object in each step, and its file only if it has one", () => {
  const { fixInFiles } = patchObject(POLICY, STEPS[4]![0], STEPS[4]![0]);
  const once = "In NetworkPolicy jobs/allow-s3, remove spec.egress[1].";
  assertEquals(fixInFiles, `${once}\n\n${once}`);
});

Deno.test("deleteObject: removes the object from its file", () => {
  assertEquals(deleteObject(PLACED), {
    fix: "kubectl -n jobs delete networkpolicy allow-s3",
    fixInFiles: "Remove NetworkPolicy jobs/allow-s3 (manifests/a.yaml:3).",
  });
});

Deno.test("createObjects: the YAML can be copied to its end, and kubectl reads the same objects", () => {
  const objects = ["a", "b"].map((name) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace: "jobs" },
    spec: { podSelector: { matchLabels: { app: "no", note: "it's" } }, policyTypes: ["Egress"] },
  }));
  const fix = explained("To allow more: ", createObjects(objects));
  const created = objects.map((each) =>
    `echo '${JSON.stringify(each).replaceAll("'", "'\\''")}' | kubectl create -f -`
  );
  assertEquals(fix.fix, `To allow more: ${created.join(" && ")}`);
  const pieces = piecesOf(fix.fixInFiles!);
  assertEquals(pieces.map(({ kind }) => kind), ["words", "command"]);
  assertEquals(
    pieces[0]!.text,
    "To allow more: Add to the manifests, in a new file or below a line ---:\n",
  );
  const { documents, problems } = parseDocuments(pieces[1]!.text);
  assertEquals([problems, documents.map(({ value }) => value)], [[], objects]);
});

Deno.test("fixesInFiles: takes the form for files, if a fix has one", () => {
  const finding = { severity: "fail", object: "a", problem: "b" } as const;
  const result = {
    id: "a",
    title: "a",
    verdict: "fail",
    examined: "a",
    findings: [
      { ...finding, ...deleteObject(POLICY) },
      { ...finding, ...explained("Then: ", { fix: "Ask who writes it." }) },
    ],
  } as const;
  assertEquals(fixesInFiles(result).findings.map(({ fix }) => fix), [
    "Remove NetworkPolicy jobs/allow-s3.",
    "Then: Ask who writes it.",
  ]);
});
