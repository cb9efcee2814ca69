import { assert, assertEquals } from "../../../support/assert.ts";
import {
  assertFound,
  change,
  FILES,
  JOB,
  JOB_ID,
  judgeFiles,
  lineOf,
  LOOKALIKE,
} from "../../healthy/manifests.ts";
import { scripted } from "./scripted_job.ts";

const ID = "timestamp-env";
const PORT = 'name: DJANGO_DB_PORT\n              value: "5432"';
const field = "spec.template.spec.containers[0].env[3].value";
const value = (text: string) =>
  change(JOB, PORT, `name: DJANGO_DB_PORT\n              value: ${text}`);
const jobDate = (text: string) =>
  change(
    JOB,
    PORT,
    `name: JOB_DATE\n              value: ${text}`,
  );

for (
  const [text, problem] of [
    ["$(date +%F)", "contains a shell command, $(date +%F)"],
    ["$(date)", "contains a shell command, $(date)"],
    ["'`date +%F`'", "contains a shell command, `date +%F`"],
    ["${DAY}", "contains a shell variable, ${DAY}"],
    ["${DAY:-today}", "contains a shell variable, ${DAY:-today}"],
    ["a $HOME", "contains a shell variable, $HOME"],
    [
      "$(DJANGO_DB_PASSWORD)",
      "contains the reference $(DJANGO_DB_PASSWORD), but that variable is declared later",
    ],
  ] as const
) {
  Deno.test(`timestamp-env fails for a value with ${text}`, async () => {
    await assertFound(ID, value(text), {
      severity: "fail",
      object: JOB_ID,
      field,
      file: `manifests/${JOB}`,
      line: lineOf(JOB, 'value: "5432"'),
      problem: `the value of DJANGO_DB_PORT ${problem}`,
    });
  });
}

Deno.test("timestamp-env accepts escapes, and dollar signs that no shell expands", async () => {
  for (
    const text of ["$$(date +%F)", "costs $5", "5$", "'$$$$HOME'", "$(KUBERNETES_SERVICE_HOST)"]
  ) {
    await assertFound(ID, value(text));
  }
});

for (
  const text of [
    "$apr1$Zm9v$0123456789abcdef",
    "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    "$6$rounds=5000$saltSALT$HASHhash",
    "admin:$apr1$x$HASH",
    "$argon2id$v=19$m=65536,t=3,p=4$ABCD$EFGH",
    "$ecret1",
    "Pa$Word9",
    "US$AMOUNT",
    "$1,000",
    "^foo$|^bar$",
    "${env:HOME}/logs",
    "${user.name}",
    "postgres://me:p$ecret1@db/x",
  ]
) {
  Deno.test(`timestamp-env accepts a value with characters of a shell: ${text}`, async () => {
    await assertFound(ID, value(`'${text}'`));
  });
}

Deno.test("timestamp-env accepts scripts and patterns in variables", async () => {
  for (const name of ["INIT_SCRIPT", "LOG_PATTERN", "HEALTH_CMD"]) {
    const files = change(
      JOB,
      PORT,
      `name: ${name}\n              value: echo \${HOME} $(date +%F)`,
    );
    await assertFound(ID, files);
  }
});

for (
  const [text, problem] of [
    ["'Tr0ub4dor!x$abc'", undefined],
    ["'x$ABC9'", undefined],
    ["'p`a`q'", "the value of API_TOKEN contains a shell command,"],
    ["'a$(b c)d'", "the value of API_TOKEN contains a shell command,"],
    ["'pa$$word'", "the value of API_TOKEN contains $$"],
  ] as const
) {
  Deno.test(`timestamp-env only warns about a secret, and does not show it: ${text}`, async () => {
    const files = change(JOB, PORT, `name: API_TOKEN\n              value: ${text}`);
    const found = await assertFound(
      ID,
      files,
      ...problem ? [{ severity: "warn", problem } as const] : [],
    );
    assert(!JSON.stringify(found).includes(text.slice(1, -1)));
  });
}

const SUBMIT = "            - local:///opt/deep-storage/jobs/bronze_ingest.py\n";
const argument = (text: string) => change(JOB, SUBMIT, `${SUBMIT}            - ${text}\n`);
const NOT_DECLARED = ", but no such variable is declared";

for (
  const [text, problem] of [
    ["--date=$(date +%F)", "contains a shell command, $(date +%F)"],
    ["--date=$(date -u -d yesterday +%F)", "contains a shell command, $(date -u -d yesterday +%F)"],
    ["--date=$(JOB_DATE)", `contains the reference $(JOB_DATE)${NOT_DECLARED}`],
    ["'--date=`date +%F`'", "contains a shell command, `date +%F`"],
    ["--date=${JOB_DATE}", "contains a shell variable, ${JOB_DATE}"],
    ["--date=${JOB_DATE:-today}", "contains a shell variable, ${JOB_DATE:-today}"],
    ["--date=${date}", "contains a shell variable, ${date}"],
    ["--date=$JOB_DATE", "contains a shell variable, $JOB_DATE"],
    ["--conf=spark.app.name=bronze-$(date +%s)", "contains a shell command, $(date +%s)"],
    ["--conf=spark.driver.host=$(MY_IP)", `contains the reference $(MY_IP)${NOT_DECLARED}`],
  ] as const
) {
  Deno.test(`timestamp-env fails for an argument that no shell reads: ${text}`, async () => {
    await assertFound(ID, argument(text), {
      severity: "fail",
      object: JOB_ID,
      problem: `the argument ${problem}`,
    });
  });
}

Deno.test("timestamp-env accepts arguments that only look like a shell's", async () => {
  for (
    const text of [
      "--name=$(POD_NAME)",
      "--text=$$(date +%F)",
      "'--query=select `a` from t where b = \"$x\"'",
      "'--pattern=^foo$'",
      "--conf=spark.ui.prometheus.path=${user.name}",
      "--conf=spark.x=${env:HOME}",
      "--path=$.items[0]",
      "--host=$(KUBERNETES_SERVICE_HOST)",
    ]
  ) await assertFound(ID, argument(text));
});

Deno.test("timestamp-env tells the script of a shell from its arguments", async () => {
  const run = (command: string) => {
    const args = FILES[JOB]!.slice(
      FILES[JOB]!.indexOf("          command:"),
      FILES[JOB]!.indexOf("          env:\n"),
    );
    return change(JOB, args, `          command: ${command}\n`);
  };
  const told = async (command: string) => {
    const results = await judgeFiles(run(command));
    return results.find(({ id }) => id === ID)!.findings.map(({ problem }) => problem);
  };
  for (
    const command of [
      '[sh, -c, "echo $(date +%F)"]',
      '[/bin/bash, -euo, pipefail, -c, "run --date=$(date +%F)"]',
      '[bash, -lc, "echo ${DAY:-x} $HOME"]',
      '[/usr/bin/env, bash, -c, "echo `date +%F`"]',
      '[tini, --, sh, -ec, "echo $(POD_NAME)"]',
      '[su, spark, -c, "echo $(date +%F)"]',
      "[python3, -c, \"import os; os.system('echo $(date +%F)')\"]",
    ]
  ) assertEquals([command, await told(command)], [command, []]);
  for (
    const command of [
      '[sh, /opt/run.sh, "--date=$(date +%F)"]',
      '[/opt/entrypoint.sh, driver, "--date=$(date +%F)"]',
      '[sh, -c, "exec run \\"$@\\"", --, "--date=$(date +%F)"]',
      '[spark-submit, -c, "spark.app.name=x-$(date +%F)", job.py]',
    ]
  ) {
    assertEquals([command, await told(command)], [command, [
      "the argument contains a shell command, $(date +%F)",
    ]]);
  }
  assertEquals(await told('[sh, -c, "run --date=$(JOB_DAY)"]'), [
    "the script contains the reference $(JOB_DAY), but no such variable is declared",
  ]);
});

for (
  const [text, problem] of [
    ["2025-02-30", 'JOB_DATE is "2025-02-30", which is not a date'],
    ["tomorrow", 'JOB_DATE is "tomorrow", which is not a date'],
    ['""', 'JOB_DATE is "", which is not a date'],
    ["28.12.2025", 'JOB_DATE is "28.12.2025", which is not a date'],
    ["$(date +%F)", "the value of JOB_DATE contains a shell command, $(date +%F)"],
  ] as const
) {
  Deno.test(`timestamp-env fails for the day ${text}`, async () => {
    await assertFound(ID, jobDate(text), { object: JOB_ID, field, problem });
  });
}

Deno.test("timestamp-env takes a real day, with quotes or without", async () => {
  for (const day of ["2025-12-28", "today", "yesterday"]) await assertFound(ID, jobDate(day));
  await assertFound(ID, jobDate('"2024-02-29"'));
});

Deno.test("timestamp-env reads init containers and CronJobs", async () => {
  const init = `initContainers:
        - name: wait
          image: busybox:1.36
          env: [{name: DAY, value: $(date)}]
          resources: {limits: {cpu: 1m, memory: 1Mi}}
      containers:`;
  await assertFound(ID, change(JOB, "containers:", init), {
    field: "spec.template.spec.initContainers[0].env[0].value",
  });
  const [head, spec] = jobDate("$(date)")[JOB]!.split("\nspec:\n") as [string, string];
  const cron = `${head.replace("kind: Job", "kind: CronJob")}
spec:
  schedule: 0 1 * * *
  jobTemplate:
    spec:
${spec.replace(/^/gm, "    ")}`;
  await assertFound(ID, { ...FILES, [JOB]: cron }, {
    object: "CronJob analytics-jobs/bronze-ingest-manual",
    field: "spec.jobTemplate.spec.template.spec.containers[0].env[3].value",
  });
});

Deno.test("timestamp-env reads ConfigMaps that are environments", async () => {
  const map = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: analytics-jobs}
data: {JOB_DATE: $(date +%F), script.sh: echo $(date)}
`;
  const files = change(
    JOB,
    "          env:\n",
    "          envFrom: [{configMapRef: {name: settings}}]\n          env:\n",
  );
  await assertFound(ID, { ...files, "settings.yaml": map }, {
    object: "ConfigMap analytics-jobs/settings",
    field: "data.JOB_DATE",
  });
});

for (
  const code of [
    'day = os.environ["JOB_DATE"]',
    'day = date.fromisoformat(os.environ.get("JOB_DATE"))',
    'day = os.environ.get("JOB_DATE").strip()',
    'day = os.environ.get("JOB_DATE")\n    return day.split("-")',
  ]
) {
  Deno.test(`timestamp-env fails for a day without a fallback: ${JSON.stringify(code)}`, async () => {
    const files = change(
      LOOKALIKE,
      'day = os.environ.get("JOB_DATE") or today()',
      code,
    );
    await assertFound(ID, files, {
      file: `manifests/${LOOKALIKE}`,
      line: 14,
      problem: "JOB_DATE is read without a default",
    });
  });
}

for (
  const code of [
    'day = os.environ.get("JOB_DATE", today())',
    'day = os.getenv("JOB_DATE")\n    if day is None or ok(day):\n        return day',
    'day = os.environ.get("JOB_DATE")\n    day = day or today()',
    'day = os.environ["JOB_DATE"] if "JOB_DATE" in os.environ else today()',
    'day = os.environ["JOB_DATE"] if "JOB_DATE" in os.environ.keys() else today()',
    'if os.environ.get("JOB_DATE"):\n        day = os.environ["JOB_DATE"]',
    'day = os.environ["JOB_DATE"] if os.getenv("JOB_DATE") else today()',
    'match os.environ.get("JOB_DATE"):\n        case None:\n            day = today()',
    'unused = os.environ.get("JOB_DATE")',
    'monkeypatch.setenv("JOB_DATE", "today")\n    day = os.environ["JOB_DATE"]',
  ]
) {
  Deno.test(`timestamp-env takes the fallback of ${JSON.stringify(code)}`, async () => {
    await assertFound(
      ID,
      change(LOOKALIKE, 'day = os.environ.get("JOB_DATE") or today()', code),
    );
  });
}

async function verdictOf(files: Record<string, string>): Promise<string[]> {
  const results = await judgeFiles(files);
  return results.find(({ id }) => id === ID)!.findings.map(({ severity }) => severity);
}

Deno.test("timestamp-env fails for a script only if an unset JOB_DATE stops the script", async () => {
  const cases = [
    ['set -eo pipefail; echo "${JOB_DATE}"', []],
    ['set -euo pipefail; echo "${JOB_DATE}"', ["fail"]],
    ['set -u\n: "${JOB_DATE:=$(date -u +%F)}"\necho "$JOB_DATE"', []],
    ['set -u\nexport JOB_DATE="${JOB_DATE:-$(date -u +%F)}"\nrun "$JOB_DATE"', []],
    [': "${JOB_DATE:?}"', ["fail"]],
    ['spark-submit job.py --date "$JOB_DATE"', ["warn"]],
    ["spark-submit job.py --job-date=$JOB_DATE", ["warn"]],
    ['spark-submit job.py --date "${JOB_DATE:-$(date -u +%F)}"', []],
  ] as const;
  for (const [script, expected] of cases) {
    assertEquals([script, await verdictOf(scripted(script))], [script, expected]);
  }
});

Deno.test("timestamp-env knows the options of the shell that runs a script", async () => {
  const script = 'echo "$JOB_DATE"';
  assertEquals(await verdictOf(scripted(script, "", "bash, -euc")), ["fail"]);
  assertEquals(await verdictOf(scripted(script, "", "bash, -euo, pipefail, -c")), ["fail"]);
  assertEquals(await verdictOf(scripted(script, "", "bash, -o, nounset, -c")), ["fail"]);
  assertEquals(await verdictOf(scripted(script, "", "bash, -eo, pipefail, -c")), []);
  assertEquals(await verdictOf(scripted(`#!/bin/sh -u\n${script}`)), []);
});

Deno.test("timestamp-env accepts code without a default if the job sets JOB_DATE", async () => {
  const script = 'set -u\necho "$JOB_DATE"';
  const env = (entry: string) => {
    const files = scripted(script);
    return { ...files, [JOB]: files[JOB]!.replace("          env:\n", `          env:\n${entry}`) };
  };
  assertEquals(await verdictOf(env('            - { name: JOB_DATE, value: "2025-12-28" }\n')), []);
  const field = "{ fieldRef: { fieldPath: \"metadata.annotations['day']\" } }";
  assertEquals(await verdictOf(env(`            - { name: JOB_DATE, valueFrom: ${field} }\n`)), []);
  const from = (name: string) => `          envFrom: [{ configMapRef: { name: ${name} } }]\n`;
  const map = (key: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: day, namespace: analytics-jobs }\n` +
    `data: { ${key}: "2025-12-28" }\n`;
  const inherited = scripted(script, from("day"));
  assertEquals(await verdictOf({ ...inherited, "day.yaml": map("JOB_DATE") }), []);
  assertEquals(await verdictOf({ ...inherited, "day.yaml": map("OTHER") }), ["fail"]);
  assertEquals(await verdictOf(scripted(`. /shared/env\n${script}`)), []);
});

Deno.test("timestamp-env accepts Python whose shell exports JOB_DATE before", async () => {
  const python = "import os\nprint(os.environ['JOB_DATE'])";
  const run = (before: string) => scripted(`${before}\npython3 - <<'EOF'\n${python}\nEOF`);
  assertEquals(await verdictOf(run("export JOB_DATE=$(date -u +%F)")), []);
  assertEquals(await verdictOf(run("echo")), ["fail"]);
});

Deno.test("timestamp-env knows on which paths a script sets JOB_DATE for itself", async () => {
  for (
    const [script, expected] of [
      ["if test -f /y; then JOB_DATE=x; fi", ["warn"]],
      ["test -f /y && JOB_DATE=x", ["warn"]],
      ['if [ "${MODE:-}" = backfill ]; then JOB_DATE=x; fi', ["warn"]],
      ["if test -f /y; then . /shared/env; fi", ["warn"]],
      ["JOB_DATE=x", []],
      ["if test -f /y; then JOB_DATE=x; else JOB_DATE=y; fi", []],
      ["read -r JOB_DATE < /day", []],
    ] as const
  ) {
    const found = await verdictOf(scripted(`set -eu\n${script}\nspark-submit a.py "\${JOB_DATE}"`));
    assertEquals([script, found], [script, expected]);
  }
});

Deno.test("timestamp-env judges the variables that Spark gives to its pods", async () => {
  const application = `apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: { name: a, namespace: etl }
spec:
  type: Python
  mode: cluster
  sparkVersion: 3.5.8
  image: apache/spark:3.5.8
  mainApplicationFile: local:///a.py
  driver: { serviceAccount: spark }
  executor:
    env:
      - name: JOB_DATE
        value: $(date +%F)
`;
  const found = async (files: Record<string, string>) =>
    (await judgeFiles(files)).find(({ id }) => id === ID)!.findings.map(({ field, problem }) =>
      `${field}: ${problem}`
    );
  assertEquals(await found({ "a.yaml": application }), [
    "spec.executor.env[0].value: the value of JOB_DATE contains a shell command, $(date +%F)",
  ]);
  const defaults = `apiVersion: v1
kind: ConfigMap
metadata: { name: spark-executor-pod, namespace: analytics-jobs }
data:
  spark-defaults.conf: |
    spark.executorEnv.JOB_DATE  \`date\`
`;
  const [problem] = await found({ ...FILES, "40-executor-pod.yaml": defaults });
  assertEquals(
    problem,
    "data.spark-defaults.conf: the value of JOB_DATE contains a shell command, `date`",
  );
});

Deno.test("timestamp-env does not require a default for JOB_DATE in other projects", async () => {
  const job = (namespace: string) =>
    `apiVersion: batch/v1
kind: CronJob
metadata: { name: report, namespace: ${namespace} }
spec:
  schedule: "0 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - { name: a, image: example.com/report, command: [sh, -c, 'set -u; run "$JOB_DATE"'] }
`;
  assertEquals(await verdictOf({ ...FILES, "report.yaml": job("robson") }), []);
  assertEquals(await verdictOf({ ...FILES, "report.yaml": job("analytics-jobs") }), ["fail"]);
});

Deno.test("timestamp-env judges the day that a reference in JOB_DATE stands for", async () => {
  const judge = async (day: string) => {
    const env = `name: DAY\n              value: "${day}"\n            - name: JOB_DATE\n` +
      "              value: $(DAY)";
    const results = await judgeFiles(change(JOB, PORT, env));
    return results.find(({ id }) => id === ID)!.findings.map(({ problem }) => problem);
  };
  assertEquals(await judge("2025-01-01"), []);
  assertEquals(await judge("soon"), ['JOB_DATE is "soon", from "$(DAY)", which is not a date']);
});

Deno.test("timestamp-env fails for a placeholder that stands for a day", async () => {
  for (
    const [text, placeholder] of [
      ["--date=YYYY-MM-DD", "YYYY-MM-DD"],
      ["'--date={{ ds }}'", "{{ ds }}"],
      ["--date=<date>", "<date>"],
      ["--run-date=REPLACE_ME", "REPLACE_ME"],
      ["--day=@DATE@", "@DATE@"],
      ["'{{ ds }}'", "{{ ds }}"],
      ["yyyy-mm-dd", "yyyy-mm-dd"],
      ["--path=s3a://lake/date=<date>/", "<date>"],
    ] as const
  ) {
    await assertFound(ID, argument(text), {
      severity: "fail",
      object: JOB_ID,
      problem: `the argument contains the placeholder ${placeholder}`,
    });
  }
  await assertFound(ID, argument("--date=2025-02-30"), {
    problem: "the argument contains 2025-02-30, which is not a date",
  });
  await assertFound(ID, argument("--date=$1"), {
    problem: "the argument contains an argument of a shell script, $1",
  });
  const variable = (name: string) =>
    change(JOB, PORT, `name: ${name}\n              value: YYYY-MM-DD`);
  await assertFound(ID, variable("RUN_DATE"), {
    field,
    problem: "the value of RUN_DATE contains the placeholder YYYY-MM-DD",
  });
  await assertFound(ID, variable("DATE_FORMAT"));
});

Deno.test("timestamp-env accepts days, formats and templates of other things", async () => {
  for (
    const text of [
      "--date=2025-12-28",
      "--date=today",
      "--date-format=YYYY-MM-DD",
      "'--pattern=(?<date>[0-9]+)'",
      "'--template={{.Name}}'",
      "--name=TODO",
    ]
  ) await assertFound(ID, argument(text));
});
