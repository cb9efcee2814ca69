import { treeOf } from "../../../../checks/facts/tree.ts";
import { isSlip } from "../../../../checks/kubernetes/spelling.ts";
import { judgeSecrets } from "../../../../checks/preflight/secrets/secret_escaping.ts";
import { DEFAULT_PROJECT, type Project } from "../../../../pipeline/contract/project.ts";
import { assert, assertEquals } from "../../../support/assert.ts";
import { factOf, FILES, JOB } from "../../healthy/manifests.ts";

const { "secrets.yaml": _, ...WITHOUT_SECRETS } = FILES;
const NAME = "django-db-credentials";

/** The findings for the job of the healthy manifests, whose Secrets only the cluster has. */
function found(job: string, project: Project = DEFAULT_PROJECT, more = {}): string[] {
  const files = { ...WITHOUT_SECRETS, ...more, [JOB]: job };
  return judgeSecrets(treeOf({ ...factOf(files), project }))!.findings
    .map(({ severity, problem }) => `${severity}: ${problem}`);
}

const text = FILES[JOB]!;
const named = (name: string) => text.replaceAll(NAME, name);
const near = (severity: string, name: string, meant = NAME, file = "the default project") =>
  `${severity}: the manifests have no Secret ${name}; did you mean ${meant}, which is ` +
  `database.secret of ${file}?`;

Deno.test("judgeSecrets fails for a misspelled name of a Secret of the project in one reference", () => {
  const wrong = "django-db-credential";
  assertEquals(found(text.replace(NAME, wrong)), [near("fail", wrong)]);
});

Deno.test("judgeSecrets fails for a misspelled name of a Secret of the project in all references", () => {
  const names = ["django-db-credential", "djagno-db-credentials", "djangodb-credentials"];
  const withTwo = ["django-db-credentail", "djanga-db-credential", "django-db-cerdentails"];
  for (const wrong of [...names, ...withTwo]) {
    assertEquals(found(named(wrong)), [near("fail", wrong)]);
  }
  const declared = { "secrets.yaml": FILES["secrets.yaml"]! };
  assertEquals(found(named("django-db-credentail"), undefined, declared), [
    near("fail", "django-db-credentail"),
  ]);
});

Deno.test("judgeSecrets only warns if another job reads the Secret of the project", () => {
  const other = { "other.yaml": text.replaceAll("bronze-ingest-manual", "other") };
  const wrong = "django-db-credential";
  assertEquals([...new Set(found(named(wrong), undefined, other))], [near("warn", wrong)]);
});

Deno.test("judgeSecrets leaves the names of other Secrets as they are", () => {
  for (const other of ["orders-login", "django-ui-credentials", "django-db-credentials-2"]) {
    assertEquals(found(named(other)), []);
  }
  const own = (secret: string): Project => ({
    ...DEFAULT_PROJECT,
    database: { ...DEFAULT_PROJECT.database, secret },
    file: "deep-storage.json",
  });
  assertEquals(found(named("django-db-credential"), own("django-db-credential")), []);
  assertEquals(found(named("shop-db-2"), own("shop-db-1")), []);
  assertEquals(found(named("shop-db-ro"), own("shop-db-rw")), []);
  const [finding] = found(named("shop-db-logn"), own("shop-db-login"));
  assertEquals(finding, near("fail", "shop-db-logn", "shop-db-login", "deep-storage.json"));
});

Deno.test("judgeSecrets leaves a Secret as it is that an operator makes", () => {
  const made = {
    "external.yaml": `apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: { name: login, namespace: analytics-jobs }
spec: { target: { name: django-db-credential } }
`,
  };
  assertEquals(found(named("django-db-credential"), undefined, made), []);
});

Deno.test("judgeSecrets fails for a misspelled key of a Secret of the project", () => {
  const key = "key: DJANGO_DB_PASSWORD";
  assert(text.includes(key));
  assertEquals(found(text.replace(key, "key: DJANGO_DB_PASSWRD")), [
    `fail: ${NAME}, which is database.secret of the default project, has no key ` +
    "DJANGO_DB_PASSWRD; did you mean DJANGO_DB_PASSWORD?",
  ]);
  assertEquals(found(text.replace(key, "key: DJANGO_DB_PORT")), []);
});

Deno.test("isSlip accepts few wrong letters, and no names that differ on purpose", () => {
  const slips = ["shop-db-logn", "shop-db-logni", "Shop-db-login", "shopdb-login", "shop_db_login"];
  assertEquals(slips.filter((name) => !isSlip(name, "shop-db-login")), []);
  const others = ["shop-db-login", "shop-db-login-2", "shop-s3-login", "shop-db-lgi", "shop-db"];
  assert(isSlip("shap-db-lgin", "shop-db-login"));
  assert(!isSlip("shap-db-lgi", "shop-db-login"));
  assert(isSlip("orders-credentail", "orders-credentials"));
  assert(!isSlip("order-credentail", "orders-credentials"));
  assertEquals(others.filter((name) => isSlip(name, "shop-db-login")), []);
  assert(!isSlip("login-db1", "login-db2"));
});
