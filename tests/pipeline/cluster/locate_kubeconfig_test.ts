import { findCluster } from "../../../pipeline/cluster/locate_kubeconfig.ts";
import { clusterConfig, type Environment } from "../../../pipeline/config.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

function environment(variables: Record<string, string>): Environment {
  return { get: (name) => Object.hasOwn(variables, name) ? variables[name] : undefined };
}

const NO_FLAGS = { context: undefined, namespace: undefined };

/** A home with a kubeconfig, and the directory of a service account. */
async function home() {
  const path = await Deno.makeTempDir({ prefix: "home-" });
  await Deno.mkdir(`${path}/.kube`);
  await Deno.writeTextFile(`${path}/.kube/config`, "");
  await Deno.mkdir(`${path}/account`);
  await Deno.writeTextFile(`${path}/account/token`, "token");
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("clusterConfig: prefers --kubeconfig, then KUBECONFIG, then ~/.kube/config", async () => {
  await using own = await home();
  const all = environment({ KUBECONFIG: "/a:/b", HOME: own.path });
  assertEquals(clusterConfig({ kubeconfig: "/c", context: "x", namespace: "n" }, all), {
    kind: "kubeconfig",
    files: ["/c"],
    by: "--kubeconfig",
    context: "x",
    namespace: "n",
  });
  assertEquals(clusterConfig({}, all), {
    kind: "kubeconfig",
    files: ["/a", "/b"],
    by: "KUBECONFIG",
    ...NO_FLAGS,
  });
  assertEquals(clusterConfig({}, environment({ KUBECONFIG: "", HOME: own.path })), {
    kind: "kubeconfig",
    files: [`${own.path}/.kube/config`],
    by: "~/.kube/config",
    ...NO_FLAGS,
  });
});

Deno.test("clusterConfig: KUBECONFIG can have empty and repeated paths", () => {
  assertEquals(clusterConfig({}, environment({ KUBECONFIG: ":/a::/b:/a:" })), {
    kind: "kubeconfig",
    files: ["/a", "/b"],
    by: "KUBECONFIG",
    ...NO_FLAGS,
  });
});

Deno.test("clusterConfig: says why there is no cluster", async () => {
  await using own = await home();
  assertEquals(clusterConfig({}, environment({})), {
    absent: "there is no kubeconfig (KUBECONFIG is not set, and neither is HOME)",
  });
  assertEquals(clusterConfig({}, environment({ HOME: `${own.path}/account` })), {
    absent: "there is no kubeconfig (KUBECONFIG is not set, and ~/.kube/config does not exist)",
  });
});

Deno.test("clusterConfig: refuses --context without a kubeconfig", () => {
  const failure = assertThrows(() => clusterConfig({ context: "x" }, environment({})), Failure);
  assertEquals(failure.kind, "configuration");
  assertStringIncludes(failure.message, "Cannot use --context x: there is no kubeconfig");
});

Deno.test("findCluster: uses the service account in a pod without a kubeconfig", async () => {
  await using own = await home();
  const account = `${own.path}/account`;
  const pod = (host: string) =>
    environment({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: "443" });
  const found = { kind: "in-cluster" as const, serviceAccount: account };
  assertEquals(findCluster({ namespace: "n" }, pod("10.43.0.1"), account), {
    ...found,
    server: "https://10.43.0.1:443",
    namespace: "n",
  });
  assertEquals(findCluster({}, pod("fd00::1"), account), {
    ...found,
    server: "https://[fd00::1]:443",
    namespace: undefined,
  });
});

Deno.test("findCluster: needs the token of a service account", async () => {
  await using own = await home();
  const env = environment({
    KUBERNETES_SERVICE_HOST: "10.43.0.1",
    KUBERNETES_SERVICE_PORT: "443",
  });
  assertEquals("absent" in findCluster({}, env, `${own.path}/.kube`), true);
  assertEquals("absent" in findCluster({}, environment({}), `${own.path}/account`), true);
});
