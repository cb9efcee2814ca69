import { Ajv2020 } from "ajv/2020";
import { parseProject } from "../../../checks/facts/project.ts";
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
  assertEquals(defaultsOf(schema.properties), DEFAULT_PROJECT);
});

Deno.test("parseProject reads JSON and YAML, and fills in the defaults", () => {
  const { database, ...rest } = DEFAULT_PROJECT;
  const expected = { ...rest, database: { ...database, namespace: "shop" } };
  assertEquals(read({ $schema: "x.json", database: { namespace: "shop" } }), expected);
  assertEquals(parseProject("p.yaml", "# ours\ndatabase:\n  namespace: shop\n"), expected);
});

const VALID: readonly unknown[] = [
  { jobs: { image: "registry.example.com:5000/team/spark:3.5.8" } },
  { jobs: { image: `spark@sha256:${"0".repeat(64)}` } },
  { database: { host: "10.0.0.7", table: "order_events", secret: "db.credentials" } },
  { lake: { endpoint: "http://minio.storage.svc:9000" } },
  { nodes: { label: "pool=spark", taint: "example.com/only=spark:NoExecute" } },
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
  [{ database: { table: "Order Events" } }, "database.table is"],
  [{ database: { secret: "db_credentials" } }, "database.secret is"],
  [{ lake: { endpoint: "s3.example.com" } }, "lake.endpoint is"],
  [{ lake: { endpoint: "https://id:key@s3.example.com" } }, "lake.endpoint is"],
  [{ lake: { secret: "" } }, "lake.secret is"],
  [{ nodes: { label: "pool" } }, "nodes.label is"],
  [{ nodes: { taint: "only=spark" } }, "nodes.taint is"],
  [{ nodes: { taint: "only=spark:PreferNoSchedule" } }, "nodes.taint is"],
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
