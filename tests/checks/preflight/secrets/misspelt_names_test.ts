import { missingObjects } from "../../../../checks/preflight/secrets/object_references.ts";
import { missingSecrets } from "../../../../checks/preflight/secrets/secret_references.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { closestName } from "../../../../checks/kubernetes/spelling.ts";
import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { assertEquals } from "../../../support/assert.ts";

const object = (kind: string, name: string, namespace = "jobs") =>
  `apiVersion: v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\n`;

const OBJECTS = readFile(
  "a.yaml",
  [
    object("Pod", "etl"),
    object("Secret", "database"),
    object("Secret", "elsewhere", "other"),
    object("ConfigMap", "settings"),
    object("PersistentVolumeClaim", "scratch"),
  ].join("---\n"),
).objects;

const reader = OBJECTS[0]!;
const absent = (name: string) => ({
  name,
  namespace: "jobs",
  key: undefined,
  path: "spec",
  reader,
});

Deno.test("missingSecrets suggests the Secret of the namespace that a name can mean", () => {
  const [near, far] = missingSecrets(
    [absent("databse"), absent("elsewere")],
    OBJECTS,
    DEFAULT_PROJECT,
  );
  const problem = "the Secret does not exist, and Pod jobs/etl reads all of it";
  assertEquals([near!.problem, far!.problem], [`${problem}; did you mean database?`, problem]);
  const way = (name: string) =>
    "store the Secret from a file that contains only the value: kubectl -n jobs create secret " +
    `generic ${name} --from-file='<key>'=<file> --dry-run=client -o yaml | kubectl apply -f -`;
  assertEquals(near!.fix, `Write database. If databse is right, ${way("databse")}`);
  assertEquals(far!.fix, way("elsewere").replace("store", "Store"));
});

Deno.test("missingObjects suggests the ConfigMap or the claim that a name can mean", () => {
  const all = missingObjects(
    [
      { ...absent("setings"), kind: "ConfigMap" },
      { ...absent("logo"), kind: "ConfigMap" },
      { ...absent("scrach"), kind: "PersistentVolumeClaim" },
      { ...absent("data"), kind: "PersistentVolumeClaim" },
    ],
    OBJECTS,
  );
  const create = "declare it in the manifests, or create it: kubectl -n jobs create configmap";
  const claim = "declare the claim in the manifests, or correct claimName.";
  assertEquals(all.map(({ problem, fix }) => [problem.split("; ")[1], fix]), [
    [
      "did you mean settings?",
      `Write settings. If setings is right, ${create} setings --from-file=<file>`,
    ],
    [undefined, `D${create.slice(1)} logo --from-file=<file>`],
    ["did you mean scratch?", `Write scratch. If scrach is right, ${claim}`],
    [undefined, `D${claim.slice(1)}`],
  ]);
});

Deno.test("closestName suggests no name that differs only in a number", () => {
  assertEquals(closestName("config-2", ["config-1"]), undefined);
  assertEquals(closestName("confg-2", ["config-1"]), "config-1");
});
