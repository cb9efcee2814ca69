import { variablesReadBy } from "../../../../checks/source_code/environment.ts";
import type { Language } from "../../../../checks/source_code/code.ts";
import {
  isEncodedText,
  problemOfValue,
} from "../../../../checks/preflight/secrets/secret_values.ts";
import { judgeSecrets } from "../../../../checks/preflight/secrets/secret_escaping.ts";
import { readFile } from "../../../../checks/facts/manifests.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import { CLUSTER } from "../../healthy/cluster.ts";
import {
  assertFound,
  change,
  CODE,
  factOf,
  FILES,
  JOB,
  JOB_ID,
  judgeFiles,
  lineOf,
  SECRETS,
} from "../../healthy/manifests.ts";

const ID = "secret-escaping";
const OBJECT = "Secret analytics-jobs/django-db-credentials";
const PASSWORD = SECRETS.password;
const FIELD = "stringData.DJANGO_DB_PASSWORD";
const secret = (value: string) => change("secrets.yaml", `'${PASSWORD}'`, value);
const UNREPLACED = "has a command or a variable that only a shell would replace";

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

Deno.test("secret-escaping accepts data that decodes to a usable value", async () => {
  for (const value of ["robson", "p$x!", "ä", "x<abc>y"]) {
    const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(value)));
    await assertFound(ID, inData(encoded));
  }
});

Deno.test("secret-escaping accepts files in a Secret, which have several lines", async () => {
  const secret = (keys: string) =>
    `apiVersion: v1
kind: Secret
metadata: { name: files, namespace: analytics-jobs }
${keys}
`;
  const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  for (
    const keys of [
      `data: { ca.crt: ${btoa(pem)} }`,
      `stringData: { tls.key: ${JSON.stringify(pem)}, "config.json": "{}\\n" }`,
    ]
  ) await assertFound(ID, { ...FILES, "files.yaml": secret(keys) });
  const mounted = change(
    JOB,
    "volumes:\n",
    "volumes:\n        - { name: files, secret: { secretName: files } }\n",
  );
  const keys = `stringData: { kubeconfig: "a\\n" }`;
  await assertFound(ID, { ...mounted, "files.yaml": secret(keys) });
  await assertFound(ID, { ...FILES, "files.yaml": secret(keys) }, {
    field: "stringData.kubeconfig",
    problem: "the value ends with a newline",
  });
});

Deno.test("secret-escaping warns about traces of a shell in a Secret that is only mounted", async () => {
  const volume = (source: string) =>
    change(JOB, "volumes:\n", `volumes:\n        - { name: files, ${source} }\n`);
  const secret = (value: string) =>
    `apiVersion: v1
kind: Secret
metadata: { name: files, namespace: analytics-jobs }
stringData: { login: ${JSON.stringify(value)} }
`;
  const mounts = [
    "secret: { secretName: files }",
    "secret: { secretName: files, items: [{ key: login, path: a }] }",
    "projected: { sources: [{ secret: { name: files } }] }",
  ];
  for (
    const [value, problem] of [
      ["Tr0ub\\!dor\n", 'has a backslash before "!", like an escape of a shell'],
      ["'Tr0ubador'\n", "is enclosed in quotes, which become part of the value"],
      ["Tr0ubador ", "ends with white space"],
      [btoa("Tr0ubador and more"), "is base64, so the file has base64 and not its plain text"],
      ["Tr0ub$(date)x", UNREPLACED],
      ["Tr0ub`date +%s`\n", UNREPLACED],
      ["Tr0ub-${USER:-robson}", UNREPLACED],
    ] as const
  ) {
    for (const mount of mounts) {
      const files = { ...volume(mount), "files.yaml": secret(value) };
      const [finding] = await assertFound(ID, files, {
        severity: "warn",
        object: "Secret analytics-jobs/files",
        field: "stringData.login",
        problem: `the value ${problem}`,
      });
      assert(!JSON.stringify(finding).includes("Tr0ub"), "the value is printed");
      const encoded = secret(value).replace(/stringData.*/, `data: { login: ${btoa(value)} }`);
      await assertFound(ID, { ...volume(mount), "files.yaml": encoded }, {
        severity: "warn",
        field: "data.login",
      });
    }
  }
  for (
    const value of ["Tr0ubador", "Tr0ubador\n", "", '{"a": "b\\"c"}', "a='b'\n\\!\n", "C:\\temp"]
  ) {
    await assertFound(ID, { ...volume(mounts[0]!), "files.yaml": secret(value) });
  }
  const placeholder = { ...volume(mounts[0]!), "files.yaml": secret("changeme") };
  await assertFound(ID, placeholder, {
    severity: "fail",
    problem: "the value is still a placeholder",
  });
});

Deno.test("secret-escaping judges the mounted Secrets of a cluster", () => {
  const volume = "volumes:\n        - { name: files, secret: { secretName: files } }\n";
  const { objects, ...fact } = factOf(change(JOB, "volumes:\n", volume));
  const [stored] = readFile(
    "a.yaml",
    "apiVersion: v1\nkind: Secret\nmetadata: { name: files, namespace: analytics-jobs }\n" +
      'stringData: { login: "Tr0ub\\\\!dor" }\n',
  ).objects;
  const all = [...objects, { ...stored!, file: undefined }];
  const { findings } = judgeSecrets(treeOf({ ...fact, objects: all }), CLUSTER)!;
  assertEquals(findings.map(({ severity, field, problem }) => `${severity} ${field} ${problem}`), [
    'warn data.login the value has a backslash before "!", like an escape of a shell',
  ]);
});

Deno.test("secret-escaping names the Secrets whose values a tool fills in", async () => {
  const secret = (values: string, more = "") =>
    `apiVersion: v1
kind: Secret
metadata: { name: other, namespace: analytics-jobs }
${values}
${more}`;
  for (
    const text of [
      secret(
        "data: { A: 'ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]' }",
        "sops: { version: 3.9.0 }\n",
      ),
      secret("stringData: { A: 'ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]' }"),
      secret("stringData: { A: ref+vault://secret/db#/password }"),
      secret("stringData: { A: <path:secret/data/db#password> }"),
      secret("stringData: { A: 'vault:secret/data/db#password' }"),
    ]
  ) {
    const results = await judgeFiles({ ...FILES, "other.yaml": text });
    const { verdict, unchecked } = results.find(({ id }) => id === ID)!;
    assertEquals([text, verdict], [text, "pass"]);
    assertStringIncludes(unchecked!.join(), "not checked: Secret analytics-jobs/other");
  }
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

/** Passwords that contain what placeholders consist of. */
const PASSWORDS = [
  "x<abc>y",
  "$ecret1",
  "Xp<abc>9",
  "<Q7#k!>",
  "a<key>b",
  "x<password>y",
  "!<abc>!",
  "$Passw0rd",
  "$SECRETx",
  "$ECRET9",
  "aa{{b}}c",
  "p...q",
  "xxYxx",
  "pa$$word",
  "$apr1$x$HASH",
  "a$(b",
  "a$()b",
  "a$(9)b",
  "x`y",
  "$2y$10$N9qo8uLOickgx2ZMRZoMye",
  "a${}b",
  "a=$(date)\necho ${a}",
];

const PLACEHOLDERS = [
  "<password>",
  "<your password>",
  "<YOUR_PASSWORD>",
  "postgres://<user>:<password>@db",
  "https://<account>.r2.example.com",
  "${DB_PASSWORD}",
  "$DB_PASSWORD",
  "$PASSWORD",
  "{{ .Values.password }}",
  "changeme",
  "your-password",
  "xxxxxx",
  "...",
];

Deno.test("secret-escaping tells placeholders from passwords", () => {
  for (const value of PLACEHOLDERS) {
    assertEquals([value, problemOfValue(value)?.problem], [value, "is still a placeholder"]);
  }
});

Deno.test("secret-escaping accepts special characters in passwords, and Secrets that tools fill", async () => {
  for (
    const value of [
      "a\\b",
      "p$x!",
      "it's",
      "a<b",
      "x<y>2?",
      "Q29udGFibw",
      "a b",
      "$",
      '"',
      "ab==",
      ...PASSWORDS,
    ]
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
    fix: "Add PASSWORD to stringData of the Secret, or read an existing key.",
  });
  await assertFound(ID, change(JOB, "key: DJANGO_DB_PASSWORD", "key: DJANGO_DB_PASWORD"), {
    fix: "Add DJANGO_DB_PASWORD to stringData of the Secret, or read DJANGO_DB_PASSWORD.",
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
  const ofDay = change(
    "image/jobs/helpers/days.py",
    "def today",
    reading.replace("S3_BUCKET", "RUN_DAY"),
    calling,
  );
  const [day] = await assertFound(ID, ofDay, { field: "spec.template.spec.containers[0].env" });
  assertStringIncludes(day!.fix, '{name: RUN_DAY, value: "2025-12-28"}');
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
    ['os.environ.get("A").upper()', ["A"]],
    ['os.getenv("A", None).upper()', ["A"]],
    ['os.environ.get("A")', ["A?"]],
    ['System.getenv("A")', ["A?"]],
    ['need("A", os.environ.get("A"))', ["A?"]],
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
    ['set -u\necho "$A ${B}"', ["A", "B"]],
    ['echo "$A ${B}"', ["A?", "B?"]],
    ["echo ${A:-b} ${B:?no}", ["B"]],
    ["A=1; echo $A; for B in x; do echo $B; done", []],
    ["echo '$A' \\$B # $C", []],
  ] as const
) {
  Deno.test(`secret-escaping finds the variables that a shell reads: ${JSON.stringify(code)}`, () => {
    assertEquals(reads("shell", code), [...expected]);
  });
}

Deno.test("secret-escaping does not move a placeholder for base64 to stringData", async () => {
  const [finding] = await assertFound(ID, inData("${ROLE_IN_BASE64}"), {
    severity: "fail",
    field: "data.DJANGO_DB_ROLE",
    problem: "the value is still a placeholder, not base64, so the API server refuses it",
  });
  assertEquals(
    finding!.fix,
    "Fill in the value as base64, or fill in the file with its tool, such as envsubst.",
  );
});

Deno.test("secret-escaping only warns about a value that no job can read", async () => {
  const secret = (namespace: string, values: string) =>
    `apiVersion: v1
kind: Secret
metadata: { name: rabbitmq, namespace: ${namespace} }
${values}
`;
  const placeholder = "data: { password: Y2hhbmdlbWU= }";
  const found = (namespace: string, values: string, severity: "fail" | "warn", problem: string) =>
    assertFound(ID, { ...FILES, "queue.yaml": secret(namespace, values) }, {
      severity,
      object: `Secret ${namespace}/rabbitmq`,
      problem,
    });
  const still = "the value is still a placeholder, after decoding";
  await found("staging", placeholder, "warn", still);
  await found("analytics-jobs", placeholder, "fail", still);
  await found("staging", 'stringData: { config: "a\\n" }', "warn", "the value ends with a newline");
  await found(
    "staging",
    "data: { password: 'pass word!' }",
    "fail",
    "the value is not base64, so the API server refuses it",
  );
  await found(
    "staging",
    "stringData: { port: 5672 }",
    "fail",
    "the value is not a string in YAML, so the API server refuses it",
  );
});

Deno.test("secret-escaping and manifests-readable accept the file of a Secret that SOPS encrypted", async () => {
  const cipher = "ENC[AES256_GCM,data:abc=,iv:eA==,tag:eQ==,type:str]";
  const keys = FILES["secrets.yaml"]!.replace(/^( +[A-Z][A-Z\d_]+): .*$/gm, `$1: '${cipher}'`);
  const encrypted = keys.replace(/^type: .*\n/gm, "").split(/^---\n/m)
    .map((each) => `${each.trimEnd()}\nsops: { version: 3.9.0, mac: '${cipher}' }\n`).join("---\n");
  const verdicts = async (text: string) => {
    const results = await judgeFiles({ ...FILES, "secrets.yaml": text });
    return [ID, "manifests-readable"].map((id) => results.find((each) => each.id === id)!.verdict);
  };
  assertEquals(await verdicts(encrypted), ["pass", "pass"]);
  const [first] = await verdicts(encrypted.replace("  DJANGO_DB_HOST:", "  DJANGO_DB_HOTS:"));
  assertEquals(first, "fail");
  const [, readable] = await verdicts(encrypted.replace("\nsops:", "\nsop:"));
  assertEquals(readable, "fail");
});
