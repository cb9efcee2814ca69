import { OUTBOX_TABLE } from "../pipeline/contract/events.ts";
import { plural } from "../pipeline/progress.ts";
import { type Check, check, type Finding } from "./check.ts";
import type { BronzeFact } from "./facts/bronze.ts";
import { asPublished } from "./facts/part.ts";
import type { SourceFact } from "./facts/source.ts";
import { publishAgain, runCommand } from "./remedy.ts";
import { whyNoMarker, whyNotCollected } from "./unread.ts";

/** The outbox, the marker, the files' footers and their event_ids all count the same events. */
export const rowCounts: Check<"source" | "bronze"> = check({
  id: "row-counts",
  title: "bronze has every event of the outbox, once",
  phase: "after",
  needs: ["source", "bronze"],
  run({ source, bronze }) {
    const { marker } = bronze;
    if (marker === undefined) return { skip: whyNoMarker(bronze)! };
    const { rows } = marker.commit;
    const unread = whyNotCollected(bronze);
    const findings = [
      ...ambiguous(source),
      ...arrived(source, bronze, rows),
      ...footers(bronze),
      ...(unread === undefined ? repeated(bronze) : []),
    ];
    const failed = findings.some(({ severity }) => severity === "fail");
    if (unread !== undefined && !failed) return { skip: unread };
    if (rows === 0 && findings.length === 0) {
      return { nothing: `neither the outbox nor bronze has an event on ${bronze.day}` };
    }
    return { examined: `${plural(rows, "event")}, counted four ways`, findings };
  },
});

function ambiguous({ name, rows, events }: SourceFact): Finding[] {
  if (events === rows) return [];
  return [{
    severity: "fail",
    object: `${OUTBOX_TABLE} in ${name}`,
    field: "event_id",
    problem: `${plural(rows, "row")} have ${events.toLocaleString("en-US")} different event_ids`,
    why: "event_id is the outbox's primary key: two rows with the same one cannot be told apart",
    fix: `Restore the primary key of ${OUTBOX_TABLE}: ` +
      `ALTER TABLE ${OUTBOX_TABLE} ADD PRIMARY KEY (event_id);`,
  }];
}

/** Holds the outbox's rows of now against the marker's rows of then. */
function arrived(source: SourceFact, bronze: BronzeFact, rows: number): Finding[] {
  const { day, markerKey } = bronze;
  const sealed = bronze.marker?.commit.state === "sealed";
  const common = { object: markerKey, field: "rows" } as const;
  const bronzeAlone = `deno task bronze --date ${day}`;
  if (source.rows > rows && !sealed) {
    return [{
      ...common,
      severity: "warn",
      problem: `${plural(source.rows - rows, "event")} have come since; run bronze again`,
      why: "the day is still open, so that is to be expected",
      fix: runCommand(bronze),
    }];
  }
  if (source.rows > rows) {
    return [{
      ...common,
      severity: "fail",
      problem: `the outbox has ${plural(source.rows - rows, "event")} more than the sealed day: ` +
        `${source.rows} and ${rows}`,
      why: "they came after the day was sealed, and no run would ever take them in by itself",
      fix: `Let bronze name them (it changes nothing): ${bronzeAlone}. To take them in, remove ` +
        `${markerKey}, then run: ${runCommand(bronze)}`,
    }];
  }
  if (source.rows === rows) return [];
  const names = sealed ? ` Let bronze name them (it changes nothing): ${bronzeAlone}.` : "";
  return [{
    ...common,
    severity: "fail",
    problem: `the outbox has ${plural(rows - source.rows, "event")} fewer than bronze: ` +
      `${source.rows} and ${rows}`,
    why: "events were removed from the outbox, or this is another database; bronze keeps its own",
    fix: `Check that ${source.name} is the outbox (DJANGO_DB_HOST, DJANGO_DB_NAME).${names}`,
  }];
}

function footers(bronze: BronzeFact): Finding[] {
  return bronze.parts.filter(asPublished).flatMap(({ part, footer }) => {
    if (footer === undefined || footer.rows === part.rows) return [];
    return [{
      severity: "fail" as const,
      object: part.key,
      field: "rows",
      problem: `its footer says ${plural(footer.rows, "row")}, and the commit marker says ` +
        part.rows.toLocaleString("en-US"),
      why: "the marker was not made from this file, so its other counts prove nothing either",
      fix: publishAgain(bronze),
    }];
  });
}

function repeated(bronze: BronzeFact): Finding[] {
  const { parts, events, markerKey } = bronze;
  const rows = parts.reduce((sum, { footer }) => sum + (footer?.rows ?? 0), 0);
  if (events === rows) return [];
  const list = bronze.repeated.length === 0
    ? ""
    : `; there more than once: ${bronze.repeated.join(", ")}`;
  return [{
    severity: "fail",
    object: markerKey,
    field: "event_id",
    problem: `its ${plural(rows, "row")} have ${events.toLocaleString("en-US")} different ` +
      `event_ids${list}`,
    why: "an event that is there twice is counted twice by whoever reads bronze",
    fix: publishAgain(bronze),
  }];
}
