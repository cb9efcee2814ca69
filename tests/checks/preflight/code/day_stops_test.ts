import { assert, assertEquals } from "../../../support/assert.ts";
import { assertFound, change, FILES, judgeFiles, LOOKALIKE } from "../../healthy/manifests.ts";
import { scripted } from "./scripted_job.ts";

const ID = "timestamp-env";

Deno.test("timestamp-env says where a script stops itself, and what to set", async () => {
  const shell = [
    [': "${JOB_DATE:?}"', 0],
    ['[ -z "$JOB_DATE" ] && exit 1', 0],
    ['if [ -z "$JOB_DATE" ]; then\n  echo no\n  exit 2\nfi', 2],
    ['test -n "$JOB_DATE" || die "no day"', 0],
  ] as const;
  for (const [script, line] of shell) {
    const results = await judgeFiles(scripted(script));
    const [finding] = results.find(({ id }) => id === ID)!.findings;
    const stop = script.split("\n")[line]!.trim();
    assertEquals(finding!.problem, "the script itself stops without JOB_DATE");
    assert(finding!.why!.endsWith(`line ${finding!.line} ends the job: ${stop}`), finding!.why);
    assert(finding!.fix.startsWith("Set JOB_DATE in the env of the Job"), finding!.fix);
  }
  const python = [
    ['day = os.environ.get("JOB_DATE")\n    if not day:\n        sys.exit("no day")', 16],
    ['day = os.environ.get("JOB_DATE") or sys.exit(2)', 14],
    ['assert "JOB_DATE" in os.environ', 14],
    ['if "JOB_DATE" not in os.environ:\n        raise SystemExit(2)', 15],
  ] as const;
  for (const [code, line] of python) {
    const files = change(LOOKALIKE, 'day = os.environ.get("JOB_DATE") or today()', code);
    await assertFound(ID, files, {
      severity: "fail",
      line,
      problem: "the script itself stops without JOB_DATE",
    });
  }
});

Deno.test("timestamp-env lists reads of the day that it does not follow", async () => {
  for (
    const code of [
      'day = resolve(os.environ.get("JOB_DATE"))',
      'day = os.environ.get("JOB_DATE")\n    run(day)',
      'env = Env(os.environ)\n    day = env["JOB_DATE"]',
      'missing = {"JOB_DATE"} - set(os.environ)',
      'day = Template("$JOB_DATE").substitute(os.environ)',
    ]
  ) {
    const files = change(LOOKALIKE, 'day = os.environ.get("JOB_DATE") or today()', code);
    const { findings, notJudged = [] } = (await judgeFiles(files)).find(({ id }) => id === ID)!;
    assertEquals([code, findings.length, notJudged.length], [code, 0, 1]);
    assert(notJudged[0]!.object.startsWith(`JOB_DATE in manifests/${LOOKALIKE}, line 1`));
  }
});

Deno.test("timestamp-env judges the words of a command that no shell reads", async () => {
  const env = 'env: [{ name: JOB_DATE, value: "2025-12-28" }]';
  const map = (prefix: string) => `envFrom: [{ prefix: "${prefix}", configMapRef: { name: day } }]`;
  const submit = (word: string) => `command: [spark-submit, local:///a.py, "${word}"]`;
  for (
    const [container, expected] of [
      [submit("--date=$(date +%F)"), ["fail"]],
      [submit("--date=`date +%F`"), ["fail"]],
      [submit("--date=$$(date +%F)"), ["fail"]],
      [`${submit("--date=$$(JOB_DATE)")}\n${env}`, ["fail"]],
      [`${submit("--date=$(JOB_DATE)")}\n${env}`, []],
      [submit("--date=$(JOB_DATE)"), ["fail"]],
      [`${submit("--date=$(X_JOB_DATE)")}\n${map("X_")}`, []],
      [`${submit("--date=$(JOB_DATE)")}\n${map("X_")}`, ["fail"]],
      [submit("--query=select `date` from t"), []],
      ["command: [sh, /run.sh, '$(date +%F)']", ["fail"]],
      ["command: [bash, -x, 'run $(date +%F)']", ["fail"]],
      ["command: [env, -S, bash -c 'spark-submit a.py --date=$(date +%F)']", []],
      ["command: [tini, --, bash, -c, 'spark-submit a.py --date=$(date +%F)']", []],
      ["command: [tini, --, spark-submit, a.py, '--date=$(date +%F)']", ["fail"]],
      ["command: [env, 'JOB_DATE=$(date +%F)', spark-submit, a.py]", ["fail"]],
      ["command: [sh, -c, 'exec \"$@\"', sh, spark-submit, '--date=$(date +%F)']", ["fail"]],
    ] as const
  ) {
    const job = `apiVersion: batch/v1
kind: Job
metadata: { name: other, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: spark
          image: example.com/spark:3.5.8
${container.replace(/^/gm, "          ")}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: day, namespace: analytics-jobs }
data: { JOB_DATE: "2025-12-28" }
`;
    const results = await judgeFiles({ ...FILES, "other.yaml": job });
    const found = results.find(({ id }) => id === ID)!.findings.map(({ severity }) => severity);
    assertEquals([container, found], [container, expected]);
  }
});
