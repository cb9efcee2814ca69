import { assertEquals } from "../support/assert.ts";
import { change, FILES, JOB, judgeAll } from "./healthy/manifests.ts";

// Names that every object of JavaScript inherits.
for (const name of ["constructor", "toString", "hasOwnProperty"]) {
  const metadata = "metadata: { name: a, namespace: analytics-jobs }";
  const objects = {
    "a group": `apiVersion: ${name}/v1\nkind: Policy\n${metadata}\n`,
    "a kind": `apiVersion: example.org/v1\nkind: ${name}\n${metadata}\n`,
    "a kind without a group": `apiVersion: v1\nkind: ${name}\n${metadata}\n`,
    "a version": `apiVersion: ${name}\nkind: Job\n${metadata}\n`,
    "a resource of a role": "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n" +
      `${metadata}\nrules: [{ apiGroups: [""], resources: [${name}], verbs: [create] }]\n`,
    "a key of a quota":
      `apiVersion: v1\nkind: ResourceQuota\n${metadata}\nspec: { hard: { count/${name}: 1 } }\n`,
    "a field": `apiVersion: v1\nkind: ConfigMap\n${metadata}\n${name}: 1\n`,
    "a label": "apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: analytics-jobs, " +
      `labels: { ${name}: ${name} } }\nspec: { containers: [{ name: a, image: ${name}/a }] }\n`,
  };
  for (const [place, text] of Object.entries(objects)) {
    Deno.test(`preflight judges ${place} with the name ${name}`, async () => {
      await judge({ ...FILES, "other.yaml": text });
    });
  }

  Deno.test(`preflight judges a variable, a setting and a flag with the name ${name}`, async () => {
    await judge(change(JOB, "env:\n", `env:\n            - { name: ${name}, value: a }\n`));
    await judge(
      change(JOB, "args:\n", `args:\n            - --conf=${name}=a\n            - --${name}=a\n`),
    );
  });
}

async function judge(files: Readonly<Record<string, string>>) {
  const results = await judgeAll(files);
  assertEquals(results.filter((result) => JSON.stringify(result).includes("has a bug")), []);
}
