import { variablesReadBy } from "../../../../checks/source_code/environment.ts";
import type { Language } from "../../../../checks/source_code/code.ts";
import {
  isEncodedText,
  problemOfValue,
} from "../../../../checks/preflight/secrets/secret_values.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertFound,
  change,
  CODE,
  FILES,
  JOB,
  JOB_ID,
  lineOf,
  SECRETS,
} from "../../healthy/manifests.ts";

const ID = "secret-escaping";
const OBJECT = "Secret analytics-jobs/django-db-credentials";
const PASSWORD = SECRETS.password;
const FIELD = "stringData.DJANGO_DB_PASSWORD";
const secret = (value: string) => change("secrets.yaml", `'${PASSWORD}'`, value);

for (
  const [value, problem] of [
    [`'${PASSWORD.replace("!", "\\!")}'`, 'has a backslash before "!", like an escape of a shell'],
    [`'${PASSWORD}\\$x'`, 'has a backslash before "$", like an escape of a shell'],
    [`'${PASSWORD}\\"x'`, 'has a backslash before "\\"", like an escape of a shell'],
    [`'"${PASSWORD}"'`, "is enclosed in quotes, which become part of the value"],
    [`"'${PASSWORD}'"`, "is enclosed in quotes, which become part of the value"],
    [`"${PASSWORD}\\n"`, "ends with a newline"],
    [`|\n    ${PASSWORD}`, "ends with a newline"],
    [`"${PASSWORD} "`, "ends with white space"],
    [`" ${PASSWORD}"`, "begins with white space"],
    ["<password>", "is still a placeholder"],
    ["CHANGEME", "is still a placeholder"],
    ["change-me", "is still a placeholder"],
    ["'${DJANGO_DB_PASSWORD}'", "is still a placeholder"],
    ['""', "is empty"],
    ["12345678", "is not a string in YAML, so the API server refuses it"],
    [
      btoa(PASSWORD),
      "is base64, but stringData takes plain text: the value would be encoded twice",
    ],
  ] as const
) {
  Deno.test(`secret-escaping fails for a value that ${problem}: ${value.length} characters`, async () => {
    await assertFound(ID, secret(value), {
      severity: "fail",
      object: OBJECT,
      field: FIELD,
      file: "manifests/secrets.yaml",
      line: lineOf("secrets.yaml", "DJANGO_DB_PASSWORD:"),
      problem: `the value ${problem}`,
    });
  });
}

const inData = (value: string) =>
  change("secrets.yaml", "stringData:", `data:\n  DJANGO_DB_ROLE: ${value}\nstringData:`);

Deno.test("secret-escaping fails for data, and prints the command that stores variables", async () => {
  const [finding] = await assertFound(ID, inData(btoa("robson")), {
    object: OBJECT,
    field: "data",
    line: lineOf("secrets.yaml", "DJANGO_DB_HOST:") - 1,
    problem: "DJANGO_DB_ROLE is in data, not in stringData",
  });
  assertStringIncludes(finding!.fix, "deno task secrets");
  const other = `apiVersion: v1
kind: Secret
metadata: {name: db, namespace: analytics-jobs}
data: {DJANGO_DB_USER: ${btoa("robson")}}
`;
  const [unknown] = await assertFound(ID, { ...FILES, "other.yaml": other }, {
    object: "Secret analytics-jobs/db",
    field: "data",
    line: 4,
    problem: "DJANGO_DB_USER is in data, not in stringData",
  });
  assertStringIncludes(unknown!.fix, "--from-file=DJANGO_DB_USER=<file>");
});

for (
  const [value, problem] of [
    [btoa(btoa("robson-robson")), "is encoded twice: the decoded value is base64 again"],
    [btoa(`${PASSWORD}\n`), "ends with a newline, after decoding"],
    [
      btoa("pass\\!word"),
      'has a backslash before "!", like an escape of a shell, after decoding',
    ],
    ["rob-son", "is not base64, so the API server refuses it"],
  ] as const
) {
  Deno.test(`secret-escaping fails for an encoded value that ${problem}`, async () => {
    await assertFound(ID, inData(value), {
      field: "data.DJANGO_DB_ROLE",
      problem: `the value ${problem}`,
    });
  });
}

Deno.test("secret-escaping accepts special characters in passwords, and Secrets that tools fill", async () => {
  for (
    const value of ["a\\b", "p$x!", "it's", "a<b", "x<y>2?", "Q29udGFibw", "a b", "$", '"', "ab=="]
  ) {
    assertEquals([value, problemOfValue(value)], [value, undefined]);
  }
  assertEquals(isEncodedText("Tr0ub4dor3xx"), false);
  const pull = `kind: Secret
apiVersion: v1
metadata: {name: pull, namespace: analytics-jobs}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: e30=}
`;
  await assertFound(ID, { ...FILES, "pull.yaml": pull });
});

Deno.test("secret-escaping fails for a key that the Secret does not have", async () => {
  const files = change(JOB, "key: DJANGO_DB_PASSWORD", "key: PASSWORD");
  await assertFound(ID, files, {
    object: JOB_ID,
    field: "spec.template.spec.containers[0].env[6].valueFrom.secretKeyRef",
    problem: `${OBJECT} has no key PASSWORD; it has DJANGO_DB_HOST, DJANGO_DB_NAME, ` +
      "DJANGO_DB_USER, DJANGO_DB_PASSWORD",
  });
  await assertFound(
    ID,
    change(JOB, "key: DJANGO_DB_PASSWORD", "key: PASSWORD\n                  optional: true"),
  );
});

Deno.test("secret-escaping fails for a missing key of a volume, and for a Secret in another namespace", async () => {
  const volume =
    "volumes:\n        - {name: s, secret: {secretName: django-db-credentials, items: [{key: tls.key, path: a}]}}";
  await assertFound(ID, change(JOB, "volumes:", volume), {
    field: "spec.template.spec.volumes[0].secret.items[0]",
  });
  await assertFound(
    ID,
    change("secrets.yaml", "namespace: analytics-jobs", "namespace: robson"),
    ...Array(4).fill({
      problem: "Secret robson/django-db-credentials is in a different namespace than the pods " +
        "that read it",
    }),
  );
});

Deno.test("secret-escaping fails for a variable that nothing sets", async () => {
  const unset = FILES[JOB]!.replace(/ +- name: S3_BUCKET\n[^]*?key: S3_BUCKET\n/, "");
  const calling = change(CODE, "\n\n\ndef run", "\nfrom helpers.days import today\n\n\ndef run", {
    ...FILES,
    [JOB]: unset,
  });
  const reading = 'X = os.environ["S3_BUCKET"]\ndef today';
  const files = change("image/jobs/helpers/days.py", "def today", reading, calling);
  const [finding] = await assertFound(ID, files, {
    object: JOB_ID,
    field: "spec.template.spec.containers[0].env",
    problem: "nothing sets S3_BUCKET, which the job's code reads without a default " +
      "(manifests/image/jobs/helpers/days.py, line 4)",
  });
  assertStringIncludes(finding!.fix, "key: S3_BUCKET");
});

Deno.test("secret-escaping leaves code that reads JOB_DATE without a default to timestamp-env", async () => {
  const reading = '\n\nDAY = os.environ["JOB_DATE"]\n\n\ndef run';
  await assertFound("timestamp-env", change(CODE, "\n\n\ndef run", reading), {
    problem: "JOB_DATE is read without a default",
  });
});

Deno.test("secret-escaping cannot judge variables if a Secret is not in the manifests", async () => {
  const files: Record<string, string> = {
    ...change(CODE, "\n\n\ndef run", '\n\nOTHER = os.environ["OTHER"]\n\n\ndef run'),
    [JOB]: FILES[JOB]!.replace("          env:\n", `          ${ALL_KEYS}\n          env:\n`),
  };
  delete files["secrets.yaml"];
  await assertFound(ID, files);
  await assertFound(ID, { ...files, "secrets.yaml": FILES["secrets.yaml"]! }, {
    problem: "nothing sets OTHER, which the job's code reads without a default " +
      `(manifests/${CODE}, line ${lineOf(CODE, "def run()") - 1})`,
  });
});

/** What gives a container all keys of a Secret. */
const ALL_KEYS = "envFrom: [{secretRef: {name: django-db-credentials}}]";

const reads = (language: Language, text: string) =>
  variablesReadBy({ language, file: "job", line: 1, text })
    .map(({ name, optional }) => optional ? `${name}?` : name);

for (
  const [code, expected] of [
    ['os.environ["A"]', ["A"]],
    ["environ['A']", ["A"]],
    ['os.environ.get("A")', ["A"]],
    ['os.getenv("A", None)', ["A"]],
    ['System.getenv("A")', ["A"]],
    ['need("A", os.environ.get("A"))', ["A"]],
    ['os.environ.get("A", "b")', ["A?"]],
    ['os.environ.get("A") or "b"', ["A?"]],
    ['a = os.environ.get("A")\nif a is None:\n    a = b', ["A?"]],
    ['a = os.environ.get("A")\nif not a:\n    raise E', ["A"]],
    ['if "A" in os.environ:\n    a = os.environ["A"]', ["A?"]],
    ['os.environ["A"] = "b"', []],
    ['# os.environ["A"]', []],
    ['"""os.environ["A"]"""', []],
    ['d.get("A")', []],
  ] as const
) {
  Deno.test(`secret-escaping finds the variables that Python reads: ${JSON.stringify(code)}`, () => {
    assertEquals(reads("python", code), [...expected]);
  });
}

for (
  const [code, expected] of [
    ['echo "$A ${B}"', ["A", "B"]],
    ["echo ${A:-b} ${B:?no}", ["A?", "B"]],
    ["A=1; echo $A; for B in x; do echo $B; done", []],
    ["echo '$A' \\$B # $C", []],
  ] as const
) {
  Deno.test(`secret-escaping finds the variables that a shell reads: ${JSON.stringify(code)}`, () => {
    assertEquals(reads("shell", code), [...expected]);
  });
}
