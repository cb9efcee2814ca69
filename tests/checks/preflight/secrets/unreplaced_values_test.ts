import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { judgeSecrets } from "../../../../checks/preflight/secrets/secret_escaping.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { CLUSTER } from "../../healthy/cluster.ts";
import { assertFound, change, factOf, FILES } from "../../healthy/manifests.ts";

const ID = "secret-escaping";
const PROBLEM = "the value has a command or a variable that only a shell would replace";

Deno.test("secret-escaping warns about what only a shell replaces in any Secret", async () => {
  for (const value of ["Tr0ub$(date)x", "Tr0ub$(cat /run/key)", "Tr0ub`id`", "x${USER}Tr0ub"]) {
    const plain = `stringData:\n  DJANGO_DB_ROLE: ${JSON.stringify(value)}`;
    const [finding] = await assertFound(ID, change("secrets.yaml", "stringData:", plain), {
      severity: "warn",
      field: "stringData.DJANGO_DB_ROLE",
      problem: PROBLEM,
    });
    assert(!JSON.stringify(finding).includes("Tr0ub"), "the value is printed");
    const encoded = `data:\n  DJANGO_DB_ROLE: ${btoa(value)}\nstringData:`;
    await assertFound(ID, change("secrets.yaml", "stringData:", encoded), {
      severity: "warn",
      field: "data.DJANGO_DB_ROLE",
      problem: `${PROBLEM}, after decoding`,
    });
  }
});

Deno.test("secret-escaping only warns about what a shell replaces in a Secret of a cluster", () => {
  const { objects, ...fact } = factOf(FILES);
  const [stored] = readFile(
    "a.yaml",
    "apiVersion: v1\nkind: Secret\nmetadata: { name: django-db-credentials, namespace: " +
      'analytics-jobs }\nstringData: { DJANGO_DB_PASSWORD: "Tr0ub$(date)x" }\n',
  ).objects;
  const others = objects.filter(({ name }) => name !== stored!.name);
  const all = [...others, { ...stored!, file: undefined }];
  const { findings } = judgeSecrets(treeOf({ ...fact, objects: all }), CLUSTER)!;
  const [finding] = findings.filter(({ field }) => field === "data.DJANGO_DB_PASSWORD");
  assertEquals([finding?.severity, finding?.problem], ["warn", PROBLEM]);
  assertStringIncludes(finding!.fix, "If this is intended, --credentials cluster proves the login");
});

Deno.test("secret-escaping judges no value of data that stringData replaces, unless it is refused", async () => {
  const withData = (value: string) =>
    change("secrets.yaml", "stringData:", `data:\n  DJANGO_DB_PASSWORD: ${value}\nstringData:`);
  await assertFound(ID, withData(btoa("old\n")));
  await assertFound(ID, withData("old!"), { field: "data.DJANGO_DB_PASSWORD", severity: "fail" });
});
