import { assertFound, change, FILES } from "../../healthy/manifests.ts";

const ID = "timestamp-env";
const OBJECT = "Job analytics-jobs/bronze";
const GREETING = '"$(POD_IP) costs $$5"';
const field = "spec.template.spec.containers[0].env[1].value";
const value = (text: string) => change("job.yaml", GREETING, text);
const jobDate = (text: string) =>
  change(
    "job.yaml",
    `name: GREETING\n              value: ${GREETING}`,
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
  // The Secret that envFrom names could have any key, so there it is taken away.
  Deno.test(`timestamp-env fails for a value with ${text}`, async () => {
    const files = value(text);
    const job = files["job.yaml"]!.replace(
      "envFrom:\n            - secretRef: {name: db}",
      "envFrom: []",
    );
    await assertFound(ID, { ...files, "job.yaml": job }, {
      ...{ severity: "fail", object: OBJECT, field, file: "manifests/job.yaml", line: 33 },
      problem: `the value of GREETING ${problem}`,
    });
  });
}

Deno.test("timestamp-env takes escapes, and dollars that no shell would expand", async () => {
  for (
    const text of ["$$(date +%F)", "costs $5", "5$", "'$$$$HOME'", "$(KUBERNETES_SERVICE_HOST)"]
  ) {
    await assertFound(ID, value(text));
  }
});

Deno.test("timestamp-env does not show the value of what sounds like a secret", async () => {
  const files = change(
    "job.yaml",
    `name: GREETING\n              value: ${GREETING}`,
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
    await assertFound(ID, jobDate(text), { object: OBJECT, field, problem });
  });
}

Deno.test("timestamp-env takes a real day, with quotes or without", async () => {
  for (const day of ["2025-12-28", "today", "yesterday"]) await assertFound(ID, jobDate(day));
  await assertFound(ID, jobDate('"2024-02-29"'));
});

Deno.test("timestamp-env looks into init containers and CronJobs", async () => {
  const init = `initContainers:
        - name: wait
          image: busybox:1.36
          env: [{name: DAY, value: $(date)}]
          resources: {limits: {cpu: 1m, memory: 1Mi}}
      containers:`;
  await assertFound(ID, change("job.yaml", "containers:", init), {
    field: "spec.template.spec.initContainers[0].env[0].value",
  });
  const cron = jobDate("$(date)")["job.yaml"]!.replace("kind: Job", "kind: CronJob")
    .replace("spec:\n  template:", "spec:\n  schedule: 0 1 * * *\n  jobTemplate: {spec: {template:")
    .replace(/template:\n {4}spec:[\s\S]*$/, (text) => text);
  const indented = cron.replace(
    /jobTemplate: \{spec: \{template:\n([\s\S]*)$/,
    (_, rest: string) => `jobTemplate:\n    spec:\n      template:\n${rest.replace(/^/gm, "    ")}`,
  );
  await assertFound(ID, { ...FILES, "job.yaml": indented }, {
    object: "CronJob analytics-jobs/bronze",
    field: "spec.jobTemplate.spec.template.spec.containers[0].env[1].value",
  });
});

Deno.test("timestamp-env looks into ConfigMaps that are environments", async () => {
  const map = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: analytics-jobs}
data: {JOB_DATE: $(date +%F), script.sh: echo $(date)}
`;
  const files = change("job.yaml", "- secretRef: {name: db}", "- configMapRef: {name: settings}");
  await assertFound(ID, { ...files, "settings.yaml": map }, {
    ...{ object: "ConfigMap analytics-jobs/settings", field: "data.JOB_DATE" },
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
      "image/jobs/bronze.py",
      'day = os.environ.get("JOB_DATE") or today()',
      code,
    );
    await assertFound(ID, files, {
      ...{
        file: "manifests/image/jobs/bronze.py",
        line: 14,
        problem: "JOB_DATE is read without a default",
      },
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
      change("image/jobs/bronze.py", 'day = os.environ.get("JOB_DATE") or today()', code),
    );
  });
}
