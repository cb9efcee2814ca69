import { assert, assertEquals } from "../../../support/assert.ts";
import { assertFound, change, FILES, judgeFiles, LOOKALIKE } from "../../healthy/manifests.ts";
import { scripted } from "./scripted_job.ts";

const ID = "timestamp-env";

/** The beginning of a Job, up to the fields of its pod. */
const JOB_HEAD = `apiVersion: batch/v1
kind: Job
metadata: { name: other, namespace: analytics-jobs }
spec:
  template:
    spec:
      restartPolicy: Never
`;

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

Deno.test("timestamp-env lists Python in a command of a script as not judged", async () => {
  for (
    const [script, expected] of [
      [`python3 -c "import os; print(os.environ['JOB_DATE'])" || echo none`, 1],
      [`python3 -uc 'import os; print(os.environ["JOB_DATE"])'`, 1],
      [`python3 -c "import os; print(os.getenv(\\"JOB_DATE\\").upper())"`, 1],
      [`python3 -c "import os; print(os.environ.get('JOB_DATE', 'x'))"`, 0],
      [`python3 -c "import os; print(os.environ['OTHER'])"\necho JOB_DATE`, 0],
      [`export JOB_DATE=x\npython3 /opt/a.py`, 0],
    ] as const
  ) {
    const result = (await judgeFiles(scripted(script))).find(({ id }) => id === ID)!;
    const { findings, notJudged = [] } = result;
    assertEquals([script, findings.length, notJudged.length], [script, 0, expected]);
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
      [submit("--date=$(date -d yesterday +%F)"), ["fail"]],
      [submit("--date=$((1+1))"), ["fail"]],
      [submit("--date=${JOB_DATE}"), ["fail"]],
      [submit("--date={{ ds }}"), ["fail"]],
      [submit("--pattern=^a$"), []],
      [submit("--where=price > $5"), []],
      [`command: [spark-submit, local:///a.py, --date, "$(JOB_DATE)"]\n${env}`, []],
      ["args: [--date, '`date +%F`']", ["fail"]],
      ["command: [/bin/bash, -lc, 'exec spark-submit a.py --date \"$(date +%F)\"']", []],
      ["command: [sh, -c, 'spark-submit \"$@\"', --, a.py, '--date=$(date +%F)']", ["fail"]],
      ["command: [spark-submit, --conf, 'spark.executorEnv.DAY=$(date +%F)', a.py]", ["fail"]],
      ["command: [python3, -c, \"print('$(date)')\"]", []],
      ["command: [su, spark, -c, 'spark-submit a.py --date=$(date +%F)']", []],
      ["command: [timeout, '600', spark-submit, a.py, '--date=$(date +%F)']", ["fail"]],
      ["command: [bash, -c, 'spark-submit a.py --date=$(DAY)']", ["fail"]],
      ["command: [env, 'JOB_DATE=$(date +%F)', spark-submit, a.py]", ["fail"]],
      ["command: [sh, -c, 'exec \"$@\"', sh, spark-submit, '--date=$(date +%F)']", ["fail"]],
    ] as const
  ) {
    const job = `${JOB_HEAD}      containers:
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

Deno.test("timestamp-env knows how each script of a job is started", async () => {
  const echo = 'echo "$JOB_DATE"';
  for (
    const [command, script, expected] of [
      // A script in the words of env, which env splits.
      [`[env, -S, "bash -euc 'echo $JOB_DATE'"]`, "", ["fail"]],
      ["[env, -S, bash -euc, 'echo $JOB_DATE']", "", ["fail"]],
      ["[env, -i, '-Sbash -euc', 'echo $JOB_DATE']", "", ["fail"]],
      ["[env, '--split-string=bash -euc', 'echo $JOB_DATE']", "", ["fail"]],
      [`[env, -S, "bash -ec 'echo $JOB_DATE'"]`, "", []],
      ["[env, -S, bash -euc, 'echo ${JOB_DATE:-x}']", "", []],
      ["[env, -S, 'spark-submit a.py --day=${DAY}']", "", []],
      ["[env, -S, 'spark-submit a.py --day=${OTHER}']", "", ["fail"]],
      // A script of a ConfigMap, in a shell of its own, or in the shell that reads it.
      ["[bash, -u, /scripts/run.sh]", echo, ["fail"]],
      ["[bash, /scripts/run.sh]", echo, []],
      ["[bash, /scripts/run.sh]", `#!/bin/bash -u\n${echo}`, []],
      ["[/scripts/run.sh]", `#!/bin/bash -u\n${echo}`, ["fail"]],
      ["[sh, -c, 'bash -u /scripts/run.sh']", echo, ["fail"]],
      ["[sh, -c, 'exec bash -eu -o pipefail /scripts/run.sh']", echo, ["fail"]],
      ["[sh, -euc, /scripts/run.sh]", echo, []],
      ["[sh, -euc, 'exec /scripts/run.sh']", echo, []],
      ["[sh, -euc, 'exec /scripts/run.sh']", `#!/bin/sh -u\n${echo}`, ["fail"]],
      ["[sh, -euc, '. /scripts/run.sh']", echo, ["fail"]],
      ["[sh, -c, 'set -eu; . /scripts/run.sh']", echo, ["fail"]],
      ["[sh, -c, '. /scripts/run.sh']", echo, []],
      ["[bash, -eu, /scripts/other.sh]", echo, ["fail"]],
      // A script in the text that a shell reads.
      ["[bash, /scripts/run.sh]", `bash -u <<'EOF'\n${echo}\nEOF`, ["fail"]],
      ["[bash, /scripts/run.sh]", `set -e\nbash -u <<'EOF'\n${echo}\nEOF`, ["fail"]],
      ["[bash, /scripts/run.sh]", `set -eu\nbash <<'EOF'\n${echo}\nEOF`, []],
    ] as const
  ) {
    const job = (name: string, run: string) =>
      `        - name: ${name}
          image: example.com/spark:3.5.8
          command: ${run}
          env: [{ name: DAY, value: "2025-12-28" }]
          volumeMounts: [{ name: scripts, mountPath: /scripts }]
`;
    const text = jobWith(
      `      initContainers:
${job("wait", "[bash, -euc, 'true now']")}      containers:
${job("spark", command)}`,
      "run.sh",
      script === "" ? "true" : script,
    );
    const results = await judgeFiles({ ...FILES, "other.yaml": text });
    const found = results.find(({ id }) => id === ID)!.findings.map(({ severity }) => severity);
    assertEquals([command, script, found], [command, script, expected]);
  }
});

Deno.test("timestamp-env knows what a command gives to the code that it starts", async () => {
  const set = '{ name: JOB_DATE, value: "2025-12-28" }';
  for (
    const [command, env, expected] of [
      ["[spark-submit, /scripts/job.py]", set, []],
      ["[env, -i, spark-submit, /scripts/job.py]", set, ["fail"]],
      ["[env, -u, JOB_DATE, python3, /scripts/job.py]", set, ["fail"]],
      ["[env, --unset=JOB_DATE, python3, /scripts/job.py]", set, ["fail"]],
      ["[env, -u, OTHER, python3, /scripts/job.py]", set, []],
      ["[env, -i, JOB_DATE=2025-12-28, python3, /scripts/job.py]", set, []],
      ["[env, -i, bash, -uc, 'echo $JOB_DATE']", set, ["fail"]],
      ["[sh, -c, 'env -i spark-submit /scripts/job.py']", set, ["fail"]],
      ["[sh, -c, 'exec env -u JOB_DATE python3 /scripts/job.py']", set, ["fail"]],
      [`[sh, -c, 'env -i JOB_DATE="$JOB_DATE" python3 "$DIR/job.py"']`, set, []],
      ["[sh, -c, 'chmod +x /scripts/job.py; env -i /scripts/job.py']", set, ["fail"]],
      ["[sh, -c, 'env -i true; python3 /scripts/job.py']", set, []],
      ["[env, -i, sh, -c, 'python3 /scripts/job.py']", set, ["fail"]],
      ["[env, -u, JOB_DATE, sh, -c, 'python3 /scripts/job.py']", set, ["fail"]],
      ["[env, -i, sh, -c, 'export JOB_DATE=x; python3 /scripts/job.py']", set, []],
      ["[env, -i, JOB_DATE=x, sh, -c, 'python3 /scripts/job.py']", set, []],
      ["[sh, -euc, 'unset JOB_DATE; echo $JOB_DATE']", set, ["fail"]],
      ["[sh, -euc, 'unset OTHER; echo $JOB_DATE']", set, []],
      // Without JOB_DATE in the Job.
      ["[sh, -c, 'JOB_DATE=$(date +%F); python3 /scripts/job.py']", "", ["fail"]],
      ["[sh, -c, 'export JOB_DATE; python3 /scripts/job.py']", "", ["fail"]],
      ["[sh, -c, 'JOB_DATE=x; export JOB_DATE; python3 /scripts/job.py']", "", []],
      ["[sh, -c, 'declare -x JOB_DATE=x; python3 /scripts/job.py']", "", []],
      ["[sh, -c, 'set -a; JOB_DATE=x; python3 /scripts/job.py']", "", []],
      ["[sh, -c, 'JOB_DATE=x python3 /scripts/job.py']", "", []],
      ["[sh, -c, 'env JOB_DATE=x python3 /scripts/job.py']", "", []],
    ] as const
  ) {
    const container = `      containers:
        - name: spark
          image: example.com/spark:3.5.8
          command: ${command}
          env: [${env}]
          volumeMounts: [{ name: scripts, mountPath: /scripts }]
`;
    const reads = 'import os\nprint(os.environ["JOB_DATE"])';
    // Only a command that names the file runs it.
    const script = command.includes("job.py") ? reads : "print(1)";
    const files = { ...FILES, "other.yaml": jobWith(container, "job.py", script) };
    const { findings } = (await judgeFiles(files)).find(({ id }) => id === ID)!;
    assertEquals([command, findings.map(({ severity }) => severity)], [command, expected]);
    const isRemoved = env !== "" && expected.length > 0;
    assert(!isRemoved || findings[0]!.why!.includes("removes JOB_DATE, which the job has"));
  }
});

Deno.test("timestamp-env judges a script that a Dockerfile writes, if a command names it", async () => {
  const docker = "FROM apache/spark:3.5.8\nCOPY <<'EOF' /opt/run.sh\necho $JOB_DATE\nEOF\n";
  for (
    const [command, env, expected, notJudged] of [
      ["[bash, -u, /opt/run.sh]", "", ["fail"], 0],
      ["[bash, /opt/run.sh]", "", [], 0],
      ["[bash, -u, /opt/run.sh]", '{ name: JOB_DATE, value: "2025-12-28" }', [], 0],
      ["[bash, -u, /opt/other.sh]", "", [], 1],
    ] as const
  ) {
    const container =
      `      containers:\n        - name: spark\n          image: example.com/spark:3.5.8\n` +
      `          command: ${command}\n          env: [${env}]\n`;
    const text = docker.replace("echo", notJudged === 1 ? "set -u; echo" : "echo");
    const files = {
      ...FILES,
      "other.yaml": jobWith(container, "a.txt", "a"),
      "other/Dockerfile": text,
    };
    const result = (await judgeFiles(files)).find(({ id }) => id === ID)!;
    const found = result.findings.map(({ severity }) => severity);
    assertEquals([command, found, result.notJudged?.length ?? 0], [command, expected, notJudged]);
  }
});

/** A Job with these containers, and a script in the volume that they can mount. */
function jobWith(containers: string, name: string, script: string): string {
  return `${JOB_HEAD}      volumes: [{ name: scripts, configMap: { name: scripts } }]
${containers}---
apiVersion: v1
kind: ConfigMap
metadata: { name: scripts, namespace: analytics-jobs }
data:
  ${name}: |
${script.replace(/^/gm, "    ")}
`;
}

/** Scripts of a Job that has JOB_DATE. They start Python, which reads it. */
const REMOVALS: readonly [script: string, expected: readonly string[]][] = [
  ["env -u JOB_DATE python3 <<'PY'\n@\nPY", ["fail"]],
  ["env --unset=JOB_DATE python3 - <<PY\n@\nPY", ["fail"]],
  ["env -i PATH=/bin python3 <<'PY'\n@\nPY", ["fail"]],
  ["env -i JOB_DATE=\"$JOB_DATE\" python3 <<'PY'\n@\nPY", []],
  ["env -u OTHER python3 <<'PY'\n@\nPY", []],
  ["env -u JOB_DATE true\npython3 <<'PY'\n@\nPY", []],
  ["unset JOB_DATE\npython3 <<'PY'\n@\nPY", ["fail"]],
  ["unset JOB_DATE\nJOB_DATE=2025-12-28\npython3 <<'PY'\n@\nPY", ["fail"]],
  ["unset JOB_DATE\nexport JOB_DATE=2025-12-28\npython3 <<'PY'\n@\nPY", []],
  ["unset JOB_DATE\nJOB_DATE=2025-12-28 python3 <<'PY'\n@\nPY", []],
  ["(unset JOB_DATE)\npython3 <<'PY'\n@\nPY", []],
  ["if [ -n \"$LATER\" ]; then unset JOB_DATE; fi\npython3 <<'PY'\n@\nPY", []],
  ["unset JOB_DATE\n. /etc/job.env\npython3 <<'PY'\n@\nPY", []],
  ["python3 <<'PY'\n@\nPY\nunset JOB_DATE", []],
  ["unset JOB_DATE\npython3 /scripts/job.py", ["fail"]],
  ["unset -v JOB_DATE\npython3 /scripts/job.py", ["fail"]],
  ["env -u JOB_DATE bash -c 'python3 - <<PY\n@\nPY'", ["fail"]],
  ["env -u OTHER bash -c 'python3 - <<PY\n@\nPY'", []],
  ["unset -f JOB_DATE\npython3 /scripts/job.py", []],
  ["unset JOB_DATE\nnice -n 5 python3 <<'PY'\n@\nPY", ["fail"]],
  ["unset JOB_DATE\ntimeout 60 /usr/bin/python3.11 <<'PY'\n@\nPY", ["fail"]],
  ["unset JOB_DATE\ncat <<'PY' | python3\n@\nPY", ["fail"]],
  ["(\n  unset JOB_DATE\n  python3 /scripts/job.py\n)", ["fail"]],
  ["export -n JOB_DATE\npython3 /scripts/job.py", ["fail"]],
  ["unset JOB_DATE\nJOB_DATE=$(cat /day)\npython3 /scripts/job.py", ["fail"]],
  ["unset JOB_DATE\nexport JOB_DATE=$(cat /day)\npython3 /scripts/job.py", []],
  ["unset JOB_DATE\nset -a\nJOB_DATE=$(cat /day)\npython3 /scripts/job.py", []],
  ["unset JOB_DATE\nJOB_DATE=$(cat /day)\n. /etc/job.env\npython3 /scripts/job.py", []],
  ["f() { unset JOB_DATE; }\nf\nspark-submit /scripts/job.py", ["fail"]],
  ["python3 /scripts/job.py\nunset JOB_DATE\npython3 /scripts/job.py", []],
  ["unset OTHER\npython3 /scripts/job.py", []],
];

Deno.test("timestamp-env knows whether a script removes JOB_DATE before it starts Python", async () => {
  const reads = 'import os\nprint(os.environ["JOB_DATE"])';
  for (const [script, expected] of REMOVALS) {
    const block = script.replace("@", reads).replaceAll("\n", "\n              ");
    const container = `      containers:
        - name: spark
          image: example.com/spark:3.5.8
          command: [bash, -c]
          args:
            - |
              ${block}
          env: [{ name: JOB_DATE, value: "2025-12-28" }]
          volumeMounts: [{ name: scripts, mountPath: /scripts }]
`;
    const code = script.includes("job.py") ? reads : "print(1)";
    const files = { ...FILES, "other.yaml": jobWith(container, "job.py", code) };
    const { findings } = (await judgeFiles(files)).find(({ id }) => id === ID)!;
    assertEquals([script, findings.map(({ severity }) => severity)], [script, expected]);
    const whys = findings.map(({ why = "" }) => why);
    assert(whys.every((why) => why.includes("removes JOB_DATE, which the job has")), script);
  }
});

Deno.test("timestamp-env lists Python in a command without a JOB_DATE that the script removes", async () => {
  for (const [start, count] of [["unset JOB_DATE; ", 1], ["", 0]] as const) {
    const container = `      containers:
        - name: spark
          image: example.com/spark:3.5.8
          command: [bash, -c]
          args:
            - ${start}python3 -c 'import os; print(os.environ["JOB_DATE"])'
          env: [{ name: JOB_DATE, value: "2025-12-28" }]
`;
    const files = { ...FILES, "other.yaml": jobWith(container, "a.txt", "a") };
    const { findings, notJudged } = (await judgeFiles(files)).find(({ id }) => id === ID)!;
    assertEquals([findings.length, notJudged?.length ?? 0], [0, count], start);
  }
});
