import { parseDay } from "../../../pipeline/contract/window.ts";
import { newJob } from "../../../pipeline/spark/new_job.ts";
import { assertEquals } from "../../support/assert.ts";

const RUN = { layer: "bronze", day: parseDay("2025-12-28")! } as const;

/** Returns the variables of the driver in the Job that is made from a Job with these variables. */
function variables(env: readonly { name: string; value: string }[], table?: string): unknown {
  const template = { spec: { containers: [{ name: "driver", env }, { name: "proxy" }] } };
  const object = { metadata: { name: "bronze-ingest" }, spec: { template } };
  const job = newJob(
    { object, namespace: "jobs", container: "driver", ...(table === undefined ? {} : { table }) },
    RUN,
    1,
  );
  const { containers } = (job.spec as typeof object.spec).template.spec;
  assertEquals(containers[1], { name: "proxy" });
  return containers[0];
}

Deno.test("newJob sets the day, whatever the Job of the manifests says", () => {
  const day = { name: "JOB_DATE", value: "2025-12-28" };
  assertEquals(variables([]), { name: "driver", env: [day] });
  assertEquals(variables([{ name: "JOB_DATE", value: "2020-01-01" }]), {
    name: "driver",
    env: [day],
  });
});

Deno.test("newJob sets the table of the project, unless the Job names one", () => {
  const day = { name: "JOB_DATE", value: "2025-12-28" };
  const named = { name: "OUTBOX_TABLE", value: "shop.events" };
  assertEquals(variables([], "shop.events"), { name: "driver", env: [named, day] });
  assertEquals(variables([named], "other.events"), { name: "driver", env: [named, day] });
});
