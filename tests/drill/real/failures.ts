import type { RealFailure } from "./failure.ts";

// The failures that the drill on a real node provokes: the seven of the runbook's first run, and
// six others.

const NAMESPACE = "analytics-jobs";
/** The state of the cluster now. */
const LIVE = "cluster";
/** The same, with a login to the database. */
const LOGIN = "cluster,database";
/** The state after the manifests are applied, with the code of the jobs. */
const ALL = "manifests,cluster";

const REPLAY = "image/jobs/deep_storage/replay.py";
const CONTRACT = "image/jobs/deep_storage/contract.py";
const BRONZE = "50-bronze-ingest.yaml";
const UNTYPED = "F.lit(None)";

/** All failures, those of the runbook first. */
export const FAILURES: readonly RealFailure[] = [
  {
    id: "missing-jar",
    injected: "a step of the Dockerfile removes hadoop-aws from the image",
    foundBy: "image-deps",
    facts: "manifests,cluster,image",
    runner: "bronze",
    inject: ({ build }) => build({ without: "hadoop-aws" }),
    async follow({ build }, findings) {
      const [{ fix }] = findings as [typeof findings[0] & { fix: string }];
      if (
        !/^Remove the instruction that deletes hadoop-aws-.*\.jar from the Dockerfile\.$/.test(fix)
      ) {
        throw new Error(`The fix is not to remove the instruction: ${fix}`);
      }
      await build({});
    },
  },
  {
    id: "selector-trap",
    injected: "NetworkPolicy allow-s3-egress has namespaceSelector: {}",
    foundBy: "egress-policy",
    facts: LIVE,
    runner: "bronze",
    inject: ({ kubectl }) =>
      kubectl(
        ...["-n", NAMESPACE, "patch", "networkpolicy", "allow-s3-egress", "--type=json", "-p"],
        '[{"op":"replace","path":"/spec/egress/0/to","value":[{"namespaceSelector":{}}]}]',
      ),
  },
  {
    id: "missing-namespace-label",
    injected: "Namespace robson lacks its label name=robson",
    foundBy: "namespace-labels",
    facts: LIVE,
    runner: "bronze",
    inject: ({ kubectl }) => kubectl("label", "namespace", "robson", "name-"),
  },
  {
    id: "escaped-password",
    injected: 'the password in Secret django-db-credentials has a backslash before "!"',
    foundBy: "secret-escaping",
    alsoFoundBy: ["database-login"],
    facts: LOGIN,
    runner: "bronze",
    inject: (platform, day) =>
      mergeInto("secret", "django-db-credentials", {
        stringData: { DJANGO_DB_PASSWORD: platform.password.replace("!", "\\!") },
      })(platform, day),
  },
  {
    id: "model-table",
    injected: "contract.py names Django's model, api_stopevent, as the table",
    foundBy: "table-name",
    facts: ALL,
    runner: "as it is",
    async inject({ edit, build, replaceJob }, day) {
      await edit(BRONZE, withDay(`"${day}"`));
      await replaceJob(BRONZE);
      await edit(
        CONTRACT,
        (code) => code.replace('OUTBOX_TABLE = "stop_events"', 'OUTBOX_TABLE = "api_stopevent"'),
      );
      await build({});
    },
    async follow({ editAt, build, replaceJob }, findings) {
      for (const finding of findings) {
        const [, table] = /^Write (\w+)\.$/.exec(finding.fix)!;
        await editAt(finding, (line) => line.replace("api_stopevent", table!));
      }
      await build({});
      await replaceJob(BRONZE);
    },
  },
  {
    id: "shell-date",
    injected: "Job bronze-ingest-manual has JOB_DATE=$(date +%F)",
    foundBy: "timestamp-env",
    facts: ALL,
    runner: "as it is",
    async inject({ edit, replaceJob }) {
      await edit(BRONZE, withDay("$(date +%F)"));
      await replaceJob(BRONZE);
    },
    async follow({ editAt, replaceJob }, findings, day) {
      for (const finding of findings) {
        if (!finding.fix.includes("Or set a day such as")) {
          throw new Error(`The fix is not to set a day: ${finding.fix}`);
        }
        await editAt(finding, (line) => line.replace("$(date +%F)", `"${day}"`));
      }
      await replaceJob(BRONZE);
    },
  },
  {
    id: "untyped-null",
    injected: "replay.py fills exchange_order_id with lit(None), without a type",
    foundBy: "parquet-void",
    facts: ALL,
    runner: "silver",
    async inject({ edit, build, copyBronze }, day) {
      await copyBronze(day);
      await edit(REPLAY, (code) =>
        code.replace(
          /^( *)columns\.append\(last\..*\)$/m,
          [
            '$1if column.name == "exchange_order_id":',
            `$1    columns.append(${UNTYPED}.alias("exchange_order_id"))`,
            "$1    continue",
            "$&",
          ].join("\n"),
        ));
      await build({});
    },
    async follow({ editAt, build }, findings) {
      for (const finding of findings) {
        const [, typed] = /^Add a type: (lit\(None\)\.cast\("\w+"\)\.alias\(.+\))$/.exec(
          finding.fix,
        )!;
        await editAt(
          finding,
          (line) => line.replace(`${UNTYPED}.alias("exchange_order_id")`, `F.${typed}`),
        );
      }
      await build({});
    },
  },
  {
    id: "no-dns",
    injected: "NetworkPolicy allow-dns-egress is missing",
    foundBy: "dns-egress",
    facts: LIVE,
    runner: "bronze",
    inject: deletePolicy("allow-dns-egress"),
  },
  {
    id: "no-api",
    injected: "NetworkPolicy allow-kubernetes-api-egress is missing",
    foundBy: "kubernetes-api-egress",
    facts: LIVE,
    runner: "bronze",
    inject: deletePolicy("allow-kubernetes-api-egress"),
  },
  {
    id: "no-executor-traffic",
    injected: "NetworkPolicy allow-driver-executor-traffic is missing",
    foundBy: "driver-executor-traffic",
    facts: LIVE,
    runner: "bronze",
    inject: deletePolicy("allow-driver-executor-traffic"),
  },
  {
    id: "wrong-password",
    injected: "Secret django-db-credentials has another password",
    foundBy: "database-login",
    facts: LOGIN,
    runner: "bronze",
    inject: mergeInto("secret", "django-db-credentials", {
      stringData: { DJANGO_DB_PASSWORD: "another" },
    }),
  },
  {
    id: "small-quota",
    injected: "ResourceQuota analytics-jobs allows 2 CPU",
    foundBy: "quota-fit",
    facts: LIVE,
    runner: "bronze",
    inject: mergeInto("resourcequota", "analytics-jobs", {
      spec: { hard: { "requests.cpu": "2", "limits.cpu": "2" } },
    }),
  },
  {
    id: "node-without-label",
    injected: "Node analytics-1 lacks its label robson.io/pool",
    foundBy: "node-pool",
    facts: LIVE,
    runner: "bronze",
    inject: ({ kubectl }) => kubectl("label", "node", "analytics-1", "robson.io/pool-"),
  },
];

/** Returns an edit that sets JOB_DATE of a Job. */
function withDay(value: string): (text: string) => string {
  return (text) =>
    text.replace(
      /^( *)env:$/m,
      (line, space) => `${line}\n${space}  - name: JOB_DATE\n${space}    value: ${value}`,
    );
}

function deletePolicy(name: string): RealFailure["inject"] {
  return ({ kubectl }) => kubectl("-n", NAMESPACE, "delete", "networkpolicy", name);
}

/** Returns an injection that merges fields into an object. */
function mergeInto(kind: string, name: string, fields: object): RealFailure["inject"] {
  return ({ kubectl }) =>
    kubectl(
      ...["-n", NAMESPACE, "patch", kind, name, "--type=merge", "-p", JSON.stringify(fields)],
    );
}
