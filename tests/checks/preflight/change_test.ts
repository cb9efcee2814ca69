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
const EGRESS = [{ ports: [{ port: 53 }] }, {}];
const PLACED = { ...POLICY, where: "manifests/a.yaml:3", value: { spec: { egress: EGRESS } } };
const IN_FILE = "In NetworkPolicy jobs/allow-s3 (manifests/a.yaml:3), ";
const FIND = ["find spec.egress[0]:\n- ports:\n    - port: 53", "find spec.egress[1]:\n- {}"];

const STEPS: readonly (readonly [step: PatchStep, pointer: string, item: number, told: string])[] =
  [
    [
      { op: "add", path: "spec.egress[0].ports[-]", value: { protocol: "TCP", port: 443 } },
      "/spec/egress/0/ports/-",
      0,
      "append to spec.egress[0].ports:\n- protocol: TCP\n  port: 443",
    ],
    [
      { op: "replace", path: "spec.egress[0].to[1]", value: { podSelector: {} } },
      "/spec/egress/0/to/1",
      0,
      "replace spec.egress[0].to[1] with these lines, indented as the old ones:\n- podSelector: {}",
    ],
    [
      { op: "replace", path: "spec.podSelector", value: {} },
      "/spec/podSelector",
      -1,
      "replace spec.podSelector with these lines, indented as the old ones:\npodSelector: {}",
    ],
    [
      { op: "add", path: "spec.egress[1].to", value: [{ podSelector: { on: "it's" } }] },
      "/spec/egress/1/to",
      1,
      'set in spec.egress[1]:\nto:\n  - podSelector:\n      "on": it\'s',
    ],
    [
      { op: "add", path: "spec.egress[-]", value: {} },
      "/spec/egress/-",
      -1,
      "append to spec.egress:\n- {}",
    ],
    [{ op: "remove", path: "spec.egress[1]" }, "/spec/egress/1", 1, "remove spec.egress[1]."],
  ];

for (const [step, path, item, told] of STEPS) {
  Deno.test(`patchObject: ${told.split("\n")[0]}`, () => {
    const test = { op: "test", path: `/spec/egress/${item}`, value: EGRESS[item] };
    const steps = [...(item < 0 ? [] : [test]), { ...step, path }];
    const quoted = JSON.stringify(steps).replaceAll("'", "'\\''");
    assertEquals(patchObject(PLACED, step), {
      fix: `kubectl -n jobs patch networkpolicy allow-s3 --type=json -p '${quoted}'`,
      fixInFiles: IN_FILE + (item < 0 ? told : `${FIND[item]}\n\nThen ${told}`),
    });
  });
}

Deno.test("patchObject: shows each item once, and names the file only if the object has one", () => {
  const remove = STEPS.at(-1)![0];
  const { fix, fixInFiles } = patchObject({ ...PLACED, where: undefined }, remove, remove);
  assertEquals(fix.split('"op":"test"').length, 2);
  assertEquals(
    fixInFiles,
    "In NetworkPolicy jobs/allow-s3, find spec.egress[1]:\n- {}\n\n" +
      "Then remove spec.egress[1].\n\nThen remove spec.egress[1].",
  );
  const append = STEPS.at(-2)![0];
  assertEquals(
    patchObject(POLICY, append, append).fixInFiles,
    Array(2).fill("In NetworkPolicy jobs/allow-s3, append to spec.egress:\n- {}").join("\n\n"),
  );
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
    `printf '%s\\n' '${JSON.stringify(each).replaceAll("'", "'\\''")}' | kubectl create -f -`
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
