import {
  cacheFolder,
  databaseConfig,
  type Environment,
  lakeConfig,
  requestedDay,
  sealGrace,
} from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";

const PASSWORD = "p4ss!word";
const KEYS = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cr3t/Key+With=Signs" };

function environment(variables: Record<string, string>): Environment {
  return { get: (name) => Object.hasOwn(variables, name) ? variables[name] : undefined };
}

/** A refused configuration: of the right kind, with these words, and without these secrets. */
function refused(run: () => unknown, words: string[], secrets: string[] = []): void {
  const failure = assertThrows(run, Failure);
  assertEquals(failure.kind, "configuration");
  for (const word of words) assertStringIncludes(failure.message, word);
  for (const secret of secrets) {
    assert(!Deno.inspect(failure).includes(secret), `${failure.message} has ${secret}`);
  }
}

Deno.test("the database has the running system's defaults", () => {
  assertEquals(databaseConfig(environment({ DJANGO_DB_PASSWORD: PASSWORD })), {
    host: "paradedb.robson.svc.cluster.local",
    port: 5432,
    name: "rbsdb",
    user: "robson",
    password: PASSWORD,
  });
});

Deno.test("an empty variable of the database means its default", () => {
  const empty = { DJANGO_DB_HOST: "", DJANGO_DB_PORT: "", DJANGO_DB_NAME: "", DJANGO_DB_USER: "" };
  assertEquals(
    databaseConfig(environment({ ...empty, DJANGO_DB_PASSWORD: PASSWORD })),
    databaseConfig(environment({ DJANGO_DB_PASSWORD: PASSWORD })),
  );
});

Deno.test("every variable of the database is read", () => {
  const env = environment({
    DJANGO_DB_HOST: "127.0.0.1",
    DJANGO_DB_PORT: "65535",
    DJANGO_DB_NAME: "another",
    DJANGO_DB_USER: "reader",
    DJANGO_DB_PASSWORD: " \\!'\"pä\n",
  });
  assertEquals(databaseConfig(env), {
    host: "127.0.0.1",
    port: 65535,
    name: "another",
    user: "reader",
    password: " \\!'\"pä\n",
  });
});

Deno.test("a password that is missing or empty is named", () => {
  refused(() => databaseConfig(environment({})), ["DJANGO_DB_PASSWORD is not set"]);
  refused(
    () => databaseConfig(environment({ DJANGO_DB_PASSWORD: "" })),
    ["DJANGO_DB_PASSWORD is empty"],
  );
});

const NO_PORTS = [
  ..."0,-1,65536,99999,5432.0,1e3,0x1538,5432a,123456".split(","),
  ...["postgres", " 5432", "5432 ", "5432\n", "tcp://10.0.0.1:5432", "５４３２", "Infinity"],
];
for (const port of NO_PORTS) {
  Deno.test(`${JSON.stringify(port)} is no port`, () => {
    const env = environment({ DJANGO_DB_PORT: port, DJANGO_DB_PASSWORD: PASSWORD });
    refused(
      () => databaseConfig(env),
      [`DJANGO_DB_PORT=${JSON.stringify(port)}`, "from 1 to 65535"],
      [PASSWORD],
    );
  });
}

Deno.test("the lake has the running system's defaults", () => {
  assertEquals(lakeConfig(environment(KEYS)), {
    kind: "s3",
    endpoint: "https://eu2.contabostorage.com",
    region: "us-east-1",
    bucket: "rbs",
    accessKeyId: KEYS.AWS_ACCESS_KEY_ID,
    secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY,
  });
});

Deno.test("an empty variable of the lake means its default", () => {
  const empty = { LAKE_URL: "", S3_ENDPOINT: "", S3_BUCKET: "", AWS_REGION: "" };
  assertEquals(lakeConfig(environment({ ...KEYS, ...empty })), lakeConfig(environment(KEYS)));
});

Deno.test("every variable of the lake is read", () => {
  const env = environment({
    ...KEYS,
    S3_ENDPOINT: "http://127.0.0.1:9000/",
    S3_BUCKET: "another",
    AWS_REGION: "eu-2",
  });
  assertEquals(lakeConfig(env), {
    kind: "s3",
    endpoint: "http://127.0.0.1:9000",
    region: "eu-2",
    bucket: "another",
    accessKeyId: KEYS.AWS_ACCESS_KEY_ID,
    secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY,
  });
});

for (const name of Object.keys(KEYS)) {
  Deno.test(`${name} missing or empty is named, and what can stand for it`, () => {
    const { [name]: _, ...others } = KEYS as Record<string, string>;
    const secrets = Object.values(others);
    refused(() => lakeConfig(environment(others)), [`${name} is not set`, "LAKE_URL"], secrets);
    const empty = environment({ ...others, [name]: "" });
    refused(() => lakeConfig(empty), [`${name} is empty`, "LAKE_URL"], secrets);
  });

  const SHAPES: [string, string, string][] = [
    ["a newline at its end", "s3cr3tvalue\n", "ends with white space or a newline"],
    ["a carriage return at its end", "s3cr3tvalue\r\n", "ends with white space or a newline"],
    ["a space at its end", "s3cr3tvalue ", "ends with white space or a newline"],
    ["a space in front", " s3cr3tvalue", "has a character no key has"],
    ["a space within", "s3cr3t value", "has a character no key has"],
    ["a newline within", "s3cr3t\nvalue", "has a character no key has"],
    ["a letter that is not ASCII", "s3cr3tvälue", "has a character no key has"],
    ["only a newline", "\n", "ends with white space or a newline"],
  ];
  for (const [what, value, shape] of SHAPES) {
    Deno.test(`${name} with ${what}: the message tells the shape, never the value`, () => {
      const env = environment({ ...KEYS, [name]: value });
      refused(() => lakeConfig(env), [name, shape], ["s3cr3t", KEYS.AWS_SECRET_ACCESS_KEY]);
    });
  }
}

Deno.test("LAKE_URL is a directory, and then no key is needed", () => {
  const paths: [string, string][] = [
    ["file:///var/lib/lake", "/var/lib/lake"],
    ["file:///var/lib/lake/", "/var/lib/lake"],
    ["file:///var/lib/lake///", "/var/lib/lake"],
    ["file:///a%20lake/%C3%BC", "/a lake/ü"],
    ["file://localhost/var/lib/lake", "/var/lib/lake"],
    ["file:///", "/"],
    ["FILE:///var/lib/lake", "/var/lib/lake"],
  ];
  for (const [url, path] of paths) {
    assertEquals(lakeConfig(environment({ LAKE_URL: url })), { kind: "directory", path }, url);
  }
});

Deno.test("LAKE_URL goes before the bucket", () => {
  const env = environment({ ...KEYS, S3_ENDPOINT: "nonsense", LAKE_URL: "file:///lake" });
  assertEquals(lakeConfig(env), { kind: "directory", path: "/lake" });
});

const NO_DIRECTORIES: [string, string][] = [
  ["a web address", "http://127.0.0.1/lake"],
  ["a bucket", "s3://rbs/lake"],
  ["a host before the path", "file://server/lake"],
  ["two slashes where three belong", "file://var/lib/lake"],
  ["no slash", "file:lake"],
  ["a relative path after the scheme", "file:./lake"],
  ["a path without a scheme", "/var/lib/lake"],
  ["a relative path", "lake"],
  ["a dot path", "./lake"],
  ["a query", "file:///lake?mode=rw"],
  ["a fragment", "file:///lake#1"],
  ["a space", " "],
  ["a percent sign that encodes nothing", "file:///100%/lake"],
  ["a byte that is no UTF-8", "file:///%ff"],
  ["a zero byte", "file:///lake%00"],
];
for (const [what, url] of NO_DIRECTORIES) {
  Deno.test(`LAKE_URL with ${what} is refused: ${url}`, () => {
    refused(() => lakeConfig(environment({ LAKE_URL: url })), [
      `LAKE_URL=${JSON.stringify(url)}`,
      "file:///var/lib/lake",
    ]);
  });
}

const NO_ENDPOINTS: [string, string][] = [
  ["no scheme", "eu2.contabostorage.com"],
  ["no scheme and a port", "127.0.0.1:9000"],
  ["no scheme and a port after a name", "localhost:9000"],
  ["a path", "https://eu2.contabostorage.com/rbs"],
  ["another scheme", "s3://rbs"],
  ["a query", "https://eu2.contabostorage.com/?region=eu-2"],
  ["a fragment", "https://eu2.contabostorage.com/#rbs"],
  ["a bad port", "https://eu2.contabostorage.com:99999"],
  ["a space within", "https://eu2. contabostorage.com"],
  ["no host", "https://"],
  ["a shell expression", "$(S3_ENDPOINT)"],
];
for (const [what, url] of NO_ENDPOINTS) {
  Deno.test(`S3_ENDPOINT with ${what} is refused: ${url}`, () => {
    const env = environment({ ...KEYS, S3_ENDPOINT: url });
    refused(() => lakeConfig(env), [`S3_ENDPOINT=${JSON.stringify(url)}`, "S3_BUCKET"]);
  });
}

const LOGINS: [string, string][] = [
  ["a user and a password", "https://someone:hunter2@store.example"],
  ["only a user", "https://hunter2@store.example"],
  ["only a password", "https://:hunter2@store.example"],
  ["a password with an at sign", "https://someone:hun@hunter2@store.example"],
  ["a password with a slash", "https://someone:hun/hunter2@store.example"],
  ["a password and no scheme", "someone:hunter2@store.example"],
  ["a password and one slash", "https:/someone:hunter2@store.example"],
  ["a password and backslashes", "https:\\\\someone:hunter2@store.example"],
];
for (const [what, url] of LOGINS) {
  for (const name of ["S3_ENDPOINT", "LAKE_URL"]) {
    Deno.test(`${name} with ${what} is refused, and the login not shown`, () => {
      refused(() => lakeConfig(environment({ ...KEYS, [name]: url })), [name], ["hunter2"]);
    });
  }
}

Deno.test("LAKE_URL of a directory with a login is refused, and the login not shown", () => {
  const env = environment({ LAKE_URL: "file://someone:hunter2@server/lake" });
  refused(() => lakeConfig(env), ["LAKE_URL"], ["hunter2"]);
});

Deno.test("the day is the flag's, else JOB_DATE's, else nobody has said", () => {
  const env = environment({ JOB_DATE: "2025-12-28" });
  assertEquals(requestedDay("2024-02-29", env) as string, "2024-02-29");
  assertEquals(requestedDay(undefined, env) as string, "2025-12-28");
  assertEquals(requestedDay(undefined, environment({})), undefined);
});

Deno.test("a day given as a flag makes a bad JOB_DATE harmless", () => {
  const env = environment({ JOB_DATE: "$(date +%Y-%m-%d)" });
  assertEquals(requestedDay("2025-12-28", env) as string, "2025-12-28");
});

for (
  const text of [
    ...["$(date +%Y-%m-%d)", "$(date)", "`date +%F`", "${TODAY}", "$TODAY", "%Y-%m-%d"],
    ...["$(date -d yesterday '+%F')", "$(JOB_DATE)"],
  ]
) {
  Deno.test(`JOB_DATE=${text} is told from a day, and what Kubernetes makes of it`, () => {
    refused(() => requestedDay(undefined, environment({ JOB_DATE: text })), [
      `JOB_DATE=${JSON.stringify(text)}`,
      "that is a shell expression, not a day",
      "Kubernetes runs no shell over a container's env",
      "Remove JOB_DATE to run for today in UTC",
    ]);
  });
}

Deno.test("an empty JOB_DATE is refused, for it was meant to say something", () => {
  refused(() => requestedDay(undefined, environment({ JOB_DATE: "" })), [
    'JOB_DATE=""',
    "a day is written YYYY-MM-DD",
    "Remove JOB_DATE",
  ]);
});

const NO_DAYS: [string, string][] = [
  ["2025-02-29", "the calendar has no such day"],
  ["2025-13-01", "the calendar has no such day"],
  ["2025-1-1", "a day is written YYYY-MM-DD"],
  ["28/12/2025", "a day is written YYYY-MM-DD"],
  ["2025-12-28T00:00:00Z", "a day is written YYYY-MM-DD"],
  ["2025-12-28\n", "a day is written YYYY-MM-DD"],
  [" 2025-12-28", "a day is written YYYY-MM-DD"],
  ["today", "a day is written YYYY-MM-DD"],
];
for (const [text, problem] of NO_DAYS) {
  Deno.test(`${JSON.stringify(text)} is no day, in the variable and in the flag`, () => {
    const env = environment({ JOB_DATE: text });
    refused(() => requestedDay(undefined, env), [`JOB_DATE=${JSON.stringify(text)}`, problem]);
    refused(() => requestedDay(text, env), [`--date ${JSON.stringify(text)}`, problem]);
  });
}

Deno.test("an empty --date is refused and does not fall back on JOB_DATE", () => {
  const env = environment({ JOB_DATE: "2025-12-28" });
  refused(() => requestedDay("", env), ['--date ""']);
});

Deno.test("the grace is a quarter of an hour unless SEAL_GRACE_MINUTES says otherwise", () => {
  assertEquals(sealGrace(environment({})), 900_000_000n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "" })), 900_000_000n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "0" })), 0n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "90" })), 5_400_000_000n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "999999" })), 59_999_940_000_000n);
});

for (const minutes of ["-1", "1.5", "15m", "1e3", " 15", "15\n", "PT15M", "1000000", "０", "NaN"]) {
  Deno.test(`SEAL_GRACE_MINUTES=${JSON.stringify(minutes)} is refused`, () => {
    refused(() => sealGrace(environment({ SEAL_GRACE_MINUTES: minutes })), [
      `SEAL_GRACE_MINUTES=${JSON.stringify(minutes)}`,
      "a whole number of minutes",
    ]);
  });
}

Deno.test("the cache is where XDG_CACHE_HOME says, else under HOME, else nowhere", () => {
  const folder = (variables: Record<string, string>) => cacheFolder(environment(variables));
  assertEquals(
    folder({ XDG_CACHE_HOME: "/var/cache/me", HOME: "/home/me" }),
    "/var/cache/me/deep-storage",
  );
  assertEquals(folder({ HOME: "/home/me" }), "/home/me/.cache/deep-storage");
  assertEquals(folder({ XDG_CACHE_HOME: "", HOME: "/home/me" }), "/home/me/.cache/deep-storage");
  assertEquals(folder({ XDG_CACHE_HOME: "relative", HOME: "" }), undefined);
  assertEquals(folder({}), undefined);
});
