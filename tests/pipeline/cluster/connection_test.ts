import { ApiError, type Cluster } from "../../../pipeline/cluster/cluster.ts";
import { Failure, type FailureKind } from "../../../pipeline/errors.ts";
import { deadPort } from "../../support/dead_port.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { openSaid, type Said } from "./kubeconfigs.ts";
import { authority } from "./pki.ts";

// Responses that an API server never sends, but proxies and load balancers do. Fake servers send
// them.

const SECRET = "s3cr3t-t0ken";
const PODS = { apiVersion: "v1", kind: "Pod" };
const RESOURCES = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: "v1",
  resources: [{ name: "pods", kind: "Pod", namespaced: true, verbs: ["list"] }],
};

/** The responses of the fake server. */
type Handler = (request: Request) => Response | Promise<Response>;

/** A server for a user with a token. The end of the block stops the server. */
async function impostor(handler: Handler) {
  const pki = await authority();
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const tls = await pki.issue({ names: "IP:127.0.0.1" });
  const server = Deno.serve({ ...options, ...tls }, handler);
  const url = `https://127.0.0.1:${server.addr.port}`;
  const opened = await openSaid({
    cluster: { server: url, "certificate-authority-data": btoa(pki.ca) },
    user: { token: SECRET },
  });
  return {
    url,
    cluster: opened.cluster,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await server.shutdown();
      await pki[Symbol.asyncDispose]();
    },
  };
}

/** A server that sends the same bytes to every client, and optionally closes the connection. */
function rawServer(bytes: string, hangsUp = true) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conns: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const conn of listener) {
      conns.push(conn);
      await conn.read(new Uint8Array(4096));
      await conn.write(new TextEncoder().encode(bytes));
      if (hangsUp) conns.pop()!.close();
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of conns) conn.close();
      await serving;
    },
  };
}

async function assertFails(
  attempt: Promise<unknown>,
  kind: FailureKind,
  words: readonly string[],
): Promise<Failure> {
  const failure = await assertRejects(() => attempt, Failure);
  assertEquals(failure.kind, kind, failure.message);
  for (const word of words) assertStringIncludes(failure.message, word);
  assert(/^Cannot [^:]+: .+\. .+\.$/.test(failure.message), failure.message);
  assert(!Deno.inspect(failure, { depth: 10 }).includes(SECRET), failure.message);
  return failure;
}

async function versionOf(said: Said): Promise<string> {
  await using opened = await openSaid({ user: { token: SECRET }, ...said });
  return await opened.cluster.version();
}

Deno.test("connection: send: the connection is refused", async () => {
  const server = `https://127.0.0.1:${deadPort()}`;
  await assertFails(versionOf({ cluster: { server } }), "unreachable", [
    `Cannot read the server's version: the connection was refused at ${server} (context "suite").`,
    "Check that the cluster is running",
  ]);
});

Deno.test("connection: send: a port that fetch does not allow", async () => {
  await assertFails(versionOf({ cluster: { server: "https://127.0.0.1:9" } }), "unreachable", [
    "Deno does not allow requests to the port at https://127.0.0.1:9",
  ]);
});

Deno.test("connection: send: Deno has no permission to connect", async () => {
  const cluster = { server: "https://192.0.2.1:6443" };
  await assertFails(versionOf({ cluster }), "configuration", [
    "Deno has no permission to connect to https://192.0.2.1:6443. Run the command with --allow-net",
  ]);
});

Deno.test("connection: send: an invalid server certificate", async (t) => {
  await using pki = await authority();
  await using other = await authority();
  const cases = [
    [
      "of an unknown CA",
      other,
      "IP:127.0.0.1",
      2,
      "the certificate is signed by an unknown CA",
    ],
    ["for another name", pki, "DNS:api.example", 2, "the certificate is for a different name"],
    ["expired", pki, "IP:127.0.0.1", -1, "the certificate has expired"],
  ] as const;
  for (const [what, by, names, days, words] of cases) {
    await t.step(what, async () => {
      const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
      const tls = await by.issue({ names, days });
      const server = Deno.serve({ ...options, ...tls }, () => new Response("{}"));
      const url = `https://127.0.0.1:${server.addr.port}`;
      const cluster = { server: url, "certificate-authority-data": btoa(pki.ca) };
      await assertFails(versionOf({ cluster }), "unreachable", [`${words} at ${url}`]);
      await server.shutdown();
    });
  }
});

Deno.test("connection: send: a server of another protocol", async () => {
  await using ssh = rawServer("SSH-2.0-OpenSSH_9.9\r\n");
  const tls = ssh.url.replace("http", "https");
  for (const server of [ssh.url, tls]) {
    await assertFails(versionOf({ cluster: { server } }), "unreachable", [
      `a server of another protocol responds at ${server}`,
      "Set the kubeconfig's server",
    ]);
  }
});

const LENGTH = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n";

Deno.test("connection: send: a connection that drops", async () => {
  for (const said of ["", "HTTP/1.1 200 OK\r\nconte", LENGTH, `${LENGTH}{"gitVersion":`]) {
    await using server = rawServer(said);
    await assertFails(versionOf({ cluster: { server: server.url } }), "unreachable", [
      `the connection was closed at ${server.url}`,
    ]);
  }
});

Deno.test("connection: send: a connection that drops during the TLS handshake", async () => {
  await using raw = rawServer("");
  const server = raw.url.replace("http", "https");
  await assertFails(versionOf({ cluster: { server } }), "unreachable", [
    `the connection was closed during the TLS handshake at ${server}`,
  ]);
});

Deno.test("connection: send: the signal or close() ends an answer that stalls", async () => {
  for (const said of ["", LENGTH, `${LENGTH}{"gitVersion":`]) {
    await using server = rawServer(said, false);
    await using opened = await openSaid({ cluster: { server: server.url } });
    const { cluster } = opened;
    const signal = AbortSignal.timeout(200);
    await assertFails(cluster.version({ signal }), "unreachable", [
      "the operation was interrupted",
    ]);
    const own = new Failure({
      kind: "unreachable",
      task: "wait",
      problem: "enough is enough",
      remedy: "Go.",
    });
    const mine = AbortSignal.abort(own);
    assertEquals(await cluster.version({ signal: mine }).catch((error) => error), own);
    const pending = cluster.version();
    setTimeout(cluster.close, 100);
    await assertFails(pending, "unreachable", ["the operation was interrupted"]);
    await assertFails(cluster.version(), "unreachable", ["the operation was interrupted"]);
  }
});

const page = (status: number, headers: Record<string, string> = {}) => () =>
  new Response(`<html>Log in, ${SECRET}!</html>`, {
    status,
    headers: { "content-type": "text/html; charset=utf-8", ...headers },
  });

const STRANGERS: readonly (readonly [what: string, handler: Handler, words: string[]])[] = [
  ["a page", page(200), ["answered 200 with text/html, which is not a response of an API server"]],
  ["a login page", page(401), ["answered 401 with text/html"]],
  ["a page with status 403", page(403), ["answered 403 with text/html"]],
  ["a page with status 404", page(404), ["answered 404 with text/html"]],
  ["a gateway", page(502), ["answered 502 with text/html", "Check the health of the cluster"]],
  ["a redirect", page(302, { location: `https://sso.example/?t=${SECRET}` }), [
    "answered 302",
  ]],
  ["nothing", () => new Response(""), ["answered 200 with an empty body"]],
  ["truncated JSON", () => new Response('{"gitVersion": "v1'), ["answered 200"]],
  ["a list", () => Response.json([SECRET]), ["answered 200 with application/json"]],
  ["an object of another kind", () => Response.json({ hello: SECRET }), ["answered 200"]],
  ["an error in another format", () => Response.json({ error: SECRET }, { status: 400 }), [
    "answered 400 with application/json",
  ]],
];

for (const [what, handler, words] of STRANGERS) {
  Deno.test(`connection: all requests: report a server that is not an API server: ${what}`, async () => {
    await using server = await impostor(handler);
    const { cluster, url } = server;
    const config = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } };
    const requests = [
      () => cluster.version(),
      () => cluster.isNamespaced(PODS),
      () => cluster.list(PODS, undefined),
      () => cluster.get(PODS, "a", undefined),
      () => cluster.create(config),
      () => cluster.apply(config, { dryRun: true }),
      () => cluster.remove(PODS, "a", undefined),
      () => cluster.forward("default", "a", 5432),
    ];
    for (const request of requests) {
      const failure = await assertFails(request(), "unreachable", [url, ...words]);
      assertEquals(failure instanceof ApiError, false);
    }
  });
}

Deno.test("connection: list: refuses an answer that is not a list", async () => {
  for (const answer of [{}, { items: 1 }, { items: [1] }, { kind: "PodList", items: null }]) {
    await using server = await impostor(({ url }) =>
      Response.json(url.includes("/pods") ? answer : RESOURCES)
    );
    await assertFails(server.cluster.list(PODS, undefined), "unreachable", ["answered 200"]);
  }
});

const status = (code: number, headers: HeadersInit = {}, fields: object = {}) =>
  Response.json({
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    code,
    message: `no time. Come again, ${SECRET}.\nLater.`,
    ...fields,
  }, { status: code, headers });

Deno.test("connection: send: repeats a request after 429", async () => {
  let asked = 0;
  await using server = await impostor(() =>
    ++asked < 3 ? status(429, { "retry-after": "0" }) : Response.json({ gitVersion: "v1.36.3" })
  );
  assertEquals(await server.cluster.version(), "v1.36.3");
  assertEquals(asked, 3);
});

Deno.test("connection: send: gives up after three times 429; the message has one line and no token", async () => {
  let asked = 0;
  await using server = await impostor(() => (asked++, status(429, { "retry-after": "0" })));
  const failure = await assertFails(server.cluster.version(), "unreachable", [
    "answered 429: no time; Come again, …; Later. Check the health of the cluster",
  ]);
  assertEquals(failure instanceof ApiError && failure.status, 429);
  assertEquals(asked, 3);
});

Deno.test("connection: send: does not wait longer than 10 s, or after the signal", async () => {
  await using server = await impostor(() => status(429, { "retry-after": "3600" }));
  await assertFails(server.cluster.version(), "unreachable", ["answered 429"]);
  await using slower = await impostor(() => status(429, { "retry-after": "9" }));
  const signal = AbortSignal.timeout(100);
  await assertFails(slower.cluster.version({ signal }), "unreachable", [
    "the operation was interrupted",
  ]);
});

Deno.test("connection: send: 500, 503 and 504 are unreachable", async () => {
  for (const code of [500, 503, 504]) {
    await using server = await impostor(() => status(code));
    await assertFails(server.cluster.version(), "unreachable", [`answered ${code}: no time`]);
  }
});

/** A server that lists pods one per page. The token of the page `expires` is no longer valid. */
function pages(names: readonly string[], expires: (asked: number) => boolean): Handler {
  let asked = 0;
  return ({ url }) => {
    const { pathname, searchParams } = new URL(url);
    if (pathname === "/api/v1") return Response.json(RESOURCES);
    if (expires(++asked)) return status(410, {}, { reason: "Expired" });
    const at = Number(searchParams.get("continue") ?? 0);
    const next = at + 1 < names.length ? String(at + 1) : undefined;
    const items = [{ metadata: { name: names[at] } }];
    return Response.json({ kind: "PodList", metadata: { continue: next }, items });
  };
}

async function namesIn(cluster: Cluster): Promise<string[]> {
  return (await cluster.list(PODS, undefined)).map(({ metadata }) => metadata.name);
}

Deno.test("connection: list: begins again after 410, once", async () => {
  await using forgetful = await impostor(pages(["a", "b", "c"], (asked) => asked === 3));
  assertEquals(await namesIn(forgetful.cluster), ["a", "b", "c"]);
  await using hopeless = await impostor(pages(["a", "b", "c"], (asked) => asked % 2 === 0));
  const failure = await assertFails(namesIn(hopeless.cluster), "unreachable", ["Run again."]);
  assertEquals(failure instanceof ApiError && failure.status, 410);
});

Deno.test("connection: isNamespaced: asks once for many callers, and again after a failure", async () => {
  let asked = 0;
  await using server = await impostor(() => ++asked === 1 ? status(503) : Response.json(RESOURCES));
  const { cluster } = server;
  const kinds = () =>
    Promise.allSettled(Array.from({ length: 5 }, () => cluster.isNamespaced(PODS)));
  assertEquals((await kinds()).map(({ status }) => status), Array(5).fill("rejected"));
  const found = await kinds();
  assertEquals(found.map((each) => each.status === "fulfilled" && each.value), Array(5).fill(true));
  assertEquals(asked, 2);
});

Deno.test("connection: isNamespaced: a caller that gives up does not cancel it for others", async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  await using server = await impostor(() => gate.then(() => Response.json(RESOURCES)));
  const impatient = server.cluster.isNamespaced(PODS, { signal: AbortSignal.timeout(50) });
  const patient = server.cluster.isNamespaced(PODS);
  await assertFails(impatient, "unreachable", ["the operation was interrupted"]);
  open();
  assertEquals(await patient, true);
});

/** A proxy for HTTPS that requires a password. */
async function proxy(password: string) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const tunnels: Promise<unknown>[] = [];
  const serve = async (client: Deno.Conn) => {
    const buffer = new Uint8Array(4096);
    const head = new TextDecoder().decode(buffer.subarray(0, await client.read(buffer) ?? 0));
    const port = Number(head.match(/^CONNECT 127\.0\.0\.1:(\d+) /)?.[1]);
    if (!head.includes(btoa(`me:${password}`))) {
      await client.write(new TextEncoder().encode("HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n"));
      return client.close();
    }
    const target = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    await Promise.allSettled([
      client.readable.pipeTo(target.writable),
      target.readable.pipeTo(client.writable),
    ]);
  };
  const serving = (async () => {
    for await (const client of listener) tunnels.push(serve(client));
  })();
  return await {
    url: (user: string) => `http://${user}127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      await Promise.all(tunnels);
    },
  };
}

Deno.test("connection: send: uses the proxy of proxy-url; forward refuses it", async () => {
  await using pki = await authority();
  await using between = await proxy(SECRET);
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const tls = await pki.issue({ names: "IP:127.0.0.1" });
  const handler = () => Response.json({ gitVersion: "v1.36.3" });
  const server = Deno.serve({ ...options, ...tls }, handler);
  const cluster = (user: string) => ({
    server: `https://127.0.0.1:${server.addr.port}`,
    "certificate-authority-data": btoa(pki.ca),
    "proxy-url": between.url(user),
  });
  assertEquals(await versionOf({ cluster: cluster(`me:${SECRET}@`) }), "v1.36.3");
  await assertFails(versionOf({ cluster: cluster("") }), "unreachable", ["proxy"]);
  await using opened = await openSaid({ cluster: cluster(`me:${SECRET}@`) });
  await assertFails(opened.cluster.forward("default", "a", 5432), "configuration", [
    "is behind a proxy. Run kubectl port-forward",
  ]);
  await server.shutdown();
});
