import type { Result } from "../../checks/finding.ts";
import type { Report } from "../../checks/report/report.ts";
import { dayOf, parseDay, windowOf } from "../../pipeline/contract/window.ts";
import type { CalendarData, CellState, DayData, LayerData } from "../../tasks/report/content.ts";

/** A name that would run a script if it were HTML. */
export const HOSTILE = `</script><img src="x" onerror="alert(1)"><!--'"&amp;\u2028\u202e`;

function result(id: string, section: string, verdict: Result["verdict"]): Result {
  return { id, section, title: `the condition of ${id}`, verdict, findings: [] };
}

/** A fix with words and two commands. */
const PREPARED = "Ask its owner, then: COMMIT PREPARED 'a'; or ROLLBACK PREPARED 'a';";

/** Results with every verdict. */
export const RESULTS: readonly Result[] = [
  { ...result("manifests-readable", "manifests", "pass"), examined: "25 objects in 53 files" },
  { ...result("cluster-login", "cluster", "skip"), reason: "as planned", requested: true },
  { ...result("image-deps", "image", "not-applicable"), reason: "there is no image" },
  { ...result("image-pull", "image", "error"), reason: "the registry is out of reach" },
  { ...result("dns-egress", "network", "pass"), examined: "3 workloads" },
  {
    ...result("egress-policy", "network", "fail"),
    examined: "the egress of 2 jobs",
    notJudged: [{ object: "Rollout jobs/etl", reason: "the kind is not supported" }],
    findings: [
      {
        severity: "fail",
        object: "NetworkPolicy analytics-jobs/allow-lake",
        field: "spec.egress[0].ports",
        file: "manifests/20-network-policies.yaml",
        line: 12,
        problem: "no rule allows TCP 443",
        why: "the job cannot store its parts",
        fix: "kubectl -n analytics-jobs patch networkpolicy allow-lake --type=json \\\n" +
          `  -p '[{"op":"add","path":"/spec/egress/0/ports/-","value":{"port":443}}]'`,
      },
      {
        severity: "warn",
        object: HOSTILE,
        field: HOSTILE,
        file: HOSTILE,
        line: 1,
        problem: HOSTILE,
        why: HOSTILE,
        fix: HOSTILE,
      },
    ],
  },
  {
    ...result("late-writers", "database", "warn"),
    examined: HOSTILE,
    findings: [
      { severity: "warn", object: "session 4711", problem: "it is 3 h old", fix: PREPARED },
    ],
  },
];

/** A report of preflight with every verdict, and with names that are HTML. */
export const REPORT: Report = { command: "preflight", results: RESULTS, exitCode: 1 };

const STATES = ["sealed", "sealed", "sealed", "sealed", "sealed", "empty", "quarantined"] as const;

/** The state of a lake with a number of days until 2025-12-28, the last ones in every state. */
export function calendarOf(number: number): CalendarData {
  const last = windowOf(parseDay("2025-12-28")!).start;
  const days = Array.from({ length: number }, (_, i): DayData => {
    const day = dayOf(last - BigInt(number - 1 - i) * 86_400_000_000n);
    const fromEnd = number - 1 - i;
    const ends: readonly CellState[] = ["waiting", "open", "stale", "missing", "unusable"];
    const silver = ends[fromEnd] ?? (i % 7 === 6 ? "sealed" : STATES[i % 7]!);
    const bronze = silver === "stale" ? "sealed" : ends[fromEnd] ?? STATES[i % 7]!;
    const verb = { unusable: "postflight", stale: "run", missing: "run" }[silver as string];
    const rows = bronze === "empty" ? 0 : 1000 + (i * 7919) % 5000;
    return {
      day,
      bronze: layerOf("bronze", day, bronze, rows),
      silver: layerOf("silver", day, silver, rows),
      late: i % 50 === 3 ? 4 : 0,
      ...(rows > 0 && { lag: 0.5 + (i % 9) / 4 }),
      notes: i === 0 ? [HOSTILE] : silver === "unusable" ? ["bronze: it is not JSON"] : [],
      ...(verb !== undefined && {
        next: [{ kind: "command", text: `deno task ${verb} --date ${day}` }],
      }),
    };
  });
  const outbox = "The outbox was not read, so late events are unknown.";
  return { days, outbox, isCompared: false };
}

function layerOf(layer: string, day: string, state: CellState, rows: number): LayerData {
  if (["waiting", "missing", "unusable"].includes(state)) return { state, parts: [] };
  const key = `${layer}/events/date=${day}/part-00000-bc2ed032.parquet`;
  const published = `${day}T23:59:59Z`;
  return { state, rows, bytes: rows * 90, published, parts: [[key, rows, rows * 90]] };
}
