import { asSwitched } from "../../../checks/kubernetes/cron_switch.ts";
import { toolkitEngineOf } from "../../../checks/kubernetes/toolkit.ts";
import { toManifestObject } from "../../../checks/facts/cluster/objects.ts";
import type { ManifestObject } from "../../../checks/kubernetes/objects.ts";
import { assertEquals } from "../../support/assert.ts";

/** The engine of a container with the given words on its command line. */
function engine(...words: string[]) {
  return toolkitEngineOf([{ words: words.map((text, i) => ({ path: `args[${i}]`, text })) }]);
}

Deno.test("toolkitEngineOf: reads the engine from the command line of the toolkit", () => {
  assertEquals(engine("deno", "task", "--quiet", "run", "--pending"), "local");
  assertEquals(engine("deno", "task", "run", "--engine=spark"), "spark");
  assertEquals(engine("deno", "task", "run", "--engine", "spark"), "spark");
  assertEquals(engine("deno", "task", "run", "--engine", "local"), "local");
  assertEquals(engine("/usr/bin/deno", "run", "-P=engines", "tasks/main.ts", "bronze"), "local");
  assertEquals(engine("deno", "task", "--quiet", "exporter", "--listen=0.0.0.0:9877"), "local");
  assertEquals(engine("sh", "-c", "deno task run --engine spark"), "spark");
});

Deno.test("toolkitEngineOf: recognizes no other program", () => {
  assertEquals(engine("deno", "task", "build"), undefined);
  assertEquals(engine("deno", "run", "main.ts"), undefined);
  assertEquals(engine("/opt/spark/bin/spark-submit", "--engine=spark"), undefined);
  assertEquals(engine(), undefined);
});

/** A CronJob of the manifests or a cluster. */
function cronJob(spec: object, kind = "CronJob"): ManifestObject {
  const metadata = { name: "a", namespace: "b" };
  return toManifestObject({ apiVersion: "batch/v1", kind, metadata, spec });
}

Deno.test("asSwitched: keeps a CronJob as the cluster has switched it", () => {
  const suspended = cronJob({ schedule: "0 2 * * *", suspend: true });
  const on = cronJob({ schedule: "0 3 * * *", suspend: false });
  assertEquals(asSwitched(suspended, on).value.spec, { schedule: "0 2 * * *", suspend: false });
  assertEquals(asSwitched(suspended, cronJob({})).value.spec, {
    schedule: "0 2 * * *",
    suspend: false,
  });
});

Deno.test("asSwitched: changes no other object", () => {
  const suspended = cronJob({ suspend: true });
  const on = cronJob({ suspend: false });
  assertEquals(asSwitched(suspended, undefined), suspended);
  assertEquals(asSwitched(suspended, suspended), suspended);
  assertEquals(asSwitched(on, suspended), on);
  const job = cronJob({ suspend: true }, "Job");
  assertEquals(asSwitched(job, cronJob({ suspend: false }, "Job")), job);
});
