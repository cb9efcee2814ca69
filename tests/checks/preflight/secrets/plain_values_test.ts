import { assertEquals } from "../../../support/assert.ts";
import { assertFound, change, FILES, JOB, judgeAll } from "../../healthy/manifests.ts";

// Values of servers and logins outside of Secrets, and values that are encoded or put into URLs.

const ID = "secret-escaping";

/** The manifests in which the Job has one more variable. */
const variable = (entry: string) =>
  change(
    JOB,
    "- name: PYTHONDONTWRITEBYTECODE\n",
    `- ${entry}\n            - name: PYTHONDONTWRITEBYTECODE\n`,
  );

const configMap = (key: string, block: string) =>
  `apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: analytics-jobs }
data:
  ${key}: ${block}
`;

/** The value in YAML, and the end of the problem. */
const VALUES: readonly (readonly [string, string])[] = [
  ['"abc12\\n"', "ends with a newline"],
  ["'abc12 '", "ends with white space"],
  ["' abc12'", "begins with white space"],
  ["'\"abc12\"'", "is enclosed in quotes, which become part of the value"],
  ["'abc\\!12'", 'has a backslash before "!", like an escape of a shell'],
  ["changeme", "is still a placeholder"],
  ["aHVudGVyMjI=", "is base64, and not the plain text"],
];
for (const [value, problem] of VALUES) {
  Deno.test(`secret-escaping: the value ${value} of a variable ${problem}`, async () => {
    const files = variable(`{ name: PGPASSWORD, value: ${value} }`);
    const [finding] = await assertFound(ID, files, {
      severity: "fail",
      problem: `the value of PGPASSWORD ${problem}`,
    });
    assertEquals(finding!.field!.endsWith(".value"), true);
    assertEquals(JSON.stringify(finding).includes("abc12"), false);
  });
}

Deno.test("secret-escaping finds the newline of a block of a ConfigMap", async () => {
  const read = variable(
    "{ name: S3_REGION, valueFrom: { configMapKeyRef: { name: settings, key: S3_REGION } } }",
  );
  const withBlock = (block: string) => ({ ...read, "map.yaml": configMap("S3_REGION", block) });
  for (const block of ["|\n    eu2", ">\n    eu2"]) {
    await assertFound(ID, withBlock(block), {
      object: "ConfigMap analytics-jobs/settings",
      field: "data.S3_REGION",
      problem: "the value of S3_REGION ends with a newline",
    });
  }
  await assertFound(ID, withBlock("|-\n    eu2"));
  const all = change(
    JOB,
    "          env:\n",
    "          envFrom: [{ configMapRef: { name: settings } }]\n          env:\n",
  );
  await assertFound(ID, { ...all, "map.yaml": configMap("PGSSLMODE", "|\n    require") }, {
    problem: "the value of PGSSLMODE ends with a newline",
  });
  await assertFound(ID, { ...all, "map.yaml": configMap("LOG4J", "|\n    level=info") });
});

for (const value of ["'a!b'", "'p@ss/w:rd#'", '""', "'$(POD_IP)'", "'it''s'"]) {
  Deno.test(`secret-escaping passes the value ${value} of a variable`, async () => {
    await assertFound(ID, variable(`{ name: PGPASSWORD, value: ${value} }`));
  });
}

/** A password in a Secret, and the syntax that it seems to be encoded for. */
const ENCODED: readonly (readonly [string, string | undefined])[] = [
  ["p%40ss%21word", "a URL"],
  ["pass%2Fword", "a URL"],
  ["p&amp;ssword", "HTML or XML"],
  ["p&#33;ssword", "HTML or XML"],
  ["p\\u0021ssword", "JSON"],
  ["100%sure", undefined],
  ["p%40ss/word", undefined],
  ["p&ss;word", undefined],
];
for (const [password, syntax] of ENCODED) {
  Deno.test(`secret-escaping: the password ${password} is encoded for ${syntax}`, async () => {
    const files = (key: string) =>
      change("secrets.yaml", "stringData:", `stringData:\n  ${key}: '${password}'`);
    if (syntax === undefined) return void await assertFound(ID, files("ROLE_PASSWORD"));
    await assertFound(ID, files("ROLE_PASSWORD"), {
      severity: "warn",
      problem: `the value has characters that are encoded for ${syntax}`,
    });
    if (syntax === "a URL") await assertFound(ID, files("PASSWORD_URL"));
  });
}

/** A password, the text that contains it, and whether it breaks the text. */
const COMPOSED: readonly (readonly [string, string, boolean])[] = [
  ["p&ss", "jdbc:postgresql://db/rbsdb?user=a&password=$(DJANGO_DB_PASSWORD)", true],
  ["p+ss", "jdbc:postgresql://db/rbsdb?user=a&password=$(DJANGO_DB_PASSWORD)", true],
  ["p%ss", "jdbc:postgresql://db/rbsdb?user=a&password=$(DJANGO_DB_PASSWORD)", true],
  ["p@s/s:w", "jdbc:postgresql://db/rbsdb?user=a&password=$(DJANGO_DB_PASSWORD)", false],
  ["p@ss", "postgresql://a:$(DJANGO_DB_PASSWORD)@db/rbsdb?sslmode=require", true],
  ["p ss", "host=db user=a password=$(DJANGO_DB_PASSWORD)", true],
  ["pss", "postgresql://a:$(DJANGO_DB_PASSWORD)@db/rbsdb", false],
];
for (const [password, text, isBroken] of COMPOSED) {
  Deno.test(`secret-escaping: the password ${password} in ${text}`, async () => {
    const secrets = FILES["secrets.yaml"]!.replace(
      /DJANGO_DB_PASSWORD: .*/,
      () => `DJANGO_DB_PASSWORD: '${password}'`,
    );
    for (
      const job of [
        change(
          JOB,
          "            - name: AWS_ACCESS_KEY_ID\n",
          `            - { name: DSN, value: "${text}" }\n            - name: AWS_ACCESS_KEY_ID\n`,
        ),
        change(
          JOB,
          "          args:\n",
          `          args:\n            - --conf=spark.app.dsn=${text}\n`,
        ),
      ]
    ) {
      const results = await judgeAll({ ...job, "secrets.yaml": secrets });
      const { findings } = results.find(({ id }) => id === ID)!;
      const isFound = findings.some(({ problem }) => problem.includes("puts DJANGO_DB_PASSWORD"));
      assertEquals(isFound, isBroken);
    }
  });
}
