import { parse } from "yaml";
import { kubeconfig } from "../../cluster/kubeconfig.ts";
import { until } from "../../cluster/until.ts";
import { user } from "../../cluster/users.ts";
import { watchProxy } from "../../pipeline/cluster/watch_proxy.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { startTask } from "../../support/task.ts";
import { atTerminal, startOnTerminal } from "../../support/terminal.ts";
import { IN_JOBS, JOBS } from "../apply/setup.ts";
import { DAY, setStage, type Stage } from "./stage.ts";

// A Job continues without the command that started it, and is started once.

const terminalTest = atTerminal(clusterTest);
const JOB = `bronze-${DAY}-1`;

/** Waits until the driver runs and a command follows its log. */
async function followed(stage: Stage, number = 1) {
  const driver = await stage.driver(JOB, number);
  await stage.run(driver);
  await until("a command reads the log", () => Promise.resolve(stage.logs.readers() > 0));
  return driver;
}

async function assertUntouched(stage: Stage): Promise<void> {
  const { metadata } = await stage.api.get(`${JOBS}/${JOB}`);
  assertEquals([metadata.generation, metadata.deletionTimestamp], [1, undefined]);
}

clusterTest(
  "bronze --engine spark: leaves the Job at Ctrl-C, and --attach follows it to its end",
  async () => {
    await using stage = await setStage();
    const first = stage.start("bronze");
    const driver = await followed(stage);
    first.kill("SIGINT");
    const left = await first.outcome;
    assertEquals(left.code, 130);
    const attach =
      `deno task bronze ${DAY} --engine spark --attach --manifests ${stage.manifests} ` +
      `--kubeconfig ${controlPlane().kubeconfig}`;
    assertEquals(
      left.stderr,
      `Job analytics-jobs/${JOB} continues. To follow it again: ${attach}\n`,
    );
    await assertUntouched(stage);
    stage.logs.drop(); // The connection of the first command may still be open.
    const second = startTask("bronze", attach.split(" ").slice(3));
    await until("the command reads the log", () => Promise.resolve(stage.logs.readers() > 0));
    await stage.complete(driver);
    const { code, stdout, stderr } = await second.outcome;
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^bronze {2}job {9}following Job analytics-jobs\/bronze-2025-12-28-1$/m);
    assertMatch(stdout, /^bronze {2}commit {6}s3:\/\/rbs\/.*\/_commit.json, sealed$/m);
    assertEquals((await stage.api.get(JOBS)).items.length, 1);
  },
);

terminalTest(
  "bronze --engine spark: at a terminal, Ctrl-C asks; no continues, yes leaves the Job",
  async () => {
    await using stage = await setStage();
    const task = startOnTerminal("bronze", stage.args(DAY, "--no-preflight"));
    await followed(stage);
    const question = `Stop following Job analytics-jobs/${JOB}, and leave it running? [y/N]`;
    await task.type("\x03");
    await task.until(question);
    await task.type("n\r");
    await task.until(`Still following Job analytics-jobs/${JOB}.`); // else Ctrl-C is the second one
    const driver = await stage.driver(JOB);
    stage.logs.write(driver.metadata.name, "bronze  part        a part");
    await task.until("a part");
    await task.type("\x03");
    await task.until(question);
    await task.type("y\r");
    assertEquals(await task.outcome, { code: 130, restored: true });
    assertStringIncludes(task.shown(), `Job analytics-jobs/${JOB} continues. To follow it again: `);
    await assertUntouched(stage);
  },
);

terminalTest("bronze --engine spark: at a terminal, the second Ctrl-C leaves the Job", async () => {
  await using stage = await setStage();
  const task = startOnTerminal("bronze", stage.args(DAY, "--no-preflight"));
  await followed(stage);
  await task.type("\x03");
  await task.until("and leave it running? [y/N]");
  await task.type("\x03");
  assertEquals(await task.outcome, { code: 130, restored: true });
  assertStringIncludes(task.shown(), `Job analytics-jobs/${JOB} continues. To follow it again: `);
  await assertUntouched(stage);
});

clusterTest(
  "bronze --engine spark --attach: reports a Job that has ended, as its own run would",
  async () => {
    await using stage = await setStage();
    const message = "Cannot export 2025-12-28: bronze has 1 event that stop_events has not. Look.";
    const run = stage.start("bronze");
    const driver = await stage.driver(JOB);
    stage.logs.write(driver.metadata.name, message);
    await stage.end(driver, 1);
    for (const task of [run, startTask("bronze", stage.args(DAY, "--attach"))]) {
      const { code, stderr } = await task.outcome;
      assertEquals([code, stderr], [1, `${message}\n`]);
    }
  },
);

clusterTest("bronze --engine spark --attach: fails if the day has no Job", async () => {
  await using stage = await setStage();
  const { code, stderr } = await startTask("bronze", stage.args(DAY, "--attach")).outcome;
  assertEquals(code, 2);
  assertEquals(
    stderr,
    `Cannot follow bronze of ${DAY}: the cluster has no Job of this day. To start one, leave out ` +
      "--attach.\n",
  );
});

clusterTest(
  "bronze --engine spark: refuses a second start while the Job runs, and names the Job",
  async () => {
    await using stage = await setStage();
    const first = stage.start("bronze");
    const driver = await followed(stage);
    const { code, stdout, stderr } = await stage.start("bronze").outcome;
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(
      stderr,
      `Cannot start bronze of ${DAY}: Job analytics-jobs/${JOB} already runs this day. `,
    );
    assertMatch(stderr, /To follow it: deno task bronze 2025-12-28 --engine spark --attach /);
    await stage.complete(driver);
    assertEquals((await first.outcome).code, 0);
  },
);

clusterTest(
  "bronze --engine spark --attach-running: follows the Job that runs, and starts one if none does",
  async () => {
    await using stage = await setStage();
    const first = stage.start("bronze", "--attach-running");
    const driver = await followed(stage);
    first.kill("SIGKILL");
    await first.outcome;
    // The connection of the first command may still be open.
    stage.logs.drop();
    const second = stage.start("bronze", "--attach-running");
    await until("the command reads the log", () => Promise.resolve(stage.logs.readers() > 0));
    await stage.complete(driver);
    const { code, stdout, stderr } = await second.outcome;
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^bronze {2}job {9}following Job analytics-jobs\/bronze-2025-12-28-1$/m);
    assertEquals((await stage.api.get(JOBS)).items.length, 1);
    // A Job that has ended is not followed again.
    const third = stage.start("bronze", "--attach-running");
    await stage.complete(await stage.driver(`bronze-${DAY}-2`));
    const { stdout: shown } = await third.outcome;
    assertMatch(shown, /^bronze {2}job {9}started Job analytics-jobs\/bronze-2025-12-28-2$/m);
  },
);

/** Starts the Job of bronze with kubectl, with more fields of its container. */
async function startByHand(stage: Stage, fields: string): Promise<void> {
  const [manual] = (await Deno.readTextFile(`${stage.manifests}/50-bronze-ingest.yaml`))
    .replace("suspend: true", "suspend: false")
    .replace(/^( +)- name: POD_NAME$/m, `$1- { name: JOB_DATE, value: "${DAY}" }\n$&`)
    .replace(/^( +)env:$/m, `$1${fields}\n$&`)
    .split("---\n");
  await stage.api.call("POST", JOBS, parse(manual!));
}

clusterTest(
  "bronze --engine spark --attach: does not follow a Job whose table is not known",
  async () => {
    await using stage = await setStage();
    await startByHand(stage, "envFrom: [{ configMapRef: { name: settings } }]");
    for (const flag of ["--attach", "--attach-running"]) {
      const { code, stdout, stderr } = await stage.start("bronze", flag).outcome;
      assertEquals([code, stdout], [2, ""]);
      assertStringIncludes(
        stderr,
        `Cannot follow bronze of ${DAY}: Job analytics-jobs/bronze-ingest-manual takes ` +
          "OUTBOX_TABLE from another object",
      );
    }
  },
);

clusterTest(
  "bronze --engine spark: of two starts at the same time, one makes the Job",
  async () => {
    await using stage = await setStage();
    const tasks = [stage.start("bronze"), stage.start("bronze")];
    const driver = await followed(stage);
    const early = await Promise.race(tasks.map(({ outcome }) => outcome));
    assertEquals(early.code, 2);
    assertStringIncludes(early.stderr, `Job analytics-jobs/${JOB} already runs this day. `);
    await stage.complete(driver);
    const outcomes = await Promise.all(tasks.map(({ outcome }) => outcome));
    assertEquals(outcomes.map(({ code }) => code).sort(), [0, 2]);
    assertEquals((await stage.api.get(JOBS)).items.length, 1);
  },
);

clusterTest(
  "bronze --engine spark: refuses a day that a Job started with kubectl runs",
  async () => {
    await using stage = await setStage();
    await startByHand(stage, "");
    const { code, stderr } = await stage.start("bronze").outcome;
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Job analytics-jobs/bronze-ingest-manual already runs this day. ");
  },
);

clusterTest(
  "bronze --engine spark: follows the Job through a restart of the API server",
  async () => {
    await using stage = await setStage();
    await using proxy = await watchProxy(controlPlane(), {});
    const file = `${stage.manifests}/kubeconfig`;
    await Deno.writeTextFile(file, kubeconfig(proxy.access));
    const { manifests } = stage;
    const args = ["--engine", "spark", "--no-preflight", "--kubeconfig", file];
    const task = startTask("bronze", [DAY, ...args, "--manifests", manifests]);
    const driver = await followed(stage);
    const { name } = driver.metadata;
    stage.logs.write(name, "bronze  part        part 1");
    await proxy.stop();
    stage.logs.write(name, "bronze  part        part 2");
    await stage.complete(driver);
    await until("the Job is complete", async () => {
      return (await stage.api.get(`${JOBS}/${JOB}`)).status.completionTime !== undefined;
    });
    await proxy.start();
    const { code, stdout, stderr } = await task.outcome;
    assertEquals([code, stderr], [0, ""]);
    assertEquals([...stdout.matchAll(/part (\d)$/gm)].map(([, n]) => n), ["1", "2"]);
  },
);

/** The rights that a command needs which starts and follows Jobs, without the Secrets. */
const RIGHTS = [
  { apiGroups: ["batch"], resources: ["jobs"], verbs: ["create", "list", "watch"] },
  { apiGroups: [""], resources: ["pods", "events"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
];

clusterTest("bronze --engine spark: needs no right to change or delete anything", async () => {
  await using stage = await setStage();
  const file = `${stage.manifests}/kubeconfig`;
  await Deno.writeTextFile(
    file,
    kubeconfig(await user(controlPlane().admin, "starts-jobs", RIGHTS)),
  );
  const { manifests } = stage;
  const args = ["--engine", "spark", "--no-preflight", "--kubeconfig", file];
  const task = startTask("bronze", [DAY, ...args, "--manifests", manifests]);
  const driver = await followed(stage);
  await stage.complete(driver);
  const { code, stdout, stderr } = await task.outcome;
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^bronze {2}commit/m);
});

clusterTest(
  "bronze --engine spark: says what it does not see without the events and the log",
  async () => {
    await using stage = await setStage();
    const file = `${stage.manifests}/kubeconfig`;
    const rights = [RIGHTS[0]!, { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] }];
    await Deno.writeTextFile(
      file,
      kubeconfig(await user(controlPlane().admin, "sees-less", rights)),
    );
    const { manifests } = stage;
    const args = ["--engine", "spark", "--no-preflight", "--kubeconfig", file];
    const task = startTask("bronze", [DAY, ...args, "--manifests", manifests]);
    const driver = await stage.driver(JOB);
    await stage.end(driver, 2);
    const { code, stdout, stderr } = await task.outcome;
    assertMatch(stdout, /events {6}warning: .* cannot list resource "events".* a refused pod is/m);
    assertMatch(stdout, /log {9}warning: the log of pod .* is incomplete: .*"pods\/log"/m);
    assertMatch(stderr, /ended with exit code 2; its log cannot be read: /);
    assertEquals(code, 3);
    assert(!stdout.includes("completed"));
    assertEquals((await stage.api.get(`${IN_JOBS}/pods`)).items.length, 1);
  },
);
