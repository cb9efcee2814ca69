import { type PlatformCheck, platformOf } from "../../../../checks/preflight/platform.ts";
import { databaseEgress } from "../../../../checks/preflight/network/database_egress.ts";
import { egressPolicy } from "../../../../checks/preflight/network/egress_policy.ts";
import { neededBy, type Removal } from "../../../../checks/preflight/network/removed_rules.ts";
import { assert, assertEquals } from "../../../support/assert.ts";
import { HEALTHY, manifests, policy } from "../../healthy/connections.ts";

const JOBS = 16;

/** A job with a label of its own on its pods. */
const jobWith = (i: number) =>
  HEALTHY.job.replace(/(metadata:\n {2}name: )\S+/, `$1job-${i}`)
    .replace(/\n( +)spark-role: driver/, `\n$1spark-role: driver\n$1own: job-${i}`)
    .replace(
      /\n( +)- --conf=spark.executor.instances/,
      `\n$1- --conf=spark.kubernetes.executor.label.own=job-${i}` +
        "\n$1- --conf=spark.executor.instances",
    );

const rule = (port: number) =>
  `policyTypes: [Egress]\n  egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0 } }, ` +
  `{ namespaceSelector: {} }], ports: [{ port: ${port} }] }]`;
const numbers = Array.from({ length: JOBS }, (_, i) => i);

/** Each job with a policy for the store and one for Postgres, and policies that nothing needs. */
const platform = platformOf(
  manifests({
    job: numbers.map(jobWith).join("---\n"),
    store: "",
    outbox: "",
    more: "\n" + [
      ...numbers.flatMap((i) =>
        [["s3", 443], ["db", 5432]].map(([name, port]) =>
          policy(
            `${name}-${i}`,
            `podSelector: { matchLabels: { own: job-${i} } }\n  ${rule(Number(port))}`,
          )
        )
      ),
      ...numbers.map((i) => policy(`no-${i}`, `podSelector: {}\n  ${rule(8000 + i)}`)),
    ].join("---\n"),
  }),
  undefined,
);
const removals = platform.network.policies
  .filter(({ name }) => /^(s3|db|no)-/.test(name))
  .map((each): Removal => ({ policy: each, rule: each.rules.egress[0]!, after: [] }));

/** Checks that count the jobs that they judge. */
function counted(counts: number[]): PlatformCheck[] {
  return [databaseEgress, egressPolicy].map((check) => ({
    ...check,
    judge: (given) => {
      counts.push(given.network.jobs.length);
      return check.judge(given);
    },
  }));
}

Deno.test("neededBy finds the checks that need a rule, and judges few jobs for each rule", () => {
  const counts: number[] = [];
  const found = neededBy(platform, counted(counts), removals);
  assertEquals(
    removals.map((each) => [each.policy.name, found.get(each)?.map(({ id }) => id)]),
    removals.map(({ policy: { name } }) => [
      name,
      name.startsWith("s3")
        ? ["egress-policy"]
        : name.startsWith("db")
        ? ["database-egress"]
        : undefined,
    ]),
  );
  // Each removal for all jobs would be 2 checks * 48 removals * 16 jobs = 1536.
  const judged = counts.reduce((sum, count) => sum + count, 0);
  assert(judged <= 600, `${judged}`);
});
