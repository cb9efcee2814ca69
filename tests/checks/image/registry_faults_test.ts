import { ImageRefused } from "../../../checks/image/image_errors.ts";
import { openLayerCache } from "../../../checks/image/layer_files.ts";
import { type Pulled, readFromRegistry } from "../../../checks/image/registry.ts";
import { Failure } from "../../../pipeline/errors.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../../support/assert.ts";
import { type Answer, type FakeRegistry, startFakeRegistry } from "../../support/fake_registry.ts";
import { imageOf, indexOf } from "../../support/images.ts";

// Faults that a real registry cannot produce on demand. See registry_test.ts for the others.

const IMAGE = imageOf({ layers: [{ "a.jar": "a" }, { "b.jar": "b" }] });
const [BASE, TOP] = IMAGE.layers.map(({ descriptor }) => descriptor.digest);
const PASSWORD = "s3cret:pass word";
const BASIC = `Basic ${btoa(`robot:${PASSWORD}`)}`;

const blobPath = (digest: string | undefined) => `/v2/team/spark/blobs/${digest}`;

interface Asking {
  readonly name?: string;
  readonly passwords?: readonly string[];
  readonly signal?: AbortSignal;
}

function pull(
  { host }: { readonly host: string },
  { name = "team/spark:1", passwords = [], signal }: Asking = {},
): Promise<Pulled> {
  const logins = passwords.map((password) =>
    new TextEncoder().encode(JSON.stringify({ auths: { [host]: { username: "robot", password } } }))
  );
  return readFromRegistry(`${host}/${name}`, {
    platform: "linux/amd64",
    logins,
    caCertificates: [],
    cache: openLayerCache(undefined),
    signal,
  });
}

async function withFake(
  answer: Answer | undefined,
  work: (fake: FakeRegistry) => Promise<void>,
  root = IMAGE.manifest,
): Promise<void> {
  const fake = startFakeRegistry(IMAGE, answer, root);
  try {
    await work(fake);
  } finally {
    await fake.stop();
  }
}

/** Returns a fixed response for one path. */
const at = (path: string, response: (request: Request) => Response): Answer => (asked, request) =>
  asked === path ? response(request) : undefined;

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("startFakeRegistry: serves an image like a registry", async () => {
  await withFake(undefined, async (fake) => {
    const { found } = await pull(fake);
    assert(!(found instanceof ImageRefused));
    assertEquals(found.files.filesIn("/"), ["a.jar", "b.jar"]);
  });
});

Deno.test("readFromRegistry: ignores the Content-Encoding of a layer", async () => {
  const headers = { "content-encoding": "gzip" };
  const answer = at(blobPath(TOP), (request) => {
    assertEquals(request.headers.get("accept-encoding"), "identity");
    return new Response(IMAGE.layers[1]!.bytes as BodyInit, { headers });
  });
  await withFake(answer, async (fake) => {
    const { found } = await pull(fake);
    assert(!(found instanceof ImageRefused), Deno.inspect(found));
  });
});

const other = imageOf({ layers: [{ "evil.jar": "" }] });
const { digest } = IMAGE.manifest.descriptor;
for (
  const [name, answer, words, asking] of [
    [
      "a layer with other content",
      at(blobPath(TOP), () => new Response(other.layers[0]!.bytes as BodyInit)),
      `layer 2 (${TOP}) cannot be read: `,
    ],
    [
      "a layer with the right size and other content",
      at(blobPath(BASE), () => {
        const changed = Uint8Array.from(IMAGE.layers[0]!.bytes);
        changed[20]! ^= 1;
        return new Response(changed);
      }),
      `layer 1 (${BASE}) cannot be read: the digest is sha256:`,
    ],
    [
      "a truncated layer with a matching length",
      at(blobPath(BASE), () => new Response(IMAGE.layers[0]!.bytes.subarray(0, 30) as BodyInit)),
      `but should be ${BASE}`,
    ],
    [
      "an endless layer",
      at(blobPath(BASE), () => new Response(endless())),
      `the content has more than the expected ${IMAGE.layers[0]!.bytes.length} bytes`,
    ],
    [
      "a configuration with other content",
      at(blobPath(IMAGE.config.descriptor.digest), () => Response.json({ os: "linux" })),
      `but should be ${IMAGE.config.descriptor.digest}`,
    ],
    [
      "a manifest that does not match its digest",
      at(
        `/v2/team/spark/manifests/${digest}`,
        () => new Response(other.manifest.bytes as BodyInit),
      ),
      `the digest of the manifest is ${other.manifest.descriptor.digest}, but should be ${digest}`,
      { name: `team/spark@${digest}` },
    ],
    [
      "an endless manifest",
      at("/v2/team/spark/manifests/1", () => new Response(endless())),
      "the document has more than 4194304 bytes",
    ],
    [
      "a malformed manifest",
      at("/v2/team/spark/manifests/1", () => new Response("hm")),
      "not a JSON object",
    ],
    [
      "a missing layer",
      at(
        blobPath(TOP),
        () => Response.json({ errors: [{ code: "BLOB_UNKNOWN" }] }, { status: 404 }),
      ),
      `the registry does not have the content ${TOP}`,
    ],
  ] as readonly (readonly [string, Answer, string, Asking?])[]
) {
  Deno.test(`readFromRegistry: reports an image with ${name}`, async () => {
    await withFake(answer, async (fake) => {
      const { found } = await pull(fake, asking);
      assertInstanceOf(found, ImageRefused);
      assertEquals([found.trouble, found.kind], ["broken", "data"]);
      assertStringIncludes(found.message, words);
    });
  });
}

Deno.test("readFromRegistry: reports an index that leads to another index or to other content", async () => {
  const inner = indexOf([IMAGE]);
  const outer = indexOf([{ ...IMAGE, manifest: inner }]);
  const path = (digest: string) => `/v2/team/spark/manifests/${digest}`;
  for (
    const [body, words] of [
      [inner.bytes, "the index refers to another index"],
      [inner.bytes.toReversed(), `but should be ${inner.descriptor.digest}`],
    ] as const
  ) {
    const answer = at(path(inner.descriptor.digest), () => new Response(body as BodyInit));
    await withFake(answer, async (fake) => {
      const { found } = await pull(fake);
      assertInstanceOf(found, ImageRefused);
      assertStringIncludes(found.message, words);
    }, outer);
  }
});

for (
  const [name, response, words] of [
    ["429", () => new Response("", { status: 429 }), "the status is 429"],
    [
      "a crash",
      () => Response.json({ errors: [{ code: "UNKNOWN" }] }, { status: 500 }),
      "500 UNKNOWN",
    ],
    ["an HTML page", () => new Response("<html>", { status: 418 }), "the status is 418"],
    ["endless redirects", () => redirect("/v2/team/spark/manifests/1"), "redirects too often"],
    [
      "a redirect to an invalid address",
      () => redirect("http://"),
      "redirects to an invalid address",
    ],
    [
      "a redirect to a host without TLS",
      () => redirect("http://images.example.com/x"),
      "refers to images.example.com without TLS",
    ],
    ["a redirect to a file", () => redirect("file:///etc/passwd"), "without TLS"],
    [
      "a token server without TLS",
      () => challenge('Bearer realm="http://auth.example.com/token"'),
      "refers to auth.example.com without TLS",
    ],
    [
      "an invalid token server",
      () => challenge('Bearer realm="tokens"'),
      "the challenge names no token server",
    ],
  ] as const
) {
  Deno.test(`readFromRegistry: reports an unknown image after ${name}`, async () => {
    await withFake(at("/v2/team/spark/manifests/1", response), async (fake) => {
      const error = await assertRejects(
        () => pull(fake, { passwords: [PASSWORD] }),
        Failure,
        words,
      );
      assertEquals(error.kind, "unreachable");
      assert(!Deno.inspect(error).includes(PASSWORD));
    });
  });
}

Deno.test("readFromRegistry: reports a token server without a token in its response", async () => {
  for (const body of ["", "[]", '{"token": ""}', '{"token": "a\\nb"}', '{"token": 1}']) {
    const answer: Answer = (path, request) => {
      if (path === "/token") return new Response(body);
      const { host } = new URL(request.url);
      return path.includes("/manifests/")
        ? challenge(`Bearer realm="http://${host}/token"`)
        : undefined;
    };
    await withFake(answer, async (fake) => {
      await assertRejects(() => pull(fake), Failure, "returned no token");
    });
  }
});

Deno.test("readFromRegistry: reports a dropped connection as unreachable, not as a broken image", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const cutting = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(4096));
    await connection.write(bytes("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of it"));
  })();
  const there = `http://127.0.0.1:${listener.addr.port}/blob`;
  await withFake(at(blobPath(TOP), () => redirect(there)), async (fake) => {
    const error = await assertRejects(() => pull(fake), Failure, "was closed");
    assertEquals(error.kind, "unreachable");
    await cutting;
  });
});

Deno.test("readFromRegistry: stops waiting for a silent registry when its signal aborts", async () => {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  const silent = at(blobPath(TOP), () => {
    resolve();
    return new Response(silence(IMAGE.layers[1]!.bytes.subarray(0, 40)));
  });
  await withFake(silent, async (fake) => {
    const stop = new AbortController();
    const pulling = pull(fake, { signal: stop.signal });
    await reached;
    stop.abort(
      new Failure({
        kind: "unreachable",
        task: "wait",
        problem: "it took too long",
        remedy: "Run again.",
      }),
    );
    await assertRejects(() => pulling, Failure, "it took too long");
  });
});

Deno.test("readFromRegistry: cancels other layers when one layer fails", async () => {
  const answer: Answer = (path) => {
    if (path === blobPath(BASE)) {
      return new Response(silence(IMAGE.layers[0]!.bytes.subarray(0, 40)));
    }
    return path === blobPath(TOP) ? new Response("", { status: 503 }) : undefined;
  };
  await withFake(answer, async (fake) => {
    await assertRejects(() => pull(fake), Failure, "the status is 503");
  });
});

Deno.test("readFromRegistry: reports that no server listens", async () => {
  const fake = startFakeRegistry(IMAGE);
  await fake.stop();
  const error = await assertRejects(() => pull(fake), Failure);
  assertEquals(error.kind, "unreachable");
  assertStringIncludes(error.message, `${fake.host} refused the connection`);
});

/** Returns responses of a registry that requires a login for every request. */
const closed = (then: Answer = () => undefined): Answer => (path, request) =>
  path === "/v2/" || request.headers.get("authorization") === BASIC
    ? then(path, request)
    : challenge('Basic realm="suite"');

Deno.test("readFromRegistry: sends the login on a redirect to the same host, and not to another host", async () => {
  const store = startFakeRegistry(
    IMAGE,
    (path) => path === "/blob" ? new Response(IMAGE.layers[1]!.bytes as BodyInit) : undefined,
  );
  const answer = closed((path) => {
    if (path === blobPath(BASE)) return redirect("/moved");
    if (path === "/moved") return new Response(IMAGE.layers[0]!.bytes as BodyInit);
    return path === blobPath(TOP) ? redirect(`http://${store.host}/blob?signature=x`) : undefined;
  });
  try {
    await withFake(answer, async (fake) => {
      const { found, loggedIn } = await pull(fake, { passwords: [PASSWORD] });
      assert(!(found instanceof ImageRefused) && loggedIn);
      assertEquals(store.asked, [{ path: "/blob", authorization: null }]);
      assert(fake.asked.some((each) => each.path === "/moved" && each.authorization === BASIC));
    });
  } finally {
    await store.stop();
  }
});

Deno.test("readFromRegistry: sends no login to another host, even if that host requests one", async () => {
  const nosy = startFakeRegistry(IMAGE, () => challenge('Basic realm="mine"'));
  const answer = closed((path) =>
    path === blobPath(TOP) ? redirect(`http://${nosy.host}/blob`) : undefined
  );
  try {
    await withFake(answer, async (fake) => {
      const { found } = await pull(fake, { passwords: [PASSWORD] });
      assertInstanceOf(found, ImageRefused);
      assertEquals(nosy.asked.map(({ authorization }) => authorization), [null]);
    });
  } finally {
    await nosy.stop();
  }
});

Deno.test("readFromRegistry: tries several logins in turn", async () => {
  await withFake(closed(), async (fake) => {
    const { found } = await pull(fake, { passwords: ["old", "older", PASSWORD] });
    assert(!(found instanceof ImageRefused));
    const { found: none, loggedIn } = await pull(fake, { passwords: ["old", "older"] });
    assertInstanceOf(none, ImageRefused);
    assertEquals([none.trouble, loggedIn], ["denied", true]);
  });
});

Deno.test("readFromRegistry: tries the next login if one may log in but not read", async () => {
  const answer = closed();
  const old = `Basic ${btoa("robot:old")}`;
  const half: Answer = (path, request) =>
    request.headers.get("authorization") === old
      ? new Response("", { status: 403 })
      : answer(path, request);
  await withFake(half, async (fake) => {
    const { found } = await pull(fake, { passwords: ["old", PASSWORD] });
    assert(!(found instanceof ImageRefused), Deno.inspect(found));
  });
});

Deno.test("readFromRegistry: reports a login that may not read the repository", async () => {
  const forbidden = at("/v2/team/spark/manifests/1", () => new Response("", { status: 403 }));
  await withFake(closed(forbidden), async (fake) => {
    const { found } = await pull(fake, { passwords: [PASSWORD] });
    assertInstanceOf(found, ImageRefused);
    assertStringIncludes(found.message, "does not allow this login to read team/spark (403)");
  });
});

function redirect(location: string): Response {
  return new Response(null, { status: 307, headers: { location } });
}

function challenge(header: string): Response {
  return new Response("", { status: 401, headers: { "www-authenticate": header } });
}

function endless(): ReadableStream {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(bytes(" ".repeat(65_536))),
  });
}

/** Returns a stream of some bytes that then stays open without data. */
function silence(begin: Uint8Array): ReadableStream {
  return new ReadableStream({ start: (controller) => controller.enqueue(begin) });
}
