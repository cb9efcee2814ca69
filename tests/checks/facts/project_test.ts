import { Ajv2020 } from "ajv/2020";
import { parseProject, RULES } from "../../../checks/facts/project.ts";
import { DEFAULT_PROJECT } from "../../../pipeline/contract/project.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertThrows } from "../../support/assert.ts";

const schema = JSON.parse(
  Deno.readTextFileSync(new URL("../../../docs/deep-storage.schema.json", import.meta.url)),
);
const isValid = new Ajv2020({ allErrors: true }).compile(schema);

const read = (value: unknown) => parseProject("deep-storage.json", JSON.stringify(value, null, 2));

Deno.test("parseProject uses the defaults for an empty object", () => {
  assertEquals(read({}), DEFAULT_PROJECT);
});

Deno.test("parseProject and the schema accept the defaults", () => {
  assertEquals(read(DEFAULT_PROJECT), DEFAULT_PROJECT);
  assert(isValid(DEFAULT_PROJECT), JSON.stringify(isValid.errors));
});

Deno.test("the schema of the project file has the defaults of the code", () => {
  interface Property {
    readonly default?: string;
    readonly properties?: Readonly<Record<string, Property>>;
  }
  const defaultsOf = (properties: Readonly<Record<string, Property>>): unknown =>
    Object.fromEntries(
      Object.entries(properties).filter(([name]) => name !== "$schema").map(([name, each]) => [
        name,
        each.properties === undefined ? each.default : defaultsOf(each.properties),
      ]),
    );
  // A store outside the cluster has no pods.
  const expected = { ...DEFAULT_PROJECT, lake: { ...DEFAULT_PROJECT.lake, pods: undefined } };
  assertEquals(defaultsOf(schema.properties), expected);
});

Deno.test("the schema of the project file has the rules of the code, descriptions and valid examples", () => {
  const { properties } = schema;
  for (const [group, rules] of Object.entries(RULES)) {
    assert(properties[group].description.length > 0);
    assertEquals(Object.keys(properties[group].properties), Object.keys(rules));
    for (const [name, { form, longest }] of Object.entries(rules)) {
      const { pattern, maxLength, description, examples } = properties[group].properties[name];
      assertEquals([new RegExp(pattern).source, maxLength], [
        new RegExp(form.source).source,
        longest,
      ]);
      assert(description.endsWith("."), `${group}.${name} has no description`);
      assert(examples.length > 0, `${group}.${name} has no example`);
      for (const example of examples) {
        read({ [group]: { [name]: example } });
        assert(isValid({ [group]: { [name]: example } }), example);
      }
    }
  }
});

Deno.test("parseProject writes the name of the table as SQL does", () => {
  const table = (text: string) => read({ database: { table: text } }).database.table;
  assertEquals(table("Shop.Events"), "shop.events");
  assertEquals(table('"shop"."Events"'), 'shop."Events"');
  assertEquals(table("order"), '"order"');
});

Deno.test("parseProject refuses a part of a table's name with more than 63 bytes", () => {
  const failure = assertThrows(() => read({ database: { table: "ö".repeat(40) } }), Failure);
  assert(failure.message.includes("has 80 bytes, and Postgres allows 63"), failure.message);
});

Deno.test("parseProject reads JSON and YAML, and fills in the defaults", () => {
  const { database: { pods: _, ...database }, ...rest } = DEFAULT_PROJECT;
  const expected = { ...rest, database: { ...database, namespace: "shop" } };
  assertEquals(read({ $schema: "x.json", database: { namespace: "shop" } }), expected);
  assertEquals(parseProject("p.yaml", "# ours\ndatabase:\n  namespace: shop\n"), expected);
});

Deno.test("parseProject takes the labels of Postgres's pods only for the database that has them", () => {
  const podsOf = (database: Record<string, string>) => read({ database }).database.pods;
  assertEquals(podsOf({ table: "events" }), "app=rbs-paradedb");
  assertEquals(podsOf({ host: "pg.robson.svc.cluster.local" }), undefined);
  assertEquals(podsOf({ namespace: "shop", pods: "app=pg,tier=" }), "app=pg,tier=");
  for (const pods of ["app", "app=pg,", "app: pg", "=pg"]) {
    const failure = assertThrows(() => podsOf({ pods }), Failure);
    assert(failure.message.includes("but must be labels of pods"), failure.message);
  }
});

const VALID: readonly unknown[] = [
  { jobs: { image: "registry.example.com:5000/team/spark:3.5.8" } },
  { jobs: { image: `spark@sha256:${"0".repeat(64)}` } },
  { database: { host: "10.0.0.7", table: "order_events", secret: "db.credentials" } },
  { lake: { endpoint: "http://minio.storage.svc:9000" } },
  { nodes: { label: "pool=spark", taint: "example.com/only=spark:NoExecute" } },
  { nodes: { label: "node-role.kubernetes.io/spark", taint: "spark:NoSchedule" } },
  { nodes: { label: "pool=", taint: "only=:PreferNoSchedule" } },
  { nodes: { taint: "only" } },
  { nodes: { taint: "only=spark" } },
  { database: { table: 'Shop."Stop ""Events"".1"', name: "My Shop", user: "a role" } },
  { database: { table: "größen.order" } },
];

for (const value of VALID) {
  Deno.test(`parseProject and the schema accept ${JSON.stringify(value).slice(0, 80)}`, () => {
    read(value);
    assert(isValid(value), JSON.stringify(isValid.errors));
  });
}

const INVALID: readonly [value: unknown, message: string][] = [
  [{ job: {} }, "Cannot use deep-storage.json:2: there is no field job. Did you mean jobs?"],
  [
    { jobs: { namspace: "etl" } },
    "Cannot use deep-storage.json:3: there is no field jobs.namspace. Did you mean jobs.namespace?",
  ],
  [
    { nodes: { zone: "a" } },
    "Cannot use deep-storage.json:3: there is no field nodes.zone. The fields are label, taint.",
  ],
  [{ constructor: {} }, "there is no field constructor"],
  [[], "the content must be an object, not a list"],
  ["etl", "the content must be an object, not a string"],
  [{ $schema: 1 }, "$schema must be a string, not a number"],
  [{ jobs: "etl" }, "jobs must be an object, not a string"],
  [{ jobs: null }, "jobs must be an object, not null"],
  [{ jobs: { namespace: 7 } }, "jobs.namespace must be a string, not a number"],
  [{ jobs: { namespace: null } }, "jobs.namespace must be a string, not null"],
  [
    { jobs: { namespace: "Analytics" } },
    'jobs.namespace is "Analytics", but must be the name of a namespace: lowercase letters, digits',
  ],
  [{ jobs: { namespace: "-etl" } }, 'jobs.namespace is "-etl"'],
  [{ jobs: { namespace: "etl\n" } }, 'jobs.namespace is "etl\\n"'],
  [{ jobs: { namespace: "a".repeat(64) } }, "jobs.namespace is"],
  [{ jobs: { image: "my image" } }, 'jobs.image is "my image", but must be an image'],
  [{ database: { host: "db:5432" } }, 'database.host is "db:5432", but must be a host'],
  [
    { database: { table: "Order Events" } },
    'database.table is "Order Events", but must be a table as in SQL: events, shop.events or',
  ],
  [{ database: { table: "shop.orders.events" } }, "database.table is"],
  [{ database: { table: 'shop."events' } }, "database.table is"],
  [{ database: { table: "" } }, "database.table is"],
  [{ database: { table: 'a."b\n"' } }, "database.table is"],
  [{ database: { table: "stop-events" } }, "database.table is"],
  [{ database: { name: " shop" } }, "database.name is"],
  [{ database: { user: "a\nb" } }, "database.user is"],
  [{ database: { name: "postgres://db/shop" } }, "database.name is"],
  [{ table: "events" }, "there is no field table. Did you mean database.table?"],
  [{ jobs: { tabel: "events" } }, "there is no field jobs.tabel. Did you mean database.table?"],
  [
    { nodes: { secret: "x" } },
    "there is no field nodes.secret. Did you mean database.secret or lake.secret?",
  ],
  [{ lake: { bucket: "s3://lake" } }, "lake.bucket is"],
  [{ database: { secret: "db_credentials" } }, "database.secret is"],
  [{ lake: { endpoint: "s3.example.com" } }, "lake.endpoint is"],
  [{ lake: { endpoint: "https://id:key@s3.example.com" } }, "lake.endpoint is"],
  [{ lake: { secret: "" } }, "lake.secret is"],
  [{ nodes: { label: "=spark" } }, "nodes.label is"],
  [{ nodes: { label: "pool=a=b" } }, "nodes.label is"],
  [{ nodes: { taint: ":NoSchedule" } }, "nodes.taint is"],
  [{ nodes: { taint: "only=spark:" } }, "nodes.taint is"],
  [
    { nodes: { taint: "only=spark:NoShedule" } },
    'nodes.taint is "only=spark:NoShedule", but must be a taint, as in',
  ],
];

for (const [value, message] of INVALID) {
  Deno.test(`parseProject and the schema refuse ${JSON.stringify(value).slice(0, 80)}`, () => {
    const failure = assertThrows(() => read(value), Failure);
    assertEquals(failure.kind, "configuration");
    assert(failure.message.includes(message), failure.message);
    assert(!isValid(value), "the schema accepts the value");
  });
}

Deno.test("parseProject refuses what it cannot parse, a second document and an empty file", () => {
  const cases: readonly [text: string, message: string][] = [
    ['{"jobs": {"namespace": "a", "namespace": "b"}}', "Cannot use x.json:1: duplicate"],
    ["jobs: {}\n---\nlake: {}\n", "it has more than one document"],
    ["", "Cannot use x.json: it is empty"],
    ["{", "Cannot use x.json:1: "],
  ];
  for (const [text, message] of cases) {
    const failure = assertThrows(() => parseProject("x.json", text), Failure);
    assert(failure.message.includes(message), failure.message);
  }
});

for (const page of ["docs/configuration.md", "runbook/README.md"]) {
  Deno.test(`${page} shows the project file with its defaults`, async () => {
    const text = await Deno.readTextFile(new URL(`../../../${page}`, import.meta.url));
    const [, json] = /```json\n(.*?)\n```/s.exec(text)!;
    assertEquals(parseProject(page, json!), DEFAULT_PROJECT);
    const { $schema: _, ...shown } = JSON.parse(json!);
    assertEquals(shown, DEFAULT_PROJECT);
  });
}
