import { silverMarkerKey, SOURCE_KEY } from "../../pipeline/contract/keys.ts";
import { readSources, renderSources } from "../../pipeline/lake/source_record.ts";
import { readMarker } from "../../pipeline/lake/marker.ts";
import { standInImage } from "../support/stand_in_image.ts";
import { alterPrice } from "./altered.ts";
import { publishUntyped } from "./untyped.ts";
import { DAY, type Facts, type Parts } from "./world.ts";

// The faults of the first run, and those that it narrowly avoided. Each drill breaks one part of a
// healthy platform, and exactly one check must catch it. To add a drill, add an entry to this list.

/** A fault, and the check that must catch it. */
export interface Drill {
  readonly id: string;
  /** The fault and the object with the fault, for the report. */
  readonly injected: string;
  /** The broken part, which is healed after the drill. */
  readonly breaks: keyof Parts;
  readonly inject: (parts: Parts) => Promise<void>;
  /** The only check that must fail. */
  readonly caughtBy: string;
  /** The command that catches the fault: `before` is preflight, `after` is postflight. */
  readonly when: "before" | "after";
  /** The facts that preflight gathers. Defaults to the live ones. */
  readonly facts?: Facts;
}

/**
 * The preconditions in the order of the runbook, each at every place where it can fail; then other
 * faults.
 */
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
    injected: "the table in the database is called api_stopevent, like Django's model",
    breaks: "database",
    async inject({ database }) {
      const owner = await database.session();
      await owner.query("ALTER TABLE stop_events RENAME TO api_stopevent");
    },
    caughtBy: "table-name",
    when: "before",
  },
  {
    id: "other-table",
    injected: "the role's search_path finds a copy of the outbox in the schema staging first",
    breaks: "database",
    async inject({ database }) {
      const owner = await database.session();
      await owner.query(`
        CREATE SCHEMA staging; CREATE TABLE staging.stop_events (LIKE stop_events INCLUDING ALL);
        INSERT INTO staging.stop_events OVERRIDING SYSTEM VALUE SELECT * FROM stop_events;
        ALTER ROLE CURRENT_USER SET search_path = staging, public`);
    },
    caughtBy: "lake-source",
    when: "before",
  },
  {
    id: "other-database",
    injected: "the lake records that it was copied from a database of another server",
    breaks: "lake",
    async inject({ lake: { lake } }) {
      const { sources } = (await readSources(lake))!;
      await lake.put(SOURCE_KEY, renderSources([{ ...sources.at(-1)!, system: "1" }]));
    },
    caughtBy: "lake-source",
    when: "before",
  },
  {
    id: "damaged-record",
    injected: "the record of the lake's source is half a file",
    breaks: "lake",
    async inject({ lake: { lake } }) {
      const { bytes } = (await lake.get(SOURCE_KEY))!;
      await lake.put(SOURCE_KEY, bytes.slice(0, bytes.length / 2));
    },
    caughtBy: "lake-source",
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
    // The preflight reaches the database with the operator's password. A run, and a preflight with
    // --credentials cluster, would be refused. The check exists for that case.
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
    injected: "the jobs' replay.py makes submitted_at with lit(None), without a type",
    breaks: "manifests",
    inject: ({ manifests }) =>
      manifests.edit(
        "image/jobs/deep_storage/replay.py",
        (code) =>
          code.replace(
            "last.cast(spark_type(column))",
            '(F.lit(None) if column.name == "submitted_at" else last.cast(spark_type(column)))',
          ),
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
          apiVersion: "batch/v1",
          kind: "CronJob",
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
    injected: "RoleBinding spark-jobs was deleted",
    breaks: "cluster",
    inject: ({ cluster }) => cluster.remove("RoleBinding", "spark-jobs"),
    caughtBy: "rbac",
    when: "before",
  },
  {
    id: "no-pull-secret",
    injected: "the Secret to pull the image was deleted",
    breaks: "cluster",
    inject: ({ cluster, image }) => cluster.remove("Secret", image.pull.name),
    caughtBy: "image-pull",
    when: "before",
  },
  {
    id: "late-writer",
    injected: "a transaction on the outbox is still open",
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
    injected: "the outbox lost one event and gained another, so its count is unchanged",
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
    injected: "a price of the sealed day was changed in the outbox",
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
    injected: "a part that silver's commit marker names was deleted",
    breaks: "lake",
    async inject({ lake: { lake } }) {
      const { commit } = (await readMarker(lake, "silver", silverMarkerKey(DAY), DAY))!;
      await lake.remove(commit.parts[0]!.key);
    },
    caughtBy: "silver-parts",
    when: "after",
  },
  {
    id: "altered-value",
    injected: "a fill price of silver was changed together with the digest in its commit marker",
    breaks: "lake",
    inject: ({ lake }) => alterPrice(lake.lake, DAY),
    caughtBy: "silver-values",
    when: "after",
  },
];

/** Returns the statement that adds an event of the day. */
function eventWithPrice(fillPrice: string): string {
  return `
    INSERT INTO stop_events (event_id, occurred_at, operation_id, client_id, symbol, event_type,
                             fill_price, source)
    VALUES ('99999999-9999-4999-8999-999999999999', '${DAY}T15:00:00Z', 9, 1, 'BTCUSDC',
            'EXECUTED', '${fillPrice}', 'manual')`;
}
