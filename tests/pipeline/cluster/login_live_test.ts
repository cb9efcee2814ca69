import { stringify } from "yaml";
import { ApiError } from "../../../pipeline/cluster/cluster.ts";
import { openCluster } from "../../../pipeline/cluster/open.ts";
import { clusterConfig } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { type Access, kubeconfig } from "../../cluster/kubeconfig.ts";
import { READS_ALL, tokenUntil, user } from "../../cluster/users.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { open, openSaid } from "./kubeconfigs.ts";

// Logins to a real API server.

const NAMESPACES = { apiVersion: "v1", kind: "Namespace" };
const REVIEW = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

/** Returns the name of a kubeconfig's user according to the API server. */
async function whoIs(text: string): Promise<string> {
  await using opened = await open(text);
  const { status } = await opened.cluster.create(REVIEW);
  return (status as { userInfo: { username: string } }).userInfo.username;
}

function tokenOf({ login }: Access): string {
  if ("token" in login) return login.token;
  throw new Error("This user has a certificate.");
}

/** Opens the cluster of a kubeconfig for the control plane. */
function clusterOf({ server, ca }: Access) {
  return { server, "certificate-authority-data": btoa(ca) };
}

clusterTest("logIn: with a client certificate", async () => {
  const { admin, kubeconfig: file } = controlPlane();
  assertEquals(await whoIs(kubeconfig(admin)), "kubernetes-admin");
  assertEquals(await whoIs(await Deno.readTextFile(file)), "kubernetes-admin");
});

clusterTest("logIn: with a token", async () => {
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  assertEquals(await whoIs(kubeconfig(reader)), "system:serviceaccount:default:reader");
});

clusterTest("logIn: runs an exec plugin once for many requests", async () => {
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  const folder = await Deno.makeTempDir({ prefix: "plugin-" });
  const apiVersion = "client.authentication.k8s.io/v1";
  const printed = { apiVersion, kind: "ExecCredential", status: { token: tokenOf(reader) } };
  await Deno.writeTextFile(`${folder}/credential`, JSON.stringify(printed), { mode: 0o600 });
  const lines = `#!/bin/sh\necho asked >> ${folder}/asked\ncat ${folder}/credential\n`;
  await Deno.writeTextFile(`${folder}/plugin`, lines, { mode: 0o700 });
  const exec = { apiVersion, command: `${folder}/plugin` };
  await using opened = await openSaid({ cluster: clusterOf(reader), user: { exec } });
  const { cluster } = opened;
  const reviews = await Promise.all([1, 2, 3].map(() => cluster.create(REVIEW)));
  for (const { status } of reviews) {
    assertStringIncludes(JSON.stringify(status), "system:serviceaccount:default:reader");
  }
  assertEquals(await Deno.readTextFile(`${folder}/asked`), "asked\n");
  await Deno.remove(folder, { recursive: true });
});

clusterTest("logIn: runs an exec plugin again when its credential expires", async () => {
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  const folder = await Deno.makeTempDir({ prefix: "plugin-" });
  const apiVersion = "client.authentication.k8s.io/v1";
  const printed = (expirationTimestamp: string) =>
    JSON.stringify({
      apiVersion,
      kind: "ExecCredential",
      status: { token: tokenOf(reader), expirationTimestamp },
    });
  await Deno.writeTextFile(`${folder}/credential`, printed("2020-01-01T00:00:00Z"));
  const lines = `#!/bin/sh\necho asked >> ${folder}/asked\ncat ${folder}/credential\n`;
  await Deno.writeTextFile(`${folder}/plugin`, lines, { mode: 0o700 });
  const exec = { apiVersion, command: `${folder}/plugin` };
  await using opened = await openSaid({ cluster: clusterOf(reader), user: { exec } });
  await opened.cluster.version();
  await Deno.writeTextFile(`${folder}/credential`, printed("2999-01-01T00:00:00Z"));
  for (const _ of [1, 2, 3]) await opened.cluster.version();
  assertEquals(await Deno.readTextFile(`${folder}/asked`), "asked\nasked\n");
  await Deno.remove(folder, { recursive: true });
});

clusterTest("openCluster: merges several kubeconfigs", async () => {
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  const folder = await Deno.makeTempDir({ prefix: "kubeconfigs-" });
  const parts: Record<string, object> = {
    clusters: { clusters: [{ name: "c", cluster: clusterOf(reader) }] },
    users: { users: [{ name: "u", user: { tokenFile: "token" } }] },
    contexts: {
      contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "robson" } }],
      "current-context": "x",
    },
  };
  for (const [name, part] of Object.entries(parts)) {
    await Deno.writeTextFile(`${folder}/${name}`, stringify(part));
  }
  await Deno.writeTextFile(`${folder}/token`, `${tokenOf(reader)}\n`);
  const KUBECONFIG = ["missing", ...Object.keys(parts)].map((name) => `${folder}/${name}`)
    .join(":");
  const env = { get: (name: string) => name === "KUBECONFIG" ? KUBECONFIG : undefined };
  const config = clusterConfig({}, env);
  assert(!("absent" in config));
  const cluster = await openCluster(config);
  assertEquals([cluster.context, cluster.namespace, cluster.server], [
    "x",
    "robson",
    reader.server,
  ]);
  assert((await cluster.list(NAMESPACES, undefined)).length > 3);
  cluster.close();
  await Deno.remove(folder, { recursive: true });
});

clusterTest("openCluster: with the service account of a pod", async () => {
  const { server, ca, login } = await user(controlPlane().admin, "reader", [READS_ALL]);
  const serviceAccount = await Deno.makeTempDir({ prefix: "service-account-" });
  const files = { "ca.crt": ca, token: "token" in login ? login.token : "", namespace: "robson\n" };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${serviceAccount}/${name}`, text);
  }
  const cluster = await openCluster({ kind: "in-cluster", server, serviceAccount });
  assertEquals([cluster.context, cluster.namespace], ["in-cluster", "robson"]);
  assert((await cluster.list(NAMESPACES, undefined)).length > 3);
  cluster.close();
  const other = await openCluster({ kind: "in-cluster", server, serviceAccount, namespace: "n" });
  assertEquals(other.namespace, "n");
  other.close();
  await Deno.remove(serviceAccount, { recursive: true });
});

async function refusedAs(said: Parameters<typeof openSaid>[0]): Promise<[ApiError, string]> {
  await using opened = await openSaid(said);
  const { cluster, file } = opened;
  return [await assertRejects(() => cluster.list(NAMESPACES, undefined), ApiError), file];
}

clusterTest("login_live: list: reports when an expired token expired", async () => {
  const { admin, folder } = controlPlane();
  await user(admin, "late", [READS_ALL]);
  const late = await tokenUntil(admin, folder, "late", new Date("2026-01-02T03:04:05Z"));
  const [error, file] = await refusedAs({
    cluster: clusterOf(late),
    user: { token: tokenOf(late) },
  });
  assertEquals([error.kind, error.status], ["configuration", 401]);
  assertEquals(
    error.message,
    `Cannot list Namespace objects: ${late.server} (context "suite") does not accept the credentials of ` +
      `someone in ${file}, which expired on 2026-01-02T03:04:05Z. Log in again, and check with: ` +
      `kubectl --context suite auth whoami --kubeconfig ${file}`,
  );
  assert(!Deno.inspect(error, { depth: 10 }).includes(tokenOf(late)));
});

clusterTest("login_live: list: reports a token that the server does not accept", async () => {
  const { admin } = controlPlane();
  const token = "not.a-token.of-this-cluster";
  const [error] = await refusedAs({ cluster: clusterOf(admin), user: { token } });
  assertEquals([error.kind, error.status, error.reason], [
    "configuration",
    401,
    "Unauthorized",
  ]);
  assertStringIncludes(error.message, "does not accept the credentials of someone in");
  assert(!Deno.inspect(error, { depth: 10 }).includes(token));
});

clusterTest("login_live: list: names the user without credentials", async () => {
  const { admin } = controlPlane();
  const [error, file] = await refusedAs({ cluster: clusterOf(admin) });
  assertEquals([error.kind, error.status], ["configuration", 403]);
  assertStringIncludes(error.message, `Give someone in ${file} a token or a certificate.`);
});

clusterTest("openCluster: the kubeconfig does not exist or cannot be read", async () => {
  const open = (...files: string[]) => openCluster({ kind: "kubeconfig", files, by: "KUBECONFIG" });
  const failure = await assertRejects(() => open("/nowhere/a", "/nowhere/b"), Failure);
  assertEquals(failure.kind, "configuration");
  assertStringIncludes(failure.message, "from KUBECONFIG: /nowhere/a and /nowhere/b do not exist.");
  const folder = await Deno.makeTempDir();
  const unreadable = await assertRejects(() => open(folder), Failure);
  assertStringIncludes(
    unreadable.message,
    `Cannot use the kubeconfig ${folder}: it cannot be read`,
  );
  await Deno.remove(folder);
});
