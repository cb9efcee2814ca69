import { until } from "../../cluster/until.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest } from "../../support/control_plane.ts";
import { startTask } from "../../support/task.ts";
import { JOBS } from "../apply/setup.ts";
import { commitLine, DAY, setStage } from "./stage.ts";

// Runs `deno task bronze --engine spark` on a real control plane, with pods that the test plays.

clusterTest("bronze --engine spark: follows the Job from its start to its end", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze");
  const driver = await stage.driver(`bronze-${DAY}-1`);
  await stage.event(driver, "Pulling", 'Pulling image "ghcr.io/ldamasio/rbs-spark:3.5.8-phase1"');
  await stage.run(driver);
  const { name } = driver.metadata;
  stage.logs.write(name, "25/12/29 WARN Utils: a line of Spark");
  stage.logs.write(name, "bronze  outbox      stop_events in robson@db:5432/rbsdb");
  const executor = await stage.executor(driver);
  await stage.run(executor);
  stage.logs.write(name, "bronze  fence       warning: a session is open");
  await stage.complete(driver);
  const { code, stdout, stderr } = await task.outcome;
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n");
  const expected = [
    `bronze  job         started Job analytics-jobs/bronze-${DAY}-1`,
    `bronze  scheduled   pod ${name} on node analytics-1`,
    "bronze  pulling     image ghcr.io/ldamasio/rbs-spark:3.5.8-phase1",
    `bronze  running     pod ${name}`,
    "bronze  outbox      stop_events in robson@db:5432/rbsdb",
    `bronze  executor    pod ${executor.metadata.name} on node analytics-1`,
    "bronze  fence       warning: a session is open",
    commitLine(driver),
    `bronze  completed   Job analytics-jobs/bronze-${DAY}-1`,
  ];
  assertEquals(lines.toSorted(), expected.toSorted(), stdout);
  const steps = ["job", "scheduled", "running", "outbox", "fence", "commit", "completed"];
  const order = lines.map((line) => line.split(/ +/)[1]).filter((step) => steps.includes(step!));
  assertEquals(order, steps);
});

clusterTest("bronze --engine spark: makes the Job from the Job of the manifests", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze", "--output", "json");
  const driver = await stage.driver(`bronze-${DAY}-1`);
  const { metadata, spec } = await stage.api.get(`${JOBS}/bronze-${DAY}-1`);
  const own = {
    app: "bronze-ingest",
    "app.kubernetes.io/managed-by": "deep-storage",
    "deep-storage/layer": "bronze",
    "deep-storage/day": DAY,
    "deep-storage/attempt": "1",
  };
  assertEquals(metadata.labels, own);
  const { "spark-role": role, ...labels } = spec.template.metadata.labels;
  assertEquals(role, "driver");
  assertEquals(Object.entries(own).filter(([key, value]) => labels[key] !== value), []);
  const { env } = spec.template.spec.containers[0];
  const days = env.filter((each: { name: string }) => each.name === "JOB_DATE");
  assertEquals(days, [{ name: "JOB_DATE", value: DAY }]);
  assertEquals([spec.suspend, spec.ttlSecondsAfterFinished, spec.backoffLimit], [false, 86400, 2]);
  await stage.complete(driver);
  const { code, stdout } = await task.outcome;
  assertEquals(code, 0);
  const steps = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(steps[0], {
    ...{ version: 1, command: "bronze", step: "job", date: DAY, warning: false },
    job: `analytics-jobs/bronze-${DAY}-1`,
  });
  assertEquals(steps.at(-1).step, "completed");
});

clusterTest("bronze --engine spark: the next run of a day is the next attempt", async () => {
  await using stage = await setStage();
  for (const attempt of [1, 2]) {
    const task = stage.start("bronze");
    const job = `bronze-${DAY}-${attempt}`;
    await stage.complete(await stage.driver(job));
    const { code, stdout } = await task.outcome;
    assertEquals(code, 0);
    assertStringIncludes(stdout, `completed   Job analytics-jobs/${job}\n`);
  }
});

clusterTest("silver --engine spark: starts the Job of silver", async () => {
  await using stage = await setStage();
  const task = stage.start("silver");
  await stage.complete(await stage.driver(`silver-${DAY}-1`));
  const { code, stdout } = await task.outcome;
  assertEquals(code, 0);
  assertMatch(stdout, /^silver {2}completed {3}Job /m);
});

clusterTest("bronze --engine spark: prints each line once if the log is interrupted", async () => {
  await using stage = await setStage();
  const task = stage.start("bronze");
  const driver = await stage.driver(`bronze-${DAY}-1`);
  await stage.run(driver);
  const { name } = driver.metadata;
  const write = (n: number) => stage.logs.write(name, `bronze  part        part ${n}`);
  write(1);
  write(2);
  await until("the log is read", () => Promise.resolve(stage.logs.drop() > 0));
  write(3);
  await stage.complete(driver);
  const { code, stdout } = await task.outcome;
  assertEquals(code, 0);
  assertEquals([...stdout.matchAll(/part (\d)$/gm)].map(([, n]) => n), ["1", "2", "3"]);
});

clusterTest(
  "bronze --engine spark: a summary of several days has the state of each day",
  async () => {
    await using stage = await setStage();
    const args = ["--from", DAY, "--to", "2025-12-29", "--no-preflight"];
    const task = startTask("silver", stage.args(...args));
    for (const [day, state] of [[DAY, "sealed"], ["2025-12-29", "open"]]) {
      const driver = await stage.driver(`silver-${day}-1`);
      stage.logs.write(driver.metadata.name, commitLine(driver, state));
      await stage.end(driver, 0);
    }
    const { code, stdout, stderr } = await task.outcome;
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^2025-12-28 {2}sealed +- +0$/m);
    assertMatch(stdout, /^2025-12-29 {2}open +- +0$/m);
    assert(stdout.endsWith("silver: 2 days: 2 succeeded, 0 failed; exit 0\n"), stdout);
  },
);
