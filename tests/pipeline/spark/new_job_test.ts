import { parseDay } from "../../../pipeline/contract/window.ts";
import { ApiError, type Cluster, type KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { createJob, JOB, jobsOfDay, newJob, tableOf } from "../../../pipeline/spark/new_job.ts";
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

Deno.test("tableOf: does not know a table that another object names", () => {
  const table = (container: object) =>
    tableOf({ spec: { template: { spec: { containers: [container] } } } });
  const literal = { name: "OUTBOX_TABLE", value: "a$$b" };
  const envFrom = [{ configMapRef: { name: "settings" } }];
  assertEquals(table({}), "stop_events");
  assertEquals(table({ envFrom: [] }), "stop_events");
  assertEquals(table({ env: [literal], envFrom }), "a$b");
  assertEquals(table({ envFrom }), undefined);
  const valueFrom = { configMapKeyRef: { name: "settings", key: "table" } };
  assertEquals(table({ env: [{ name: "OUTBOX_TABLE", valueFrom }] }), undefined);
  assertEquals(table({ env: [{ name: "OUTBOX_TABLE", value: "$(TABLE)" }] }), undefined);
});

Deno.test("jobsOfDay: a Job that was started by hand runs the day unless it names another table", () => {
  const manual = (container: object): KubeObject => ({
    ...JOB,
    metadata: { name: "manual", namespace: "jobs" },
    spec: {
      template: {
        metadata: { labels: { app: "bronze-ingest" } },
        spec: {
          containers: [{ env: [{ name: "JOB_DATE", value: "2025-12-28" }], ...container }],
        },
      },
    },
  });
  const runs = (container: object, table = "stop_events") => {
    const template = { object: manual({}), namespace: "jobs", container: "driver", table };
    return jobsOfDay([manual(container)], template, RUN).running !== undefined;
  };
  const named = (value: string) => ({
    env: [{ name: "JOB_DATE", value: "2025-12-28" }, { name: "OUTBOX_TABLE", value }],
  });
  assertEquals(runs({}), true);
  assertEquals(runs({ envFrom: [{ configMapRef: { name: "settings" } }] }), true);
  assertEquals(runs(named("shop.events")), false);
  assertEquals(runs(named("Shop.events"), "shop.events"), true);
  assertEquals(runs({}, "shop.events"), false);
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
