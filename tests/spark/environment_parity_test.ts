import { databaseConfig, lakeConfig, requestedDays, sealGrace } from "../../pipeline/config.ts";
import {
  formatTableName,
  readTableName,
  type TableName,
} from "../../pipeline/contract/table_name.ts";
import { Failure } from "../../pipeline/errors.ts";
import { literal } from "../../pipeline/outbox/sql.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { python } from "./python.ts";

// The variables of the environment: the Spark jobs must accept and refuse the same values as the
// toolkit, word for word.

const PASSWORD = { DJANGO_DB_PASSWORD: "p4ss" };
const KEYS = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cr3t/Key+With=Signs" };

/** Values for each variable. Both engines must accept or refuse the same values. */
const VALUES: Record<string, readonly string[]> = {
  DJANGO_DB_HOST: [
    "db.example",
    "10.0.0.7",
    "::1",
    "fe80::1%eth0",
    "my_db-1.example.",
    "db.example ",
    " db.example",
    "db.example\n",
    "db\nexample",
    '"db.example"',
    "db example",
    "postgres://robson:p4ss@db.example/rbsdb",
    "robson:p4ss@db.example",
    "/var/run/postgresql",
    "db.example/rbsdb",
    "a,b",
    "[::1]",
    "db.example:5432",
    "db.exämple",
    "$(HOST)",
    "`hostname`",
  ],
  DJANGO_DB_PORT: ["1", "65535", "0", "65536", "5432 ", "five", "-1", "5432\n", "０"],
  DJANGO_DB_NAME: ["rbsdb", "my db", "postgres://u:p4ss@h/d", "rbsdb\n", " rbsdb", "'rbsdb'"],
  DJANGO_DB_USER: ["robson", "a role", "https://u:p4ss@h", "robson\r\n", "robson "],
  OUTBOX_TABLE: [
    "stop_events",
    "Shop.Stop_Events",
    'shop."Stop Events"',
    '"Shop"."it\'s"',
    '"a""b\\\\c"',
    "größen",
    "order",
    "stop events",
    "a.b.c",
    "shop.",
    '"shop',
    '"a"b',
    "1st",
    "Ⅷ",
    "½",
    "①a",
    "〇",
    "shop.²",
    "a½",
    "$(TABLE)",
    "stop_events ",
    "x".repeat(64),
  ],
  DJANGO_DB_PASSWORD: [" with blanks ", "", "one\n", "two\nlines"],
  S3_ENDPOINT: [
    "https://s3.example",
    "http://s3.example:8080/",
    "s3.example",
    "ftp://s3.example",
    "https://key:s3cr3t@s3.example",
    "https://s3.example/rbs",
    "https://s3.example?a=b",
    "https://s3.example ",
    "https://s3.example#",
    "https://",
    "https://s3.example:99999",
  ],
  S3_BUCKET: [
    "rbs",
    "my.bucket-1",
    "s3://rbs",
    "rbs/",
    "https://s3.example/rbs",
    "..",
    "r bs",
    "rbs\n",
  ],
  AWS_REGION: ["us-east-1", "us east", "us-east-1 ", "-", "eu/2", '"eu"'],
  AWS_ACCESS_KEY_ID: ["AKID", "", "AKID\n", "AK ID", "'AKID'", "AKÏD", "A\0B"],
  AWS_SECRET_ACCESS_KEY: ["s3cr3t", "", "s3cr3t ", " s3cr3t", '"s3cr3t"'],
  AWS_SESSION_TOKEN: ["token==", "token\n", "to ken"],
  PGSSLMODE: [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
    "on",
    "require ",
  ],
  DJANGO_DB_SSLMODE: ["require", "true"],
  PGSSLROOTCERT: ["system", "/no/such/file", "/dev/null", " /ca.pem"],
  SEAL_GRACE_MINUTES: ["0", "15", "1.5", "-1", "a", "9999999", "15 "],
};

/** The result of reading variables. It leaves out text of the failure that only one engine has. */
function outcome(read: () => unknown): string {
  try {
    read();
    return "taken";
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return `${error.kind}: ${error.message}`.replace(" (or LAKE_URL for a local directory)", "");
  }
}

Deno.test("Spark parity: both engines validate each variable with the same messages", async () => {
  const cases = Object.entries(VALUES).flatMap(([name, values]) =>
    values.map((value) => ({ ...PASSWORD, ...KEYS, [name]: value }))
  );
  cases.push(
    ...[
      { PGSSLMODE: "require", DJANGO_DB_SSLMODE: "verify-full" },
      { PGSSLMODE: "require", PGSSLROOTCERT: "system" },
    ].map((more) => ({ ...PASSWORD, ...KEYS, ...more })),
  );
  const theirs: string[] = await python(
    `
import os
from deep_storage import settings
result = []
for case in given:
    os.environ.clear()
    os.environ.update({name: text.replace("\\0", "\\1") for name, text in case.items()})
    try:
        for name, text in case.items():
            if "\\0" in text:  # no environment can hold it, so the rule is asked itself
                from deep_storage.variable_rules import value_of
                value_of(name, text, settings.KEY)
        settings.database(), settings.store(), settings.grace_micros()
        result.append("taken")
    except Failure as failure:
        result.append(f"{failure.kind}: {failure}")`,
    { given: cases },
  );
  cases.forEach((given, i) => {
    const env = { get: (name: string) => (given as Record<string, string>)[name] };
    const ours = outcome(() => {
      databaseConfig(env);
      lakeConfig(env);
      sealGrace(env);
    });
    // The name of an error about a file differs between the languages.
    const same = (text: string) => text.replace(/\((NotFound|FileNotFoundError)\)/, "(missing)");
    assertEquals(same(theirs[i]!), same(ours), JSON.stringify(given));
    for (const secret of ["p4ss@", "s3cr3t@"]) assert(!theirs[i]!.includes(secret), theirs[i]);
  });
});

Deno.test("Spark parity: both engines read JOB_DATE with the same messages", async () => {
  const texts = [
    "2025-12-28",
    "today",
    "yesterday",
    "",
    "Today",
    " 2025-12-28",
    "2025-12-28\n",
    "28.12.2025",
    "2025-02-29",
    "$(date +%F)",
    "`date`",
    "%F",
    "０２５-12-28",
    "2025-1-1",
    '"2025-12-28"',
  ];
  const theirs: string[] = await python(
    `
import os
from deep_storage import settings
result = []
for text in given:
    os.environ["JOB_DATE"] = text
    try:
        result.append(settings.requested_day())
    except Failure as failure:
        result.append(f"{failure.kind}: {failure}")
noon = 1766923200000000
result += [settings.day_at(day, noon) for day in ("today", "yesterday", "2025-01-01")]
result += [settings.day_at("today", noon // 86400000000 * 86400000000 - 1)]`,
    { given: texts },
  );
  const ours = texts.map((text) => {
    try {
      return requestedDays({}, { get: () => text }).from;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return `${error.kind}: ${error.message}`;
    }
  });
  assertEquals(theirs, [...ours, "2025-12-28", "2025-12-27", "2025-01-01", "2025-12-27"]);
});

Deno.test("Spark parity: both engines write the table of the outbox in the same SQL", async () => {
  const names = VALUES.OUTBOX_TABLE!.filter((text) => "table" in readTableName(text));
  assert(names.length > 5);
  const theirs: string[][] = await python(
    `
from deep_storage.table_name import literal, table_sql
result = [[table_sql(text), literal(text)] for text in given]`,
    { given: names },
  );
  const ours = names.map((
    text,
  ) => [formatTableName(readTableName(text) as TableName), literal(text)]);
  assertEquals(theirs, ours);
});
