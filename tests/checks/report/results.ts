import type { Report } from "../../../checks/report/report.ts";

/** One result of each verdict, with every character that a report has to escape. */
export const REPORT: Report = {
  command: "postflight",
  date: "2025-12-28",
  exitCode: 1,
  results: [
    {
      id: "bronze-committed",
      title: "the day's bronze has a commit marker",
      verdict: "pass",
      examined: "bronze/events/date=2025-12-28/_commit.json: sealed, 2 events in 1 part",
      findings: [],
    },
    {
      id: "row-counts",
      title: "bronze has every event of the outbox exactly once",
      verdict: "fail",
      examined: "2 events, each compared with the outbox",
      findings: [
        {
          severity: "fail",
          object: "bronze/events/date=2025-12-28/_commit.json",
          field: "event_id",
          problem:
            "1 event was added after the day was sealed: 018f6f1e-0000-7000-8000-000000000003",
          why: "readers do not see these events until an amendment adds them",
          fix: "deno task amend --date 2025-12-28",
        },
        {
          severity: "warn",
          object: 'a "key" with <angles> & an\u0000\u001b[31m escape\u202e',
          problem: "two\nlines, a lone \ud800 surrogate and \ufffe",
          fix: "none",
        },
      ],
    },
    {
      id: "event-types",
      title: "every event is of a known type",
      verdict: "warn",
      examined: "2 events of 2 types",
      findings: [{
        severity: "warn",
        object: "bronze/events/date=2025-12-28/",
        field: "event_type",
        problem: 'the contract does not know "PARTIAL_FILL" (1 event)',
        why: "silver follows only the types that it knows",
        fix: "Ask who writes it.",
      }],
    },
    {
      id: "silver-rows",
      title: "silver has one row for each operation that executed",
      verdict: "skip",
      reason: "silver has no commit marker (see silver-current)",
      findings: [],
    },
    {
      id: "fill-price",
      title: "every completed execution has a fill price",
      verdict: "skip",
      reason: "prices come tomorrow",
      requested: true,
      findings: [],
    },
    {
      id: "silver-current",
      title: "silver was made from the current bronze",
      verdict: "error",
      reason: "Cannot gather the facts about silver: it took longer than 30 s. Allow more time.",
      findings: [],
    },
    {
      id: "quarantine",
      title: "no event of the day is in quarantine",
      verdict: "not-applicable",
      reason: "there is no quarantine",
      findings: [],
    },
  ],
};
