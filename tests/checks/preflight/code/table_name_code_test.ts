import { parse } from "yaml";
import type { Language } from "../../../../checks/source_code/code.ts";
import { tableNamesIn } from "../../../../checks/preflight/code/table_references.ts";
import { isNearMiss, judgeTableNames } from "../../../../checks/preflight/code/table_name_code.ts";
import { DEFAULT_PROJECT } from "../../../../pipeline/contract/project.ts";
import { treeOf } from "../../../../checks/facts/tree.ts";
import { assertEquals, assertStringIncludes } from "../../../support/assert.ts";
import {
  assertFound,
  change,
  EXECUTORS,
  factOf,
  FILES,
  JOB,
  LOOKALIKE,
} from "../../healthy/manifests.ts";

const ID = "table-name";
const misses = (language: Language, text: string) =>
  tableNamesIn({ language, file: "job", line: 1, text }).map(({ name }) => name).filter((each) =>
    isNearMiss(each)
  );

const problemsOf = (language: Language, text: string, table = "stop_events") => {
  const project = { ...DEFAULT_PROJECT, database: { ...DEFAULT_PROJECT.database, table } };
  const code = [{ language, file: "job", line: 1, text }];
  return judgeTableNames({ objects: [], jobs: [], code, project })!.findings
    .map(({ problem }) => problem);
};

for (
  const name of [
    "api_stopevent",
    "stop_event",
    "stopevents",
    "StopEvent",
    '"StopEvents"',
    "api_stop_events",
    "public.stop_event",
    "stop_evnets",
    "trading_stopevent",
  ]
) {
  Deno.test(`table-name takes ${name} for a near miss`, () => assertEquals(isNearMiss(name), true));
}

for (
  const name of [
    "stop_events",
    "STOP_EVENTS",
    "public.stop_events",
    '"stop_events"',
    "stop_executions",
    "events",
    "orders",
    "pg_stat_activity",
    "stop_events_seq_archive",
  ]
) {
  Deno.test(`table-name does not report ${name}`, () => assertEquals(isNearMiss(name), false));
}

for (
  const code of [
    'spark.sql("SELECT * FROM stop_event")',
    'spark.sql("select * from public.stop_event")',
    'x = "SELECT a "\\\n  "FROM stop_event"',
    'q = f"""SELECT a FROM t JOIN "stop_event" USING (b)"""',
    'read.option("dbtable", "stop_event")',
    'read.option("dbtable",\n  "(SELECT * FROM stop_event) t")',
    'read.options(dbtable="stop_event", url=u)',
    'spark.read.jdbc(url, "stop_event")',
    'spark.read.jdbc(url=url, table="stop_event")',
    'spark.table("stop_event")',
    'OUTBOX_TABLE = "stop_event"',
    '{"dbtable": "stop_event"}',
    'S = "stop_event"\nspark.sql(f"SELECT * FROM {S} WHERE a")',
    'S = "stop_event"\nspark.sql(f"select * from public.{S}")',
    'S = "stop_event"\nspark.sql("select * from " + S)',
    'S = "stop_event"\nspark.sql("select * from {} t".format(S))',
    'S = "stop_event"\nspark.sql("select * from %s" % S)',
    'S = "stop_event"\nread.option("dbtable", S)',
    'S = "stop_event"\nread.jdbc(url, S)',
    'read.option("dbtable", os.getenv("TABLE", "stop_event"))',
    'read.option("dbtable", os.environ.get("SOURCE_TABLE", "stop_event"))',
    'read.option("dbtable", "public.\\"Stop_Events\\"")',
  ]
) {
  Deno.test(`table-name finds ${JSON.stringify(code)}`, () => {
    assertEquals(misses("python", code).length, 1);
  });
}

for (
  const code of [
    "# SELECT * FROM stop_event",
    'def f():\n    """SELECT * FROM stop_event"""',
    "class StopEvent:\n    pass",
    "from models import StopEvent",
    'S = "stop_event"\nprint(f"from {S}")',
    'S = "stop_event"\nS = "stop_events"\nread.jdbc(url, S)',
    'S = "stop_event"\nspark.sql(f"select * from stop_events where kind = \'{S}\'")',
    'os.getenv("EVENT_KIND", "stop_event")',
    'f.select("stop_event", "stop_event_id")',
    'print("read from stop_event")',
    'read.parquet("s3a://rbs/silver/stop_event")',
    'x.createOrReplaceTempView("stop_event")\nspark.sql("SELECT * FROM stop_event")',
    'sql("WITH stop_event AS (SELECT 1) SELECT * FROM stop_event")',
    "sql(\"SELECT 'FROM stop_event' FROM stop_events -- FROM stop_event\")",
    'sql("SELECT extract(epoch FROM occurred_at) FROM stop_events")',
  ]
) {
  Deno.test(`table-name passes ${JSON.stringify(code)}`, () => {
    assertEquals(misses("python", code), []);
  });
}

Deno.test("table-name names file and line of a near miss, and the right name", async () => {
  await assertFound(
    ID,
    change(LOOKALIKE, '"dbtable", "stop_events"', '"dbtable", "api_stopevent"'),
    {
      severity: "fail",
      object: `manifests/${LOOKALIKE}`,
      line: 19,
      problem: "the code names the table api_stopevent",
      fix: "Write stop_events.",
    },
  );
  await assertFound(ID, change("replay.sql", "FROM stop_events", "FROM stopevents"), {
    object: "manifests/replay.sql",
    line: 2,
    problem: "the code names the table stopevents",
  });
});

Deno.test("table-name reads variables, arguments and ConfigMaps", async () => {
  await assertFound(
    ID,
    change(
      JOB,
      'name: PYTHONDONTWRITEBYTECODE\n              value: "1"',
      "name: OUTBOX_TABLE\n              value: api_stopevent",
    ),
    {
      field: "spec.template.spec.containers[0].env[13].value",
    },
  );
  await assertFound(
    ID,
    change(
      JOB,
      "local:///opt/deep-storage/jobs/bronze_ingest.py",
      "local:///opt/deep-storage/jobs/bronze_ingest.py\n            - --table=api_stopevent",
    ),
    {
      field: "spec.template.spec.containers[0].args[22]",
    },
  );
  await assertFound(ID, change(EXECUTORS, "\ndata:\n", "\ndata:\n  table: api_stopevent\n"), {
    object: "ConfigMap analytics-jobs/spark-executor-pod",
    field: "data.table",
  });
});

Deno.test("judgeTableNames finds a wrong table in commands of pg_dump and psql", () => {
  const commands = {
    "[pg_dump, -t, api_stopevent, rbsdb]": ["api_stopevent"],
    '[/usr/bin/pg_dump, "--table=stop_event", rbsdb]': ["stop_event"],
    "[pg_dump, -tstop_event, rbsdb]": ["stop_event"],
    "[pg_dump, -tstop_events, rbsdb]": [],
    '[sh, -c, "pg_dump -h db -t public.stopevents rbsdb | gzip > /tmp/a"]': ["public.stopevents"],
    '[psql, -c, "\\\\copy stop_event to a.csv"]': ["stop_event"],
    "[pg_dump, -t, stop_events, rbsdb]": [],
    "[sort, -t, stop_event]": [],
  };
  for (const [command, tables] of Object.entries(commands)) {
    const job = `apiVersion: batch/v1
kind: Job
metadata: { name: dump, namespace: analytics-jobs }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: a, image: "postgres:16.1", command: ${command} }] } } }
`;
    const { findings } = judgeTableNames(treeOf(factOf({ "job.yaml": job })))!;
    assertEquals(findings.map(({ problem }) => problem.split(" ").at(-1)), tables, command);
  }
});

Deno.test("table-name finds a name in quotes that differs only by upper case", () => {
  for (const name of ['"Stop_Events"', '"STOP_EVENTS"']) {
    assertEquals(problemsOf("sql", `SELECT * FROM ${name}`), [`the code names the table ${name}`]);
    assertEquals(problemsOf("sql", `SELECT * FROM ${name.slice(1, -1)}`), []);
    const python = `read.option("dbtable", '${name}')`;
    assertEquals(problemsOf("python", python), [`the code names the table ${name}`]);
  }
});

Deno.test("table-name does not judge the default of a variable that a job has", async () => {
  const code = {
    ...FILES,
    "job.py": 'read.option("dbtable", os.getenv("SRC_TABLE", "stop_event"))\n',
  };
  await assertFound(ID, code, { problem: "the code names the table stop_event" });
  const job = change(
    JOB,
    'name: PYTHONDONTWRITEBYTECODE\n              value: "1"',
    "name: SRC_TABLE\n              value: stop_events",
  );
  const { findings } = judgeTableNames(treeOf(factOf({ ...code, [JOB]: job[JOB]! })))!;
  assertEquals(findings, []);
});

Deno.test("judgeTableNames reads variables and arguments of a job without code", () => {
  const job = factOf({ [JOB]: FILES[JOB]! });
  const examined = "the variables and arguments of 1 workload";
  assertEquals(judgeTableNames(treeOf(job)), { examined, findings: [] });
  assertEquals(
    judgeTableNames(treeOf(factOf({ "10-quota.yaml": FILES["10-quota.yaml"]! }))),
    undefined,
  );
});

Deno.test("tableNamesIn finds the table of a dump, a copy and a truncation", () => {
  const cases = [
    ["shell", "pg_dump -t api_stopevent db > x"],
    ["shell", "pg_dump --data-only --table=public.api_stopevent db"],
    ["shell", "pg_restore -d db -t api_stopevent x"],
    ["shell", "psql -c '\\copy api_stopevent to x'"],
    ["shell", 'psql -c "COPY api_stopevent TO STDOUT"'],
    ["sql", "COPY api_stopevent (a, b) TO STDOUT;"],
    ["sql", "\\copy api_stopevent from 'x'"],
    ["sql", "TRUNCATE api_stopevent;"],
    ["sql", "SELECT count(*) FROM ONLY api_stopevent"],
    ["python", 'cur.copy_expert("COPY api_stopevent TO STDOUT", f)'],
    ["python", 'pd.read_sql_table("api_stopevent", c)'],
  ] as const;
  for (const [language, text] of cases) {
    const names = tableNamesIn({ language, file: "job", line: 1, text })
      .map((
        { name, offset },
      ) => [name.replace("public.", ""), text.slice(offset).replace(/^"/, "").startsWith(name)]);
    assertEquals([text, names], [text, [["api_stopevent", true]]]);
  }
  const prose = 'print("copy stop_event rows", "COPY the stop_event table")';
  assertEquals(tableNamesIn({ language: "python", file: "job", line: 1, text: prose }), []);
});

for (
  const [name, wanted, expected] of [
    ['"stop-events"', '"stop-events"', false],
    ['"position"', '"position"', false],
    ["a.stop_events", "a.stop_events", false],
    ['"stop-event"', '"stop-events"', true],
    ["a.stop_event", "a.stop_events", true],
    ["stopevents", '"StopEvents"', true],
  ] as const
) {
  Deno.test(`isNearMiss compares ${name} with ${wanted}`, () => {
    assertEquals(isNearMiss(name, wanted), expected);
  });
}

for (
  const [language, text] of [
    ["sql", 'SELECT * FROM app."stop-events" e'],
    ["sql", "TRUNCATE `stop-events`;"],
    ["python", `q = 'SELECT * FROM "stop-events"'`],
    ["python", String.raw`q = "SELECT * FROM \"stop-events\" WHERE id = 1"`],
    ["python", `df = spark.read.option("dbtable", '"stop-events"').load()`],
    ["python", String.raw`spark.read.option("dbtable", "(SELECT 1 FROM \"stop-events\") t")`],
    ["python", `SOURCE_TABLE = '"stop-events"'`],
    ["shell", `psql -c 'SELECT * FROM "stop-events"'`],
    ["shell", String.raw`psql -c "SELECT * FROM \"stop-events\""`],
  ] as const
) {
  Deno.test(`judgeTableNames finds a quoted table with a hyphen: ${text}`, () => {
    assertEquals(problemsOf(language, text).length, 1);
    // The table of the project, and another one.
    assertEquals(problemsOf(language, text.replace("stop-events", "stop_events")), []);
    assertEquals(problemsOf(language, text.replace("stop-events", "stop-loss")), []);
    assertEquals(problemsOf(language, text, '"stop-events"'), []);
  });
}

Deno.test("judgeTableNames leaves a text with a hyphen alone that is no quoted table", () => {
  const texts = ['TOPIC = "stop-events"', 'TABLE = "stop-events"', 'q = "SELECT a FROM t -events"'];
  assertEquals(texts.flatMap((text) => problemsOf("python", text)), []);
});

Deno.test("judgeTableNames compares OUTBOX_TABLE with the table of the project", () => {
  const other = (value: string, table: string) => [
    `OUTBOX_TABLE is ${value}, but the outbox of the project is ${table}`,
  ];
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["stop_events", "stop_events", []],
    ["Shop.Stop_Events", "shop.stop_events", []],
    ['"stop-events"', '"stop-events"', []],
    ["$(TABLE)", "stop_events", []],
    ["old.stop_events", "shop.stop_events", other("old.stop_events", "shop.stop_events")],
    ["other", "stop_events", other("other", "stop_events")],
    ["staging.other", "stop_events", other("staging.other", "stop_events")],
  ];
  const judge = (value: string, table: string) => {
    const tree = treeOf(factOf({ [JOB]: withTable(value) }));
    const project = { ...tree.project, database: { ...tree.project.database, table } };
    return judgeTableNames({ ...tree, project })!;
  };
  for (const [value, table, expected] of cases) {
    const { examined, findings } = judge(value, table);
    assertEquals([value, findings.map(({ problem }) => problem)], [value, expected]);
    assertEquals(examined, "the variables and arguments of 1 workload");
  }
  for (
    const [value, table] of [["staging.stop_events", "stop_events"], [
      "stop_events",
      "shop.stop_events",
    ]]
  ) {
    const { unchecked = [], findings } = judge(value!, table!);
    assertEquals(findings, []);
    assertStringIncludes(unchecked.join(), `not compared with ${table}`);
    assertStringIncludes(unchecked.join(), `${value} in Job`);
  }
});

Deno.test("judgeTableNames does not judge OUTBOX_TABLE of another project's job", () => {
  const judge = (namespace: string, table: string) => {
    const files = { [JOB]: withTable(table).replaceAll("analytics-jobs", namespace) };
    const { unchecked, findings } = judgeTableNames(treeOf(factOf(files)))!;
    return [findings.length, unchecked !== undefined];
  };
  assertEquals(judge("shop", "shop.orders"), [0, true]);
  assertEquals(judge("shop", "stop_event"), [0, true]);
  assertEquals(judge("analytics-jobs", "shop.orders"), [1, false]);
});

Deno.test("judgeTableNames reads the settings of Spark that name a table", () => {
  const at = "            - --conf=spark.executor.instances=1\n";
  const setting = (text: string) => ({
    [JOB]: change(JOB, at, `${at}            - ${text}\n`)[JOB]!,
  });
  for (
    const key of ["spark.executorEnv.OUTBOX_TABLE", "spark.kubernetes.driverEnv.OUTBOX_TABLE"]
  ) {
    const found = judgeTableNames(treeOf(factOf(setting(`--conf=${key}=api_stopevent`))))!;
    assertEquals(found.findings.map(({ problem }) => problem), [
      "the code names the table api_stopevent",
    ]);
    const other = judgeTableNames(treeOf(factOf(setting(`--conf=${key}=orders`))))!;
    assertEquals(other.findings.length, 1);
  }
});

for (
  const [command, expected] of [
    ['["pg_dump", "--exclude-table=stop_event", "rbsdb"]', 0],
    ['["pg_dump", "-t", "stop_event*", "rbsdb"]', 0],
    ['["sh", "-c", "pg_dump -t stop_event* rbsdb"]', 0],
    ['["pg_dump", "-t", "stop_event", "rbsdb"]', 1],
    ['["sh", "-c", "pg_dump -t stop_event rbsdb"]', 1],
  ] as const
) {
  Deno.test(`judgeTableNames reads the tables of ${command}`, () => {
    const yaml = `apiVersion: batch/v1
kind: Job
metadata: { name: dump, namespace: analytics-jobs }
spec: { template: { spec: { containers: [{ name: a, image: "postgres:16", command: ${command} }] } } }
`;
    assertEquals(judgeTableNames(treeOf(factOf({ "a.yaml": yaml })))!.findings.length, expected);
  });
}

for (
  const [value, problem] of [
    ["stop events", "stop events needs double quotes"],
    ["db.public.stop_events", ""],
    ["1stop_events", ""],
    ['"stop_events', ""],
  ] as const
) {
  Deno.test(`judgeTableNames says why no table has the name ${value}`, () => {
    const [found, ...others] =
      judgeTableNames(treeOf(factOf({ [JOB]: withTable(value) })))!.findings;
    assertEquals(others, []);
    assertStringIncludes(found!.problem, `OUTBOX_TABLE is ${value}, which is no name of a table: `);
    assertStringIncludes(found!.problem, problem);
  });
}

/** The Job with a value of OUTBOX_TABLE. */
function withTable(value: string): string {
  const at = 'name: PYTHONDONTWRITEBYTECODE\n              value: "1"';
  return change(JOB, at, `name: OUTBOX_TABLE\n              value: '${value}'`)[JOB]!;
}

Deno.test("judgeTableNames compares the default in the jobs' code with the table of the project", () => {
  const code = 'import os\nOUTBOX_TABLE = "stop_events"\nTABLE = os.environ.get("OUTBOX_TABLE")\n';
  const judge = (table: string, job: string) => {
    const tree = treeOf(factOf({ [JOB]: job, "image/jobs/own.py": code }));
    const project = { ...tree.project, database: { ...tree.project.database, table } };
    return judgeTableNames({ ...tree, project })!.findings
      .map(({ severity, problem }) => `${severity}: ${problem}`);
  };
  // A near name is a typo. The variable of the Job counts more than the default.
  assertEquals(judge("stop_event", FILES[JOB]!), ["fail: the code names the table stop_events"]);
  assertEquals(judge("stop_event", withTable("stop_event")), []);
  assertEquals(judge("orders.history", FILES[JOB]!), [
    "warn: a job without OUTBOX_TABLE copies stop_events, but the outbox of the project is " +
    "orders.history",
  ]);
  assertEquals(judge("orders.history", withTable("orders.history")), []);
  assertEquals(judge("stop_events", FILES[JOB]!), []);
});

Deno.test("judgeTableNames prints the table of the project as YAML reads it", () => {
  const table = `orders."Trader's Events"`;
  const code = 'import os\nOUTBOX_TABLE = "stop_events"\nTABLE = os.environ.get("OUTBOX_TABLE")\n';
  const tree = treeOf(factOf({ "image/jobs/own.py": code }));
  const project = { ...tree.project, database: { ...tree.project.database, table } };
  const [finding] = judgeTableNames({ ...tree, project })!.findings;
  const [, variables] = finding!.fix.split(/:\n(?=- )/);
  assertEquals(parse(variables!), [{ name: "OUTBOX_TABLE", value: table }]);
});
