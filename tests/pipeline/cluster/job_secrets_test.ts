import { databaseOfSecret, lakeOfSecret } from "../../../pipeline/cluster/job_secrets.ts";
import { DATABASE_KEYS, LAKE_KEYS } from "../../../pipeline/contract/project.ts";
import type { Environment } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertThrows } from "../../support/assert.ts";

// The two Secrets of the jobs, and the effect of the operator's environment variables.

const PASSWORD = `p\\a!s$s'w"o#rd `;
const DATABASE = new Map([
  ["DJANGO_DB_HOST", "db.example"],
  ["DJANGO_DB_NAME", "rbsdb"],
  ["DJANGO_DB_USER", "robson"],
  ["DJANGO_DB_PASSWORD", PASSWORD],
]);
const LAKE = new Map([
  ["AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"],
  ["AWS_SECRET_ACCESS_KEY", "s3cr3t/Key+With=Signs"],
  ["S3_ENDPOINT", "https://store.example"],
  ["S3_BUCKET", "rbs"],
]);

function environment(variables: Record<string, string>): Environment {
  return { get: (name) => variables[name] };
}

const NONE = environment({});

/** Returns the message of a refusal, after checking that it contains no value. */
function refusal(run: () => unknown, ...values: string[]): string {
  const failure = assertThrows(run, Failure);
  assertEquals(failure.kind, "configuration");
  for (const value of values) assert(!Deno.inspect(failure).includes(value), failure.message);
  return failure.message;
}

Deno.test("databaseOfSecret, lakeOfSecret: take values as they are", () => {
  assertEquals(databaseOfSecret(DATABASE, NONE), {
    host: "db.example",
    port: 5432,
    name: "rbsdb",
    user: "robson",
    password: PASSWORD,
  });
  assertEquals(lakeOfSecret(LAKE, NONE), {
    kind: "s3",
    endpoint: "https://store.example",
    region: "us-east-1",
    bucket: "rbs",
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "s3cr3t/Key+With=Signs",
  });
});

Deno.test("databaseOfSecret, lakeOfSecret: only port and region come from the environment", () => {
  const mine = environment({
    DJANGO_DB_HOST: "mine",
    DJANGO_DB_PORT: "5433",
    DJANGO_DB_PASSWORD: "mine",
    AWS_REGION: "eu-2",
    S3_BUCKET: "mine",
    LAKE_URL: "file:///mine",
  });
  const { host, port, password } = databaseOfSecret(DATABASE, mine);
  assertEquals([host, port, password], ["db.example", 5433, PASSWORD]);
  const { kind, region, bucket } = lakeOfSecret(LAKE, mine);
  assertEquals([kind, region, bucket], ["s3", "eu-2", "rbs"]);
});

Deno.test("databaseOfSecret, lakeOfSecret: every key is required", () => {
  for (const key of DATABASE_KEYS) {
    const without = new Map([...DATABASE].filter(([name]) => name !== key));
    assertEquals(
      refusal(() => databaseOfSecret(without, NONE), PASSWORD),
      `Cannot log in with Secret analytics-jobs/django-db-credentials: it has no ${key}. ` +
        "Create it with: deno task secrets --port-forward",
    );
  }
  for (const key of LAKE_KEYS) {
    assertEquals(
      refusal(() => lakeOfSecret(new Map([...LAKE, [key, ""]]), NONE), "s3cr3t"),
      `Cannot log in with Secret analytics-jobs/contabo-s3-credentials: it has no ${key}. ` +
        "Create it with: deno task secrets --port-forward",
    );
  }
});

Deno.test("databaseOfSecret: the Secret does not exist", () => {
  assertEquals(
    refusal(() => databaseOfSecret(undefined, NONE)),
    "Cannot log in with Secret analytics-jobs/django-db-credentials: it does not exist. " +
      "Create it with: deno task secrets --port-forward",
  );
});

Deno.test("lakeOfSecret: names the key of an invalid value, and does not quote the value", () => {
  const key = new Map([...LAKE, ["AWS_SECRET_ACCESS_KEY", "s3cr3t\n"]]);
  assertEquals(
    refusal(() => lakeOfSecret(key, NONE), "s3cr3t"),
    "Cannot use AWS_SECRET_ACCESS_KEY of Secret analytics-jobs/contabo-s3-credentials: its value " +
      "ends with a line break. Set it again, without quotes or a line break.",
  );
  // The secret key of the store, pasted into the wrong variable.
  const swapped = new Map([...LAKE, ["S3_ENDPOINT", "s3cr3t/Key+With=Signs"]]);
  assertEquals(
    refusal(() => lakeOfSecret(swapped, NONE), "s3cr3t"),
    "Cannot use S3_ENDPOINT of Secret analytics-jobs/contabo-s3-credentials: it is not an http " +
      "or https address. Set it to the store's address and nothing more, as in " +
      "https://s3.example.com. The bucket goes into S3_BUCKET.",
  );
});
