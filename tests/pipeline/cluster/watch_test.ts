import type { Cluster, KubeObject } from "../../../pipeline/cluster/cluster.ts";
import { ApiError } from "../../../pipeline/cluster/cluster.ts";
import { linesOf } from "../../../pipeline/cluster/lines.ts";
import { openApi } from "../../cluster/api.ts";
import { type Access, kubeconfig } from "../../cluster/kubeconfig.ts";
import { until } from "../../cluster/until.ts";
import { user } from "../../cluster/users.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { open } from "./kubeconfigs.ts";
import { type Interference, watchProxy } from "./watch_proxy.ts";

// Watches of a real API server, also through a proxy that interferes with them.

const CONFIG_MAP = { apiVersion: "v1", kind: "ConfigMap" };

/** A namespace that is watched. The end of the block ends the watch and removes the namespace. */
async function watched(access: Access) {
  const namespace = `w-${crypto.randomUUID()}`;
  using api = openApi(controlPlane().admin);
  await api.call("POST", "/api/v1/namespaces", {
    ...{ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  });
  const opened = await open(kubeconfig(access));
  const own = await open(kubeconfig(controlPlane().admin));
  const ending = new AbortController();
  const seen: string[][] = [];
  const troubles: string[] = [];
  const watching = opened.cluster.watch(CONFIG_MAP, namespace, {
    signal: ending.signal,
    onChange: (objects) => seen.push(namesOf(objects)),
    onTrouble: (failure) => troubles.push(failure.kind),
  });
  watching.catch(() => {}); // a test that expects the failure awaits it
  return {
    cluster: own.cluster,
    namespace,
    seen,
    troubles,
    watching,
    make: (name: string) => own.cluster.create(configMap(name, namespace)),
    shows: (names: readonly string[]) =>
      until(`the watch shows ${names}`, () => {
        return Promise.resolve(JSON.stringify(seen.at(-1)) === JSON.stringify(names));
      }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await watching.catch(() => {});
      await opened[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
      using api = openApi(controlPlane().admin);
      await api.call("DELETE", `/api/v1/namespaces/${namespace}`);
    },
  };
}

function configMap(name: string, namespace: string) {
  return { ...CONFIG_MAP, metadata: { name, namespace }, data: {} };
}

function namesOf(objects: ReadonlyMap<string, KubeObject>): string[] {
  return [...objects.values()].map(({ metadata }) => metadata.name)
    .filter((name) => name !== "kube-root-ca.crt").sort();
}

clusterTest("watch: ends with an error of its receiver", async () => {
  const opened = await open(kubeconfig(controlPlane().admin));
  await using _ = opened;
  const watching = opened.cluster.watch(CONFIG_MAP, "default", {
    signal: new AbortController().signal,
    onChange() {
      throw new TypeError("a defect of the receiver");
    },
    onTrouble() {},
  });
  await assertRejects(() => watching, TypeError, "a defect of the receiver");
});

clusterTest("watch: shows the objects as they are, and each change of them", async () => {
  await using own = await watched(controlPlane().admin);
  await own.shows([]);
  await own.make("a");
  await own.shows(["a"]);
  await own.make("b");
  await own.shows(["a", "b"]);
  await own.cluster.remove(CONFIG_MAP, "a", own.namespace);
  await own.shows(["b"]);
  assertEquals(own.troubles, []);
});

const interferences: readonly (readonly [string, Interference])[] = [
  ["drops the connection", { watches: "drop" }],
  ["drops the connection within a line", { watches: "half a line" }],
  ["says that the version is gone, in the stream", { watches: "gone" }],
  ["says that the version is gone, with status 410", { watches: 410 }],
  ["refuses every watch", { watches: 403 }],
  ["ends each watch at once", { watches: "end" }],
];
for (const [what, interference] of interferences) {
  clusterTest(`watch: shows each change if a proxy ${what}`, async () => {
    await using proxy = await watchProxy(controlPlane(), interference);
    await using own = await watched(proxy.access);
    await own.make("a");
    await own.shows(["a"]);
    await until("the watch was interrupted twice", () => Promise.resolve(proxy.count() >= 2));
    await own.make("b");
    await own.cluster.remove(CONFIG_MAP, "a", own.namespace);
    await own.shows(["b"]);
    assertEquals(own.troubles, []);
  });
}

clusterTest("watch: reports a server that is away, and continues when it is back", async () => {
  await using proxy = await watchProxy(controlPlane(), {});
  await using own = await watched(proxy.access);
  await own.make("a");
  await own.shows(["a"]);
  await proxy.stop();
  await own.make("b");
  await until("the trouble is reported", () => Promise.resolve(own.troubles.length > 0));
  assertEquals(new Set(own.troubles), new Set(["unreachable"]));
  assertEquals(own.seen.at(-1), ["a"]);
  await proxy.start();
  await own.shows(["a", "b"]);
});

clusterTest("watch: throws if the server refuses the first list", async () => {
  const { admin } = controlPlane();
  await using own = await watched(await user(admin, "watches-nothing", []));
  const error = await assertRejects(() => own.watching, ApiError);
  assertEquals(error.status, 403);
  assertStringIncludes(error.message, "Cannot watch ConfigMap objects in the namespace ");
});

clusterTest("watch: ends without an error when the signal aborts", async () => {
  const opened = await open(kubeconfig(controlPlane().admin));
  await using _ = opened;
  const ending = new AbortController();
  let calls = 0;
  await opened.cluster.watch(CONFIG_MAP, "default", {
    signal: ending.signal,
    onChange: () => void (calls++, ending.abort()),
    onTrouble() {},
  });
  assertEquals(calls, 1);
});

clusterTest("log: the server's refusal names the pod and the reason", async () => {
  await using opened = await open(kubeconfig(controlPlane().admin));
  const lines = (cluster: Cluster) => Array.fromAsync(cluster.log("default", "no-pod", "main"));
  const error = await assertRejects(() => lines(opened.cluster), ApiError);
  assertEquals(error.status, 404);
  assertStringIncludes(error.message, "Cannot read the log of Pod default/no-pod");
});

Deno.test("linesOf: yields each line once, for any division into pieces", async () => {
  const text = "one\n\nz\u00fcge\n\u{1F686}\nlast";
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
    const lines = await Array.fromAsync(linesOf(ReadableStream.from(pieces)));
    assertEquals(lines, text.split("\n"), `pieces of ${size}`);
  }
  assertEquals(await Array.fromAsync(linesOf(ReadableStream.from([]))), []);
});
