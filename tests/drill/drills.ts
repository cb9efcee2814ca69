import { silverMarkerKey } from "../../pipeline/contract/keys.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { standInImage } from "../support/stand_in_image.ts";
import { publishUntyped } from "./untyped.ts";
import { DAY, type Facts, type Parts } from "./world.ts";

// What went wrong in the first run, and what nearly did: each breaks one part of a healthy platform,
// and has one check that must see it. To add a drill is to add an entry.

/** A fault, and who must catch it. */
export interface Drill {
  readonly id: string;
  /** What is broken, and where. */
  readonly injected: string;
  /** The part that it breaks, which is healed afterwards. */
  readonly breaks: keyof Parts;
  readonly inject: (parts: Parts) => Promise<void>;
  /** The check that fails, and no other does. */
  readonly caughtBy: string;
  /** Whether a preflight sees it, or only a postflight. */
  readonly when: "before" | "after";
  /** What the preflight looks at, if not at what is really there. */
  readonly facts?: Facts;
}

/** The runbook's preconditions in its order, each at every place where it can fail; then others. */
export const DRILLS: readonly Drill[] = [
  {
    id: "plain-image",
    injected: "Job bronze-ingest-manual runs apache/spark:3.5.8 instead of our image",
    breaks: "cluster",
    inject: ({ cluster, image }) =>
      cluster.change("Job", "bronze-ingest-manual", ({ spec }) => {
        const [driver] = spec.template.spec.containers;
        driver.image = image.plain;
        driver.args = driver.args.map((arg: string) => arg.replace(image.ours, image.plain));
      }),
    caughtBy: "image-deps",
    when: "before",
  },
  {
    id: "missing-jar",
    injected: "our image, pushed again by its tag, has a layer that removes hadoop-aws",
    breaks: "image",
    inject: async ({ image }) => image.pushOurs(await standInImage({ without: "hadoop-aws" })),
    caughtBy: "image-deps",
    when: "before",
  },
  {
    id: "selector-trap",
    injected: "namespaceSelector: {} in NetworkPolicy allow-s3-egress",
    breaks: "cluster",
    inject: ({ cluster }) =>
      cluster.change("NetworkPolicy", "allow-s3-egress", ({ spec }) => {
        spec.egress[0].to = [{ namespaceSelector: {} }];
      }),
    caughtBy: "egress-policy",
    when: "before",
  },
  {
    id: "model-table",
    injected: "the table is called api_stopevent, like Django's model, in the database",
    breaks: "database",
    async inject({ database }) {
      const owner = await database.session();
      await owner.query("ALTER TABLE stop_events RENAME TO api_stopevent");
    },
    caughtBy: "table-name",
    when: "before",
  },
  {
    id: "model-table-in-code",
    injected: "OUTBOX_TABLE is Django's model, api_stopevent, in the jobs' contract.py",
    breaks: "manifests",
    inject: ({ manifests }) =>
      manifests.edit(
        "image/jobs/deep_storage/contract.py",
        (code) => code.replace('OUTBOX_TABLE = "stop_events"', 'OUTBOX_TABLE = "api_stopevent"'),
      ),
    caughtBy: "table-name",
    when: "before",
    facts: "all",
  },
  {
    id: "missing-label",
    injected: "Namespace robson lacks its label name=robson",
    breaks: "cluster",
    inject: ({ cluster }) =>
      cluster.change("Namespace", "robson", ({ metadata }) => {
        delete metadata.labels.name;
      }),
    caughtBy: "namespace-labels",
    when: "before",
  },
  {
    id: "escaped-password",
    // The database itself is reached with the operator's own password. A run, and a preflight with
    // --credentials cluster, would be refused there too: that is what the check is for.
    injected: 'Secret django-db-credentials has a backslash before its password\'s "!"',
    breaks: "cluster",
    inject: ({ cluster }) =>
      cluster.change("Secret", "django-db-credentials", ({ stringData }) => {
        stringData.DJANGO_DB_PASSWORD = "pass\\!word";
      }),
    caughtBy: "secret-escaping",
    when: "before",
  },
  {
    id: "untyped-null",
    injected: "silver was published with submitted_at as Spark writes lit(None), without a type",
    breaks: "lake",
    inject: ({ lake }) => publishUntyped(lake.lake, DAY, "submitted_at"),
    caughtBy: "parquet-void",
    when: "after",
  },
  {
    id: "untyped-null-in-code",
    injected: 'lit(None) lacks its .cast("timestamp") in the jobs\' replay.py',
    breaks: "manifests",
    inject: ({ manifests }) =>
      manifests.edit(
        "image/jobs/deep_storage/replay.py",
        (code) => code.replace('F.lit(None).cast("timestamp")', "F.lit(None)"),
      ),
    caughtBy: "parquet-void",
    when: "before",
    facts: "all",
  },
  {
    id: "shell-date",
    injected: "a CronJob of the bronze job has JOB_DATE=$(date +%F)",
    breaks: "cluster",
    inject: ({ cluster }) =>
      cluster.add("Job", "bronze-ingest-manual", ({ metadata, spec }) => {
        const template = structuredClone(spec.template);
        template.spec.containers[0].env.push({ name: "JOB_DATE", value: "$(date +%F)" });
        return {
          ...{ apiVersion: "batch/v1", kind: "CronJob" },
          metadata: { ...metadata, name: "bronze-ingest-nightly" },
          spec: { schedule: "15 0 * * *", suspend: true, jobTemplate: { spec: { template } } },
        };
      }),
    caughtBy: "timestamp-env",
    when: "before",
  },
  {
    id: "small-quota",
    injected: "ResourceQuota analytics-jobs leaves 2 CPU",
    breaks: "cluster",
    inject: ({ cluster }) =>
      cluster.change("ResourceQuota", "analytics-jobs", ({ spec }) => {
        spec.hard["requests.cpu"] = spec.hard["limits.cpu"] = "2";
      }),
    caughtBy: "quota-fit",
    when: "before",
  },
  {
    id: "node-without-label",
    injected: "Node analytics-1 lacks its label robson.io/pool",
    breaks: "cluster",
    inject: ({ cluster }) =>
      cluster.change("Node", "analytics-1", ({ metadata }) => {
        delete metadata.labels["robson.io/pool"];
      }),
    caughtBy: "node-pool",
    when: "before",
  },
  {
    id: "node-not-ready",
    injected: "Node analytics-1 is not ready",
    breaks: "cluster",
    inject: ({ cluster }) =>
      cluster.change("Node", "analytics-1", ({ status }) => {
        status.conditions[0].status = "False";
      }),
    caughtBy: "node-pool",
    when: "before",
  },
  {
    id: "no-rights",
    injected: "RoleBinding spark-jobs is gone",
    breaks: "cluster",
    inject: ({ cluster }) => cluster.remove("RoleBinding", "spark-jobs"),
    caughtBy: "rbac",
    when: "before",
  },
  {
    id: "no-pull-secret",
    injected: "the Secret that the image is pulled with is gone",
    breaks: "cluster",
    inject: ({ cluster, image }) => cluster.remove("Secret", image.pull.name),
    caughtBy: "image-pull",
    when: "before",
  },
  {
    id: "late-writer",
    injected: "a transaction in the outbox is open",
    breaks: "database",
    async inject({ database }) {
      const writer = await database.session();
      await writer.query("BEGIN; DELETE FROM stop_events WHERE false");
    },
    caughtBy: "late-writers",
    when: "before",
  },
  {
    id: "late-event",
    injected: "an event of the sealed day was written after its run",
    breaks: "database",
    async inject({ database }) {
      const owner = await database.session();
      await owner.query(eventWithPrice("1"));
    },
    caughtBy: "row-counts",
    when: "after",
  },
  {
    id: "lost-event",
    injected: "the outbox lost an event and got another one, so that it has as many as before",
    breaks: "database",
    async inject({ database }) {
      const owner = await database.session();
      await owner.query("DELETE FROM stop_events WHERE event_type = 'EXECUTED'");
      await owner.query(eventWithPrice("1"));
    },
    caughtBy: "row-counts",
    when: "after",
  },
  {
    id: "altered-event",
    injected: "a price of the sealed day is another one in the outbox",
    breaks: "database",
    async inject({ database }) {
      const owner = await database.session();
      await owner.query("UPDATE stop_events SET fill_price = 1 WHERE event_type = 'EXECUTED'");
    },
    caughtBy: "row-counts",
    when: "after",
  },
  {
    id: "nan-event",
    injected: "an event whose fill_price is NaN was written",
    breaks: "database",
    async inject({ database }) {
      const owner = await database.session();
      await owner.query(eventWithPrice("NaN"));
    },
    caughtBy: "quarantine",
    when: "after",
  },
  {
    id: "missing-part",
    injected: "a part that silver's commit marker names is gone",
    breaks: "lake",
    async inject({ lake: { lake } }) {
      const { commit } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
      await lake.remove(commit.parts[0]!.key);
    },
    caughtBy: "silver-parts",
    when: "after",
  },
];

/** The statement that adds an event of the day. */
function eventWithPrice(fillPrice: string): string {
  return `
    INSERT INTO stop_events (event_id, occurred_at, operation_id, client_id, symbol, event_type,
                             fill_price, source)
    VALUES ('99999999-9999-4999-8999-999999999999', '${DAY}T15:00:00Z', 9, 1, 'BTCUSDC',
            'EXECUTED', '${fillPrice}', 'manual')`;
}
