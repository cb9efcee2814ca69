import type { Result } from "../../checks/finding.ts";
import type { Report } from "../../checks/report/report.ts";

/** A name that would run a script if it were HTML. */
export const HOSTILE = `</script><img src="x" onerror="alert(1)"><!--'"&amp;\u2028\u202e`;

function result(id: string, section: string, verdict: Result["verdict"]): Result {
  return { id, section, title: `the condition of ${id}`, verdict, findings: [] };
}

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
      { severity: "warn", object: "session 4711", problem: "it is 3 h old", fix: "end it" },
    ],
  },
];

/** A report of preflight with every verdict, and with names that are HTML. */
export const REPORT: Report = { command: "preflight", results: RESULTS, exitCode: 1 };
