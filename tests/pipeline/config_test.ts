import {
  bucketName,
  cacheFolder,
  databaseConfig,
  databaseName,
  lakeConfig,
  type S3Config,
  sealGrace,
  secretsOf,
} from "../../pipeline/config.ts";
import { assertEquals } from "../support/assert.ts";
import { environment, refused } from "./config/environments.ts";

const PASSWORD = "p4ss!word";
const KEYS = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "s3cr3t/Key+With=Signs" };

Deno.test("config: uses the defaults of the running system for the database", () => {
  assertEquals(databaseConfig(environment({ DJANGO_DB_PASSWORD: PASSWORD })), {
    host: "paradedb.robson.svc.cluster.local",
    port: 5432,
    name: "rbsdb",
    user: "robson",
    password: PASSWORD,
    defaults: ["DJANGO_DB_HOST", "DJANGO_DB_NAME", "DJANGO_DB_USER"],
  });
});

Deno.test("config: uses the default for an empty variable of the database", () => {
  const empty = { DJANGO_DB_HOST: "", DJANGO_DB_PORT: "", DJANGO_DB_NAME: "", DJANGO_DB_USER: "" };
  assertEquals(
    databaseConfig(environment({ ...empty, DJANGO_DB_PASSWORD: PASSWORD })),
    databaseConfig(environment({ DJANGO_DB_PASSWORD: PASSWORD })),
  );
});

Deno.test("config: reads every variable of the database", () => {
  const env = environment({
    DJANGO_DB_HOST: "127.0.0.1",
    DJANGO_DB_PORT: "65535",
    DJANGO_DB_NAME: "another",
    DJANGO_DB_USER: "reader",
    DJANGO_DB_PASSWORD: " \\!'\"pä ",
  });
  assertEquals(databaseConfig(env), {
    host: "127.0.0.1",
    port: 65535,
    name: "another",
    user: "reader",
    password: " \\!'\"pä ",
  });
});

Deno.test("config: names the variable of a missing or empty password", () => {
  refused(() => databaseConfig(environment({})), ["DJANGO_DB_PASSWORD is not set"]);
  refused(
    () => databaseConfig(environment({ DJANGO_DB_PASSWORD: "" })),
    ["DJANGO_DB_PASSWORD is empty"],
  );
});

const NO_PORTS = [
  ..."0,-1,65536,99999,5432.0,1e3,0x1538,5432a,123456".split(","),
  "postgres",
  " 5432",
  "5432 ",
  "5432\n",
  "tcp://10.0.0.1:5432",
  "５４３２",
  "Infinity",
];
for (const port of NO_PORTS) {
  Deno.test(`config: refuses the port ${JSON.stringify(port)}`, () => {
    const env = environment({ DJANGO_DB_PORT: port, DJANGO_DB_PASSWORD: PASSWORD });
    refused(
      () => databaseConfig(env),
      [`DJANGO_DB_PORT=${JSON.stringify(port)}`, "from 1 to 65535"],
      [PASSWORD],
    );
  });
}

Deno.test("config: uses the defaults of the running system for the lake", () => {
  assertEquals(lakeConfig(environment(KEYS)), {
    kind: "s3",
    endpoint: "https://eu2.contabostorage.com",
    region: "us-east-1",
    bucket: "rbs",
    accessKeyId: KEYS.AWS_ACCESS_KEY_ID,
    secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY,
    defaults: ["S3_ENDPOINT", "S3_BUCKET"],
  });
});

Deno.test("config: uses the default for an empty variable of the lake", () => {
  const empty = { LAKE_URL: "", S3_ENDPOINT: "", S3_BUCKET: "", AWS_REGION: "" };
  assertEquals(lakeConfig(environment({ ...KEYS, ...empty })), lakeConfig(environment(KEYS)));
});

Deno.test("config: reads every variable of the lake", () => {
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
  Deno.test(`config: names a missing or empty ${name}, and the variable to set instead`, () => {
    const { [name]: _, ...others } = KEYS as Record<string, string>;
    const secrets = Object.values(others);
    refused(() => lakeConfig(environment(others)), [`${name} is not set`, "LAKE_URL"], secrets);
    const empty = environment({ ...others, [name]: "" });
    refused(() => lakeConfig(empty), [`${name} is empty`, "LAKE_URL"], secrets);
  });

  const SHAPES: [string, string, string][] = [
    ["a newline at its end", "s3cr3tvalue\n", "ends with a line break"],
    ["a carriage return at its end", "s3cr3tvalue\r\n", "ends with a line break"],
    ["a space at its end", "s3cr3tvalue ", "ends with a blank"],
    ["a space in front", " s3cr3tvalue", "begins with a blank"],
    ["a space within", "s3cr3t value", "contains a blank"],
    ["a newline within", "s3cr3t\nvalue", "contains a line break"],
    ["a letter that is not ASCII", "s3cr3tvälue", "has a character that is not allowed in a key"],
    ["quotes around it", '"s3cr3tvalue"', "is enclosed in quotes"],
    ["only a newline", "\n", "ends with a line break"],
  ];
  for (const [what, value, shape] of SHAPES) {
    Deno.test(`config: refuses ${name} with ${what}, and describes the value without showing it`, () => {
      const env = environment({ ...KEYS, [name]: value });
      refused(() => lakeConfig(env), [name, shape], ["s3cr3t", KEYS.AWS_SECRET_ACCESS_KEY]);
    });
  }
}

Deno.test("config: needs no keys when LAKE_URL is a directory", () => {
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

Deno.test("config: prefers LAKE_URL to the bucket", () => {
  const env = environment({ ...KEYS, S3_ENDPOINT: "nonsense", LAKE_URL: "file:///lake" });
  assertEquals(lakeConfig(env), { kind: "directory", path: "/lake" });
});

const NO_DIRECTORIES: [string, string][] = [
  ["a web address", "http://127.0.0.1/lake"],
  ["a bucket", "s3://rbs/lake"],
  ["a host before the path", "file://server/lake"],
  ["two slashes instead of three", "file://var/lib/lake"],
  ["no slash", "file:lake"],
  ["a relative path after the scheme", "file:./lake"],
  ["a path without a scheme", "/var/lib/lake"],
  ["a relative path", "lake"],
  ["a dot path", "./lake"],
  ["a query", "file:///lake?mode=rw"],
  ["a fragment", "file:///lake#1"],
  ["a space", " "],
  ["a percent sign that encodes nothing", "file:///100%/lake"],
  ["a byte that is not UTF-8", "file:///%ff"],
  ["a zero byte", "file:///lake%00"],
];
for (const [what, url] of NO_DIRECTORIES) {
  Deno.test(`config: refuses LAKE_URL with ${what}: ${url}`, () => {
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
  Deno.test(`config: refuses S3_ENDPOINT with ${what}: ${url}`, () => {
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
    Deno.test(`config: refuses ${name} with ${what}, and does not show the login`, () => {
      refused(() => lakeConfig(environment({ ...KEYS, [name]: url })), [name], ["hunter2"]);
    });
  }
}

Deno.test("config: refuses LAKE_URL of a directory with a login, and does not show the login", () => {
  const env = environment({ LAKE_URL: "file://someone:hunter2@server/lake" });
  refused(() => lakeConfig(env), ["LAKE_URL"], ["hunter2"]);
});

Deno.test("config: uses a grace of 15 minutes unless SEAL_GRACE_MINUTES is set", () => {
  assertEquals(sealGrace(environment({})), 900_000_000n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "" })), 900_000_000n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "0" })), 0n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "90" })), 5_400_000_000n);
  assertEquals(sealGrace(environment({ SEAL_GRACE_MINUTES: "999999" })), 59_999_940_000_000n);
});

for (const minutes of ["-1", "1.5", "15m", "1e3", " 15", "15\n", "PT15M", "1000000", "０", "NaN"]) {
  Deno.test(`config: refuses SEAL_GRACE_MINUTES=${JSON.stringify(minutes)}`, () => {
    refused(() => sealGrace(environment({ SEAL_GRACE_MINUTES: minutes })), [
      `SEAL_GRACE_MINUTES=${JSON.stringify(minutes)}`,
      "a whole number of minutes",
    ]);
  });
}

Deno.test("config: places the cache in XDG_CACHE_HOME, or else under HOME, or else has no cache", () => {
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

Deno.test("databaseName marks the defaults", () => {
  const name = (variables: Record<string, string>) =>
    databaseName(databaseConfig(environment({ DJANGO_DB_PASSWORD: PASSWORD, ...variables })));
  assertEquals(
    name({}),
    "robson (default)@paradedb.robson.svc.cluster.local (default):5432/rbsdb (default)",
  );
  const all = { DJANGO_DB_HOST: "db.example", DJANGO_DB_NAME: "rbsdb", DJANGO_DB_USER: "robson" };
  assertEquals(name(all), "robson@db.example:5432/rbsdb");
});

Deno.test("bucketName marks the defaults", () => {
  const name = (variables: Record<string, string>) =>
    bucketName(lakeConfig(environment({ ...KEYS, ...variables })) as S3Config);
  assertEquals(name({}), "s3://rbs (default) at https://eu2.contabostorage.com (default)");
  const all = { S3_BUCKET: "rbs", S3_ENDPOINT: "http://127.0.0.1:9000" };
  assertEquals(name(all), "s3://rbs at http://127.0.0.1:9000");
});

Deno.test("config: reads AWS_SESSION_TOKEN with the keys, and validates the token like the keys", () => {
  const token = "s3cr3t//token==";
  const config = lakeConfig(environment({ ...KEYS, AWS_SESSION_TOKEN: token })) as S3Config;
  assertEquals(config.sessionToken, token);
  const broken = environment({ ...KEYS, AWS_SESSION_TOKEN: `${token}\n` });
  refused(() => lakeConfig(broken), ["AWS_SESSION_TOKEN: its value ends with a line break"], [
    token,
  ]);
});

Deno.test("config: refuses a password with a line break, and accepts a password with blanks", () => {
  for (const password of ["hunter2\n", "hun\nter2", "hunter2\r\n"]) {
    const env = environment({ DJANGO_DB_PASSWORD: password });
    refused(() => databaseConfig(env), ["DJANGO_DB_PASSWORD: its value", "line break"], ["hun"]);
  }
  for (const password of [" ", " hunter2 ", '"hunter2"', "$(hunter2)"]) {
    assertEquals(databaseConfig(environment({ DJANGO_DB_PASSWORD: password })).password, password);
  }
});

// Each entry: the variable, its value, the expected fault, and a secret that the message must not show.
const FAULTS: [string, string, string, string?][] = [
  ["DJANGO_DB_HOST", "db.example ", "it ends with a blank"],
  ["DJANGO_DB_HOST", " db.example", "it begins with a blank"],
  ["DJANGO_DB_HOST", "db.example\n", "it ends with a line break"],
  ["DJANGO_DB_HOST", "db .example", "it contains a blank"],
  ["DJANGO_DB_HOST", '"db.example"', "it is enclosed in quotes"],
  ["DJANGO_DB_HOST", "$(hostname)", "it is a shell expression"],
  ["DJANGO_DB_HOST", "${DB_HOST}", "it is a shell expression"],
  ["DJANGO_DB_HOST", "postgres://robson:hunter2@db.example/rbsdb", "it is a URL", "hunter2"],
  ["DJANGO_DB_HOST", "postgres://db.example", "it is a URL"],
  ["DJANGO_DB_HOST", "robson:hunter2@db.example", "it has a login before the host", "hunter2"],
  ["DJANGO_DB_HOST", "db.example:5433", "it has a port after the host"],
  ["DJANGO_DB_HOST", "db.example/rbsdb", "it has a path after the host"],
  ["DJANGO_DB_HOST", "/var/run/postgresql", "it is the path of a socket"],
  ["DJANGO_DB_HOST", "a.example,b.example", "it names several hosts"],
  ["DJANGO_DB_HOST", "[::1]", "an IPv6 address must not have brackets here"],
  ["DJANGO_DB_HOST", "fe80::1%eth0", "it has a character that is not allowed in a host name"],
  ["DJANGO_DB_HOST", "db_é.example", "it has a character that is not allowed in a host name"],
  ["DJANGO_DB_NAME", "rbsdb\n", "it ends with a line break"],
  ["DJANGO_DB_NAME", " rbsdb", "it begins with a blank"],
  ["DJANGO_DB_NAME", "postgres://u:hunter2@h/rbsdb", "it is a URL", "hunter2"],
  ["DJANGO_DB_USER", "robson\r\n", "it ends with a line break"],
  ["DJANGO_DB_USER", "rob\nson", "it contains a line break"],
  ["DJANGO_DB_USER", "postgres://u:hunter2@h/rbsdb", "it is a URL", "hunter2"],
  ["S3_BUCKET", "s3://rbs", "it begins with s3:"],
  ["S3_BUCKET", "rbs/", "it has a slash"],
  ["S3_BUCKET", "rbs/bronze", "it has a slash"],
  ["S3_BUCKET", "https://u:hunter2@store.example/rbs", "it is a URL", "hunter2"],
  ["S3_BUCKET", "rbs ", "it ends with a blank"],
  ["S3_BUCKET", "..", "it is not a name"],
  ["S3_BUCKET", "rbs?x", "it has a character that is not allowed in a bucket name"],
  ["AWS_REGION", "us east 1", "it contains a blank"],
  ["AWS_REGION", "us-east-1\n", "it ends with a line break"],
  ["AWS_REGION", "us/east", "it has a character that is not allowed in a region"],
  ["AWS_REGION", "us_east", "it has a character that is not allowed in a region"],
  ["AWS_REGION", "us-east-", "it has a character that is not allowed in a region"],
  ["S3_ENDPOINT", "https://store.example ", "it ends with a blank"],
  ["S3_ENDPOINT", "https://store.example\n", "it ends with a line break"],
  ["LAKE_URL", "file:///lake ", "it ends with a blank"],
  ["LAKE_URL", "file:///lake\n", "it ends with a line break"],
  ["SEAL_GRACE_MINUTES", "15 ", "it ends with a blank"],
];
for (const [name, value, fault, secret] of FAULTS) {
  Deno.test(`config: refuses ${name}=${JSON.stringify(value)}: ${fault}`, () => {
    const env = environment({ ...KEYS, DJANGO_DB_PASSWORD: PASSWORD, [name]: value });
    const read = () => [databaseConfig(env), lakeConfig(env), sealGrace(env)];
    refused(read, [`Cannot use ${name}=`, fault], secret === undefined ? [] : [secret]);
  });
}

Deno.test("config: accepts host names and addresses unchanged", () => {
  const hosts = ["localhost", "db_1.example.", "10.0.0.1", "::1", "DB.example"];
  for (const host of hosts) {
    const env = environment({ DJANGO_DB_HOST: host, DJANGO_DB_PASSWORD: PASSWORD });
    assertEquals(databaseConfig(env).host, host);
  }
});

Deno.test("secretsOf returns every password and key that is set", () => {
  const all = { ...KEYS, DJANGO_DB_PASSWORD: PASSWORD, AWS_SESSION_TOKEN: "t", S3_BUCKET: "rbs" };
  assertEquals(secretsOf(environment(all)).sort(), [...Object.values(KEYS), PASSWORD, "t"].sort());
  assertEquals(secretsOf(environment({})), []);
});
