import { assert, assertEquals } from "../../../support/assert.ts";
import { assertFound, change, judgeFiles, LOOKALIKE } from "../../healthy/manifests.ts";
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
