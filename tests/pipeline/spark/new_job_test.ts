import { parseDay } from "../../../pipeline/contract/window.ts";
import { ApiError, type Cluster, type KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { createJob, JOB, jobsOfDay, newJob } from "../../../pipeline/spark/new_job.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";

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

Deno.test("newJob sets the table of the project", () => {
  const day = { name: "JOB_DATE", value: "2025-12-28" };
  const named = { name: "OUTBOX_TABLE", value: "shop.events" };
  assertEquals(variables([], "shop.events"), { name: "driver", env: [named, day] });
  assertEquals(variables([named], "shop.events"), { name: "driver", env: [named, day] });
  // Kubernetes replaces $(NAME), and $$ by $.
  const escaped = { name: "OUTBOX_TABLE", value: '"a$$(b)$$$$c"' };
  assertEquals(variables([], '"a$(b)$$c"'), { name: "driver", env: [escaped, day] });
});

Deno.test("jobsOfDay: a Job of another table is no Job of this project", () => {
  const object = { spec: { template: { spec: { containers: [{ name: "driver" }] } } } };
  const template = { object, namespace: "jobs", container: "driver" };
  const shop = newJob({ ...template, table: 'shop."a$b"' }, RUN, 1);
  const own = newJob({ ...template, table: "stop_events" }, RUN, 2);
  const found = jobsOfDay([shop, own], { ...template, table: "stop_events" }, RUN);
  assertEquals([found.own, found.running, found.foreign], [[own], own, [shop]]);
  assertEquals(jobsOfDay([shop], template, RUN).running, undefined);
  assertEquals(jobsOfDay([shop], { ...template, table: 'shop."a$b"' }, RUN).running, shop);
});

Deno.test("createJob: takes the next name if a Job that has ended has the name", async () => {
  const object = { spec: { template: { spec: { containers: [{ name: "driver" }] } } } };
  const template = { object, namespace: "jobs", container: "driver", table: "stop_events" };
  const create = async (status: object, table?: string) => {
    const taken: KubeObject = table === undefined
      ? { ...JOB, metadata: { name: "bronze-2025-12-28-1", namespace: "jobs" }, status }
      : { ...newJob({ ...template, table }, RUN, 1), status };
    const cluster = {
      list: () => Promise.resolve([taken]),
      create(job: KubeObject) {
        if (job.metadata.name !== taken.metadata.name) return Promise.resolve(job);
        const parts = { kind: "configuration", task: "a", problem: "b", remedy: "c" } as const;
        return Promise.reject(
          new ApiError(parts, { status: 409, reason: "AlreadyExists", serverMessage: "" }),
        );
      },
    } as unknown as Cluster;
    const { signal } = new AbortController();
    return await createJob(cluster, template, RUN, { attach: "ATTACH", signal }).then(
      ({ metadata }) => metadata.name,
      ({ message }) => message,
    );
  };
  const ended = { conditions: [{ type: "Complete", status: "True" }] };
  assertEquals(await create(ended), "bronze-2025-12-28-2");
  assertEquals(await create({}, "shop.events"), "bronze-2025-12-28-2");
  assertMatch(await create({}), /Job jobs\/bronze-2025-12-28-1 already runs this day\./);
});
