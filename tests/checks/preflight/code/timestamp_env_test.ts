import {
  assertFound,
  change,
  FILES,
  JOB,
  JOB_ID,
  lineOf,
  LOOKALIKE,
} from "../../healthy/manifests.ts";

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

Deno.test("timestamp-env does not show the value of a variable that may be a secret", async () => {
  const files = change(
    JOB,
    PORT,
    "name: API_TOKEN\n              value: Tr0ub4dor!x$abc",
  );
  await assertFound(ID, files, { problem: "the value of API_TOKEN contains a shell variable," });
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
    'day = parse(os.environ.get("JOB_DATE"))',
    'day = os.environ.get("JOB_DATE")\n    if not day:\n        raise ValueError',
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
  ]
) {
  Deno.test(`timestamp-env takes the fallback of ${JSON.stringify(code)}`, async () => {
    await assertFound(
      ID,
      change(LOOKALIKE, 'day = os.environ.get("JOB_DATE") or today()', code),
    );
  });
}
