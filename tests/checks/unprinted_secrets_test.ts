import { readFile } from "../../checks/facts/manifests.ts";
import { differences } from "../../checks/kubernetes/apply_plan.ts";
import { maskSecrets } from "../../checks/kubernetes/secret_text.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { change, FILES, JOB, judgeFiles } from "./healthy/manifests.ts";

const WORD = "hunter2hunter2";
const NUMBER = "73519462";

const VAULT = `$ANSIBLE_VAULT;1.1;AES256
${WORD}6138653765643530
${NUMBER}
`;

/** Contents of a file that is no Kubernetes object, or that cannot be read. */
const CONTENTS = [
  WORD,
  NUMBER,
  `"${WORD}"`,
  `${WORD}\nsecond line\n`,
  VAULT,
  `- ${WORD}\n`,
  `password: *${WORD}\n`,
  `password: !${WORD} x\n`,
  `password: !!${WORD} x\n`,
  `password: !<${WORD}\n`,
  `password: |${WORD}\n  x\n`,
  `password: "\\U${NUMBER}"\n`,
  `password: @${WORD}\n`,
  `password: '${WORD}\n`,
  `password: "${WORD}" ${NUMBER}\n`,
  `password: [${WORD}\n`,
  `password: {a: ${WORD}, ]}\n`,
  `password: a: ${WORD}\n`,
  `%YAML ${WORD}\n---\na: 1\n`,
  `%TAG ${WORD}\n---\na: !x!y b\n`,
  `a: !${WORD}!x b\n`,
  `password: ${WORD}\n${WORD}\n`,
  `password:\n\t${WORD}\n`,
  `<<: ${WORD}\n`,
  `? [${WORD}]\n: 1\n`,
  `kind: Secret\nmetadata: {name: a}\nstringData: {a: ${WORD}}\n`,
];

for (const content of CONTENTS) {
  Deno.test(`preflight prints no content of an unreadable file: ${JSON.stringify(content)}`, async () => {
    for (const file of ["password.yaml", "password.json"]) {
      const results = await judgeFiles({ ...FILES, [file]: content });
      const printed = JSON.stringify(results);
      assert(!printed.includes(WORD) && !printed.includes(NUMBER), printed);
    }
  });
}

/** Changes of the Job or a Secret that put a secret where checks find a problem. */
const CHANGES: readonly (readonly [string, string, string])[] = [
  ["secrets.yaml", "'Tr0ub4dor!x'", `'${WORD}\\!'`],
  ["secrets.yaml", "'Tr0ub4dor!x'", NUMBER],
  ["secrets.yaml", "'Tr0ub4dor!x'", `"'${WORD}'"`],
  ["secrets.yaml", "paradedb.robson.svc.cluster.local", `me:${WORD}@127.0.0.1`],
  ["secrets.yaml", "https://eu2.contabostorage.com", `http://me:${WORD}@127.0.0.1:9000`],
  [
    JOB,
    "          env:\n",
    `          env:\n            - {name: DB_PASSWORD, value: '$(${WORD})'}\n`,
  ],
  [
    JOB,
    "          env:\n",
    `          env:\n            - {name: DB_PWD, value: '${WORD}\`a\`'}\n`,
  ],
  [JOB, "          args:\n", `          args:\n            - --password=$(${WORD} x)\n`],
  [
    JOB,
    "          args:\n",
    `          args:\n            - --conf=spark.jars.repositories=https://me:${WORD}@repo\n` +
    "            - --packages=a:b:1\n",
  ],
  [JOB, "local:///opt", `https://me:${WORD}@host/opt`],
];

for (const [file, from, to] of CHANGES) {
  Deno.test(`no report prints a secret: ${to.trim()}`, async () => {
    const results = await judgeFiles(change(file, from, to));
    for (const result of results) {
      const printed = JSON.stringify(result);
      assert(!printed.includes(WORD) && !printed.includes(NUMBER), printed);
    }
  });
}

const SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: analytics-jobs}\n";

/** Objects with a secret where a field has the wrong type. */
const WRONG_TYPES: readonly (readonly [what: string, object: string])[] = [
  ["stringData as a text", `${SECRET}stringData: ${WORD}\n`],
  ["stringData as a block", `${SECRET}stringData: |\n  PASSWORD=${WORD}\n`],
  ["data as a text", `${SECRET}data: ${WORD}\n`],
  ["data as a list", `${SECRET}data: [${WORD}]\n`],
  ["data as a number", `${SECRET}data: ${NUMBER}\n`],
  ["values without quotes", `${SECRET}data: {A: ${NUMBER}}\nstringData: {B: ${NUMBER}}\n`],
  ["immutable as a text", `${SECRET}immutable: "${WORD}"\n`],
  ["immutable as a number", `${SECRET}immutable: ${NUMBER}\n`],
  ["type as a number", `${SECRET}type: ${NUMBER}\n`],
  ["an annotation as a number", SECRET.replace("{name", `{annotations: {a: ${NUMBER}}, name`)],
  ["metadata as a text", `apiVersion: v1\nkind: Secret\nmetadata: ${WORD}\n`],
  ["data of a ConfigMap as a text", `${SECRET.replace("Secret", "ConfigMap")}data: ${WORD}\n`],
  [
    "a secret in a ConfigMap as a number",
    `${SECRET.replace("Secret", "ConfigMap")}data: {DB_PASSWORD: ${NUMBER}}\n`,
  ],
  ...["SealedSecret", "ExternalSecret", "SecretStore"].map((kind) =>
    [
      `a ${kind}`,
      `apiVersion: a.example/v1\nkind: ${kind}\nmetadata: ${WORD}\nspec: ${WORD}\n`,
    ] as const
  ),
];

for (const [what, object] of WRONG_TYPES) {
  Deno.test(`no report prints a secret in a field of the wrong type: ${what}`, async () => {
    const printed = JSON.stringify(await judgeFiles({ ...FILES, "s.yaml": object }));
    assert(!printed.includes(WORD) && !printed.includes(NUMBER), printed);
  });
}

for (
  const variable of [
    `{name: A, valueFrom: ${WORD}}`,
    `{name: A, valueFrom: {secretKeyRef: ${WORD}}}`,
    `{name: A, valueFrom: {secretKeyRef: {name: a, key: b, optional: ${WORD}}}}`,
    WORD,
    `{name: "DB_PASSWORD=${WORD}"}`,
    `{name: DB_PWD, value: ${NUMBER}}`,
    `{name: BASIC_AUTH, value: ${NUMBER}}`,
  ]
) {
  Deno.test(`no report prints a secret in a variable of the wrong type: ${variable}`, async () => {
    const files = change(JOB, "          env:\n", `          env:\n            - ${variable}\n`);
    const printed = JSON.stringify(await judgeFiles(files));
    assert(!printed.includes(WORD) && !printed.includes(NUMBER), printed);
  });
}

Deno.test("no report prints a secret in an argument of the wrong type", async () => {
  const args = `          args:\n            - --password\n            - ${NUMBER}\n`;
  const printed = JSON.stringify(await judgeFiles(change(JOB, "          args:\n", args)));
  assert(!printed.includes(NUMBER), printed);
});

Deno.test("differences hides secrets outside of Secrets too", () => {
  const map = (data: string) =>
    readFile("a.yaml", `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: ${data}\n`)
      .objects[0]!;
  for (
    const data of [
      `{DB_PASSWORD: ${WORD}}`,
      `{dsn: ${WORD}}`,
      `{DATABASE_URL: "postgres://me:${WORD}@db/x"}`,
      `{spark.conf: "spark.hadoop.fs.s3a.secret.key=${WORD}"}`,
      `{run.sh: "a\\nexport PASSWORD='${WORD}'\\nb"}`,
    ]
  ) {
    const found = differences(map("{other: x}"), map(data), { whole: true });
    assert(found.length > 0);
    assert(!JSON.stringify(found).includes(WORD), JSON.stringify(found));
  }
});

Deno.test("maskSecrets leaves texts without secrets unchanged", () => {
  for (
    const text of [
      "automountServiceAccountToken: true",
      "https://eu2.contabostorage.com/a",
      "secretName: db",
      '{"secretKeyRef":{"name":"db","key":"DJANGO_DB_PASSWORD"}}',
    ]
  ) assertEquals(maskSecrets(text), text);
});
