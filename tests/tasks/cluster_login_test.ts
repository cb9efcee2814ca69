import type { KubeObject } from "../../pipeline/cluster/cluster.ts";
import type { S3Config } from "../../pipeline/config.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { hidingLogin, type Login, withClusterLogin } from "../../tasks/cli/cluster_login.ts";
import { bringTo } from "../cluster/state.ts";
import { forwardedPod, serviceOf } from "../pipeline/cluster/kubelet.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { bronze, event, silver } from "../support/days.ts";
import { type ObjectStore, startObjectStore } from "../support/object_store.ts";
import { temporaryLake } from "../support/lakes.ts";
import { outbox } from "../support/postgres.ts";
import { runTask, type TaskOutcome } from "../support/task.ts";

// Runs status and postflight with the login of the cluster's Secrets, through the cluster, on a real
// control plane, Postgres and object store.

const JOBS = "analytics-jobs";

let server: ObjectStore;
let bucket: S3Config;
Deno.test.beforeAll(async () => {
  server = await startObjectStore();
  bucket = await server.createBucket("through-cluster");
});
Deno.test.afterAll(() => server.stop());

function secret(name: string, stringData: Record<string, string>): KubeObject {
  const metadata = { name, namespace: JOBS };
  return { apiVersion: "v1", kind: "Secret", metadata, stringData };
}

function run(command: string, ...args: string[]): Promise<TaskOutcome> {
  const how = [...args, "--kubeconfig", controlPlane().kubeconfig];
  return runTask(command, how, { AWS_REGION: bucket.region });
}

/** Returns the login that a command would use, with the Secrets and some switches. */
function loginWith(...switches: readonly string[]): Promise<Login> {
  const values = new Map([["credentials", "cluster"], ["kubeconfig", controlPlane().kubeconfig]]);
  const flags = {
    value: (name: string) => values.get(name),
    on: (name: string) => switches.includes(name),
    all: () => [],
    operand: undefined,
    operands: [],
  };
  return withClusterLogin(flags, undefined, (login) => Promise.resolve(login));
}

clusterTest(
  "status, postflight, show, clean, amend: log in with the Secrets, and through the cluster",
  async () => {
    await using db = await outbox({ events: [event(1), event(2)] });
    const lake = await openLake(bucket);
    await bronze(db, lake);
    await silver(lake);
    lake.close();
    await db.query(event(3)); // late
    const { port, name, user, password } = db.config;
    const host = "paradedb.default.svc.cluster.local";
    await bringTo(controlPlane(), [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: JOBS } },
      secret("django-db-credentials", {
        DJANGO_DB_HOST: host,
        DJANGO_DB_NAME: name,
        DJANGO_DB_USER: user,
        DJANGO_DB_PASSWORD: password,
      }),
      secret("contabo-s3-credentials", {
        S3_ENDPOINT: bucket.endpoint,
        S3_BUCKET: bucket.bucket,
        AWS_ACCESS_KEY_ID: bucket.accessKeyId,
        AWS_SECRET_ACCESS_KEY: bucket.secretAccessKey,
      }),
    ]);
    await using pod = await forwardedPod({ 5432: port });
    assertEquals(pod.namespace, "default");
    await using _service = await serviceOf(pod, "paradedb", 5432);
    // The process keeps its permissions only for a port forward.
    assertEquals((await loginWith()).forwards, false);
    assertEquals((await loginWith("port-forward")).forwards, true);

    const file = await Deno.makeTempFile({ suffix: ".html" });
    const way = ["2025-12-28", "--credentials", "cluster", "--port-forward"];
    const status = await run("status", ...way, "--check", "--output", `html=${file}`);
    assertEquals([status.code, status.stderr], [1, ""], status.stdout);
    assertMatch(status.stdout, /^2025-12-28 +sealed +2 .*\+1 late$/m);
    // The report has the name of the database, and not the forwarded port.
    const report = await Deno.readTextFile(file);
    await Deno.remove(file);
    assertStringIncludes(report, `${user}@${host}:5432/${name}`);

    const postflight = await run("postflight", ...way);
    assertEquals([postflight.code, postflight.stderr], [1, ""], postflight.stdout);
    assertStringIncludes(postflight.stdout, "FAIL   row-counts");
    const show = await run("show", "bronze", ...way, "--columns", "event_seq");
    assertEquals([show.code, show.stderr], [0, ""], show.stdout);
    assertStringIncludes(show.stdout, "bronze 2025-12-28, sealed: 2 rows");
    const clean = await run("clean", ...way, "--dry-run");
    assertEquals([clean.code, clean.stderr], [0, ""], clean.stdout);
    const amend = await run("amend", ...way, "--yes");
    assertEquals([amend.code, amend.stderr], [0, ""], amend.stdout);
    const amended = await run("status", ...way);
    assertMatch(amended.stdout, /^2025-12-28 +sealed +3 /m);
    // The clock of the database decides which day is today.
    const today = ["--credentials", "cluster", "--port-forward"];
    const cleaned = await run("clean", "today", ...today);
    assertEquals([cleaned.code, cleaned.stderr], [0, ""], cleaned.stdout);

    for (const { stdout } of [status, postflight, show, clean, amend]) {
      for (const value of [password, bucket.secretAccessKey]) assert(!stdout.includes(value));
    }
  },
);

clusterTest("status, postflight: exit with 2 if the cluster has no Secret", async () => {
  await bringTo(controlPlane(), [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: JOBS } },
  ]);
  for (const command of ["status", "postflight"]) {
    const { code, stderr } = await run(command, "2025-12-28", "--credentials", "cluster");
    assertEquals(code, 2);
    assertStringIncludes(stderr, `Secret ${JOBS}/django-db-credentials: it does not exist`);
  }
});

Deno.test("status, postflight: advise --port-forward for a Service that cannot be reached from here", async () => {
  await using lake = await temporaryLake();
  const env = {
    LAKE_URL: `file://${lake.path}`,
    DJANGO_DB_PASSWORD: "x",
    DJANGO_DB_HOST: "db.robson.svc",
  };
  for (const command of ["status", "postflight"]) {
    const { code, stdout } = await runTask(command, ["2025-12-28"], env);
    assertEquals(code, command === "status" ? 3 : 1, stdout);
    assertStringIncludes(stdout, "then run again. From outside the cluster, add --port-forward.");
    const other = await runTask(command, ["2025-12-28"], { ...env, DJANGO_DB_HOST: "db.invalid" });
    assert(!other.stdout.includes("port-forward"), other.stdout);
  }
});

clusterTest(
  "status: advises --port-forward also with the login of the cluster's Secrets",
  async () => {
    await bringTo(controlPlane(), [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: JOBS } },
      secret("django-db-credentials", {
        DJANGO_DB_HOST: "db.robson.svc",
        DJANGO_DB_NAME: "n",
        DJANGO_DB_USER: "u",
        DJANGO_DB_PASSWORD: "unus3d",
      }),
      secret("contabo-s3-credentials", {
        S3_ENDPOINT: bucket.endpoint,
        S3_BUCKET: bucket.bucket,
        AWS_ACCESS_KEY_ID: bucket.accessKeyId,
        AWS_SECRET_ACCESS_KEY: bucket.secretAccessKey,
      }),
    ]);
    const { code, stdout } = await run("status", "2025-12-28", "--credentials", "cluster");
    assertEquals(code, 3, stdout);
    assertStringIncludes(stdout, "From outside the cluster, add --port-forward.");
  },
);

Deno.test("status, postflight, amend, clean, show: refuse a cluster that they would not use", async () => {
  for (const command of ["status", "postflight", "amend", "clean", "show bronze"]) {
    for (const flag of ["--kubeconfig", "--context", "--namespace"]) {
      const [name, ...layer] = command.split(" ");
      const how = [...layer, "2025-12-28", flag, "a"];
      const { code, stdout, stderr } = await runTask(name!, how, {
        LAKE_URL: "file:///nowhere",
        DJANGO_DB_PASSWORD: "x",
      });
      assertEquals([code, stdout], [2, ""]);
      assertEquals(
        stderr,
        `Cannot use ${flag}: without --credentials cluster or --port-forward, the command uses no ` +
          `cluster. Add one of them, or leave out ${flag}.\n`,
      );
    }
  }
});

Deno.test("hidingLogin: hides every secret of a login", () => {
  const database = { host: "db", port: 5432, name: "n", user: "u", password: "pw" };
  const lake = {
    ...{ kind: "s3", endpoint: "https://s3.example", region: "r", bucket: "b" } as const,
    ...{ accessKeyId: "id", secretAccessKey: "key", sessionToken: "token" },
  };
  const reporter = { command: "status", json: false, secrets: ["own"] };
  const { secrets } = hidingLogin(reporter, { database, lake });
  assertEquals(secrets, ["own", "pw", "id", "key", "token"]);
});
