import { ApiError } from "../../../pipeline/cluster/cluster.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { connect } from "../../../pipeline/outbox/connection.ts";
import { kubeconfig } from "../../cluster/kubeconfig.ts";
import { until } from "../../cluster/until.ts";
import { READS_ALL, user } from "../../cluster/users.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { deadPort } from "../../support/dead_port.ts";
import { serverConfig } from "../../support/postgres.ts";
import { open } from "./kubeconfigs.ts";
import { forwardedPod } from "./kubelet.ts";

// Port forwards to pods, through a real API server and a node of kwok.

const admin = () => open(kubeconfig(controlPlane().admin));

/** A server on this machine that the ports of pods lead to. */
function server(serve: (conn: Deno.Conn) => Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served: Promise<void>[] = [];
  const serving = (async () => {
    for await (const conn of listener) {
      served.push(serve(conn).catch(() => {}).finally(() => conn.close()));
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      await Promise.all(served);
    },
  };
}

async function echo(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const length = await conn.read(buffer);
    if (length === null) return;
    await write(conn, buffer.subarray(0, length));
  }
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function read(conn: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await conn.read(bytes.subarray(at));
    if (count === null) throw new Error(`The connection ended after ${at} bytes.`);
    at += count;
  }
  return bytes;
}

function local(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** Waits for the end of a connection, with or without an error. */
async function isOpen(port: number): Promise<boolean> {
  try {
    (await local(port)).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

async function untilEnd(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // The connection was reset.
  }
}

clusterTest("port_forward: forward: Postgres in a pod answers at the local port", async () => {
  const config = serverConfig();
  await using pod = await forwardedPod({ 5432: config.port });
  await using opened = await admin();
  const forward = await opened.cluster.forward(pod.namespace, pod.name, 5432);
  const connection = await connect({ ...config, port: forward.port });
  assertEquals(await connection.query("SELECT 1 + 1 AS two"), [{ two: "2" }]);
  let bytes = 0;
  for await (
    const block of connection.copy("SELECT repeat('x', 1000) FROM generate_series(1, 9999)")
  ) {
    bytes += block.length;
  }
  assert(bytes > 9_999_000);
  // The client waits until Postgres closes its side, which this node does not report.
  const closed = connection.close();
  await forward.close();
  await closed;
  assertEquals(forward.problem(), undefined);
});

clusterTest("port_forward: forward: connections at the same time get their own bytes", async () => {
  await using target = server(echo);
  await using pod = await forwardedPod({ 80: target.port });
  await using opened = await admin();
  const forward = await opened.cluster.forward(pod.namespace, pod.name, 80);
  await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    const sent = new Uint8Array(1_000_003).map((_, at) => at * (i + 3));
    const conn = await local(forward.port);
    const [received] = await Promise.all([read(conn, sent.length), write(conn, sent)]);
    assertEquals(received.every((byte, at) => byte === sent[at]), true);
    conn.close();
  }));
  await forward.close();
});

clusterTest(
  "port_forward: forward: the pod does not send faster than the local side reads",
  async () => {
    const all = 512 * 1024 * 1024;
    let sent = 0;
    await using target = server(async (conn) => {
      const block = new Uint8Array(1024 * 1024);
      while (sent < all) {
        await write(conn, block);
        sent += block.length;
      }
    });
    await using pod = await forwardedPod({ 80: target.port });
    await using opened = await admin();
    const forward = await opened.cluster.forward(pod.namespace, pod.name, 80);
    const conn = await local(forward.port);
    await read(conn, 1);
    let before = -1;
    await until("the server has to wait", async () => {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return sent === before;
    });
    assert(sent < all / 2, `${sent} bytes were sent, and none of them read`);
    conn.close();
    await forward.close();
  },
);

clusterTest("port_forward: forward: problem() has the error message of the node", async () => {
  await using pod = await forwardedPod({ 80: deadPort() });
  await using opened = await admin();
  for (const [port, words] of [[80, "connection refused"], [81, "no forward found"]] as const) {
    const forward = await opened.cluster.forward(pod.namespace, pod.name, port);
    assertEquals(forward.problem(), undefined);
    const conn = await local(forward.port);
    await untilEnd(conn);
    conn.close();
    await forward.close();
    const problem = forward.problem()!;
    assertEquals([problem instanceof Failure, problem.kind], [true, "unreachable"]);
    for (const word of [`Cannot forward port ${port} of Pod default/${pod.name}: `, words]) {
      assertStringIncludes(problem.message, word);
    }
  }
});

clusterTest("port_forward: forward: problem() reports a pod that was removed", async () => {
  await using target = server(echo);
  await using opened = await admin();
  const pod = await forwardedPod({ 80: target.port });
  const forward = await opened.cluster.forward(pod.namespace, pod.name, 80);
  await pod[Symbol.asyncDispose]();
  const conn = await local(forward.port);
  await untilEnd(conn);
  conn.close();
  await forward.close();
  assertStringIncludes(forward.problem()!.message, `pods "${pod.name}" not found`);
});

clusterTest("port_forward: forward: closing it closes its connections", async (t) => {
  await using target = server(echo);
  await using pod = await forwardedPod({ 80: target.port });
  const ways = ["by itself", "with its signal", "with its cluster"] as const;
  const answersAfterClosing = async (way: typeof ways[number]) => {
    await using opened = await admin();
    const { cluster } = opened;
    const controller = new AbortController();
    const { signal } = controller;
    const forward = await cluster.forward(pod.namespace, pod.name, 80, { signal });
    const conn = await local(forward.port);
    await write(conn, new Uint8Array([1, 2, 3]));
    assertEquals(await read(conn, 3), new Uint8Array([1, 2, 3]));
    if (way === "by itself") await forward.close();
    if (way === "with its signal") controller.abort();
    if (way === "with its cluster") cluster.close();
    await untilEnd(conn);
    conn.close();
    const answers = await isOpen(forward.port);
    await forward.close();
    return answers;
  };
  for (const way of ways) {
    await t.step(way, async () => {
      // Another process can get a free port at once, but hardly three times in a row.
      for (let tries = 1; await answersAfterClosing(way); tries++) assert(tries < 3);
    });
  }
});

clusterTest(
  "port_forward: forward: refuses a missing pod and a missing permission at once",
  async () => {
    await using opened = await admin();
    const missing = () => opened.cluster.forward("default", "nobody", 80);
    const error = await assertRejects(missing, ApiError);
    assertEquals([error.kind, error.status], ["configuration", 404]);
    assertStringIncludes(error.message, "Cannot forward port 80 of Pod default/nobody: ");
    const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
    await using pod = await forwardedPod({});
    await using limited = await open(kubeconfig(reader));
    const forbidden = () => limited.cluster.forward(pod.namespace, pod.name, 80);
    const refusal = await assertRejects(forbidden, ApiError);
    assertEquals([refusal.kind, refusal.status], ["configuration", 403]);
    assertStringIncludes(refusal.message, "the user may not create pods/portforward.");
  },
);
