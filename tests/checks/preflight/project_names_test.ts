import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import type { ClusterOpened } from "../../../checks/facts/cluster.ts";
import type { ManifestsFact } from "../../../checks/facts/manifests.ts";
import { storing } from "../../../checks/preflight/secrets/secret_values.ts";
import { runChecks } from "../../../checks/runner.ts";
import { databaseOfSecret, lakeOfSecret } from "../../../pipeline/cluster/job_secrets.ts";
import { DEFAULT_PROJECT, type Project } from "../../../pipeline/contract/project.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";
import { readObjects } from "../../../checks/facts/cluster/objects.ts";
import type { Cluster } from "../../../pipeline/cluster/cluster.ts";
import { CLUSTER, forbidding, without } from "../healthy/cluster.ts";
import { ALL_FILES, change, factOf, FILES, JOB } from "../healthy/manifests.ts";

// Another platform has other names and a project file. The checks must find there exactly what they
// find on ours.

const NAMES: readonly (readonly [string | RegExp, string])[] = [
  ["analytics-jobs", "etl-work"],
  [/\brobson\b/g, "shop"],
  ["django-db-credentials", "orders-db"],
  ["contabo-s3-credentials", "store-keys"],
  ["eu2.contabostorage.com", "s3.shop.example"],
  ["ghcr.io/ldamasio/rbs-spark:3.5.8-phase1", "registry.shop.example/team/jobs:2.0"],
  ["stop_event", "order_event"],
  ["stopevent", "orderevent"],
];

const renamed = (text: string) =>
  NAMES.reduce((all, [name, other]) => all.replaceAll(name, other), text);

/** Renames all texts in a value. */
function renamedIn<T>(value: T): T {
  if (typeof value === "string") return renamed(value) as T;
  if (Array.isArray(value)) return value.map(renamedIn) as T;
  if (value instanceof Map) {
    return new Map([...value].map(([key, each]) => [renamedIn(key), renamedIn(each)])) as T;
  }
  if (typeof value !== "object" || value === null || value instanceof Failure) return value;
  const entries = Object.entries(value).map(([key, each]) => [renamed(key), renamedIn(each)]);
  return Object.fromEntries(entries);
}

const OTHER: Project = JSON.parse(renamed(JSON.stringify(DEFAULT_PROJECT)));

async function judge(manifests: ManifestsFact | undefined, cluster: ClusterOpened | undefined) {
  const absent = { absent: "left out", requested: true } as const;
  const results = await runChecks(PREFLIGHT, {
    manifests: manifests === undefined ? absent : () => Promise.resolve(manifests),
    cluster: cluster === undefined ? absent : () => Promise.resolve(cluster),
    database: absent,
    lake: absent,
    image: absent,
  }, { timeoutMs: 120_000 });
  // The time of a check differs, and the title is the same on every platform.
  return results.map(({ id, verdict, examined, unchecked, reason, findings, notJudged }) => (
    { id, verdict, examined, unchecked, reason, findings, notJudged }
  ));
}

/** Asserts that both platforms have the same results, with their own names. */
async function assertSame(
  files: Readonly<Record<string, string>> | undefined,
  cluster?: ClusterOpened,
): Promise<string> {
  const theirFiles = files &&
    Object.fromEntries(Object.entries(files).map(([path, text]) => [path, renamed(text)]));
  const ours = await judge(files && factOf(files), cluster);
  const theirs = await judge(
    theirFiles && { ...factOf(theirFiles), project: OTHER },
    cluster && { ...renamedIn(cluster), project: OTHER },
  );
  assertEquals(theirs, renamedIn(ours));
  return JSON.stringify(theirs);
}

Deno.test("preflight judges renamed manifests with their project as it judges ours", async () => {
  const results = await assertSame(ALL_FILES);
  assert(!results.includes('"fail"'), results);
  assert(!/analytics-jobs|robson|django-db|contabo|stop_events/.test(results), results);
});

Deno.test("preflight judges a renamed cluster with its project as it judges ours", async () => {
  await assertSame(ALL_FILES, CLUSTER);
  await assertSame(undefined, CLUSTER);
});

Deno.test("preflight does not pass if the namespace of the project has no job in the cluster", async () => {
  const project = { ...DEFAULT_PROJECT, jobs: { ...DEFAULT_PROJECT.jobs, namespace: "robson" } };
  const objects = CLUSTER.objects.filter(({ kind, namespace }) =>
    namespace !== "robson" || kind === "Namespace"
  );
  const results = await judge(undefined, { ...CLUSTER, objects, project });
  const unknown = results.filter(({ verdict }) => verdict === "error");
  assertEquals(unknown.map(({ id }) => id).includes("egress-policy"), true);
  assertStringIncludes(
    unknown[0]!.reason!,
    "there is no Job, CronJob or Pod in namespace robson. Correct jobs.namespace, or run: deno task apply",
  );
});

const FAULTS: readonly (readonly [what: string, from: string, to: string])[] = [
  ["label of the pool", "robson.io/pool: analytics", "robson.io/pool: web"],
  ["toleration", "key: robson.io/dedicated", "key: robson.io/other"],
  ["image", "image: ghcr.io/ldamasio/rbs-spark:3.5.8-phase1", "image: apache/spark:3.5.8"],
  ["Secret", "name: django-db-credentials", "name: django-db"],
];

for (const [what, from, to] of FAULTS) {
  Deno.test(`preflight reports a wrong ${what} of renamed manifests with their names`, async () => {
    const results = await assertSame(change(JOB, from, to));
    assert(what === "Secret" || results.includes('"fail"'), results);
  });
}

Deno.test("preflight reports a wrong table and loopback of renamed manifests", async () => {
  const code = `${FILES["image/jobs/lookalikes.py"]}\nquery = "SELECT * FROM api_stopevent"\n`;
  assertStringIncludes(
    await assertSame({ ...FILES, "image/jobs/lookalikes.py": code }),
    "Write order_events.",
  );
  const secrets = FILES["secrets.yaml"]!.replace(
    /(S3_ENDPOINT|DJANGO_DB_HOST): .*/g,
    "$1: localhost",
  );
  const results = await assertSame({ ...FILES, "secrets.yaml": secrets });
  assertStringIncludes(results, "as in paradedb.shop.svc.cluster.local");
  assertStringIncludes(results, "as in https://s3.shop.example");
});

Deno.test("preflight reports faults of a renamed cluster with its names", async () => {
  for (
    const cluster of [
      without("Namespace robson"),
      without("Namespace analytics-jobs"),
      without("Secret analytics-jobs/django-db-credentials"),
      without("NetworkPolicy analytics-jobs/allow-outbox-egress"),
      forbidding("Service", "robson"),
      forbidding("Secret", "analytics-jobs"),
    ]
  ) {
    await assertSame(FILES, cluster);
  }
});

/** Fields of the project with another value, and the checks whose results then differ. */
const EFFECTS: readonly (readonly [field: string, value: string, ids: readonly string[]])[] = [
  ["jobs.namespace", "other", ["egress-policy", "namespace-labels", "isolation"]],
  ["database.namespace", "other", ["namespace-labels"]],
  ["database.host", "db.other.svc.cluster.local", ["database-egress"]],
  ["database.table", "stop_event_log", ["table-name"]],
  ["nodes.label", "pool=spark", ["node-pool"]],
  ["nodes.taint", "only=spark:NoExecute", ["node-pool"]],
];

function projectWith(field: string, value: string): Project {
  const [group, name] = field.split(".") as [Exclude<keyof Project, "file">, string];
  return { ...DEFAULT_PROJECT, [group]: { ...DEFAULT_PROJECT[group], [name]: value } };
}

for (const [field, value, ids] of EFFECTS) {
  Deno.test(`${field} of the project decides ${ids.join(", ")}`, async () => {
    // Without Secrets, the host of Postgres is not in the manifests.
    const { "secrets.yaml": _, ...files } = FILES;
    const fact = factOf({ ...files, "dump.sql": "SELECT * FROM stop_event_logs;" });
    const [before, after] = await Promise.all([
      judge(fact, undefined),
      judge({ ...fact, project: projectWith(field, value) }, undefined),
    ]);
    for (const id of ids) {
      const of = (results: typeof before) => JSON.stringify(results.find((each) => each.id === id));
      assert(of(before) !== of(after), `${id}: ${of(after)}`);
    }
  });
}

Deno.test("the Secrets of the project decide logins and fixes", () => {
  const project = projectWith("database.secret", "orders-db");
  const { message } = assertThrows(() => databaseOfSecret(undefined, new Map(), project), Failure);
  assertStringIncludes(message, "Secret analytics-jobs/orders-db: it does not exist");
  const lake = projectWith("lake.secret", "store-keys");
  assertStringIncludes(
    assertThrows(() => lakeOfSecret(undefined, new Map(), lake), Failure).message,
    "Secret analytics-jobs/store-keys",
  );
  const secret = { namespace: "analytics-jobs", name: "orders-db" };
  assertStringIncludes(storing(secret, ["x"], project), "deno task secrets");
  assertStringIncludes(storing(secret, ["x"], lake), "kubectl");
  const { message: fromFile } = assertThrows(
    () => databaseOfSecret(undefined, new Map(), { ...project, file: "names.json" }),
    Failure,
  );
  assert(
    fromFile.endsWith("Create it with: deno task secrets --port-forward --project names.json"),
    fromFile,
  );
});

Deno.test("readObjects reads the namespaces of the project, also if both are the same", async () => {
  const namespacesOf = async (project: Project) => {
    const read = new Map<string, string[]>();
    const list: Cluster["list"] = ({ kind }, namespace) => {
      if (namespace !== undefined) read.set(namespace, [...read.get(namespace) ?? [], kind]);
      return Promise.resolve([]);
    };
    const cluster = {
      list,
      get: () => Promise.resolve(undefined),
      apiGroups: () => Promise.resolve(new Map()),
      isNamespaced: () => Promise.resolve(undefined),
    } as Partial<Cluster> as Cluster;
    await readObjects(cluster, [], undefined, project);
    return read;
  };
  const read = await namespacesOf(OTHER);
  assertEquals([...read.keys()].sort(), ["etl-work", "kube-system", "shop"]);
  assertEquals(read.get("shop"), ["Service", "NetworkPolicy", "EndpointSlice"]);
  assert(read.get("etl-work")!.includes("CronJob"));
  const same = await namespacesOf(projectWith("database.namespace", "analytics-jobs"));
  assertEquals([...same.keys()].sort(), ["analytics-jobs", "kube-system"]);
  const kinds = same.get("analytics-jobs")!;
  assertEquals(kinds.length, new Set(kinds).size);
  assert(kinds.includes("CronJob") && kinds.includes("EndpointSlice"));
});
