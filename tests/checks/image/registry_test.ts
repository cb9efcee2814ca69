import type { Image } from "../../../checks/image/image.ts";
import { ImageRefused } from "../../../checks/image/image_errors.ts";
import { openLayerCache } from "../../../checks/image/layer_files.ts";
import { parseChallenge, type Pulled, readFromRegistry } from "../../../checks/image/registry.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "../../support/assert.ts";
import { blobOf, type Files, imageOf, indexOf } from "../../support/images.ts";
import {
  REGISTRY_USER,
  registryInstalled,
  startRegistry,
  type TestRegistry,
} from "../../support/registry.ts";

const ignore = !registryInstalled();

const JARS = "opt/spark/jars";
const LAYERS: readonly Files[] = [
  { "opt/": "", "opt/spark-3.5/jars/a.jar": "a", "opt/spark": { symlink: "spark-3.5" } },
  { "opt/spark-3.5/jars/b.jar": "b", "opt/spark-3.5/jars/c.jar": "c" },
  { [`${JARS}/.wh.c.jar`]: "" },
];
const IMAGE = imageOf({ layers: LAYERS, env: ["SPARK_HOME=/opt/spark"] });
const ARM = imageOf({ layers: [{ "arm.jar": "" }], platform: "linux/arm64/v8" });

let open: TestRegistry;
let basic: TestRegistry;
let tokens: TestRegistry;
Deno.test.beforeAll(async () => {
  if (ignore) return;
  [open, basic, tokens] = await Promise.all([
    startRegistry(),
    startRegistry({ tls: true, auth: "basic" }),
    startRegistry({ tls: true, auth: "token" }),
  ]);
  for (const registry of [open, basic, tokens]) {
    for (const path of ["team/spark", "public/spark", "secret/spark"]) {
      await registry.push(path, "1", IMAGE.manifest, [IMAGE]);
    }
    await registry.push("team/spark", "all", indexOf([ARM, IMAGE]), [ARM, IMAGE]);
  }
});
Deno.test.afterAll(async () => {
  for (const registry of [open, basic, tokens]) await registry?.stop();
});

interface Asking {
  readonly platform?: string;
  readonly password?: string;
  readonly cache?: string;
  /** True to trust the registry's own certificate. */
  readonly trust?: boolean;
}

function pull(
  registry: TestRegistry,
  name: string,
  { platform = "linux/amd64", password, cache, trust = true }: Asking = {},
): Promise<Pulled> {
  const { host, certificate } = registry;
  const auths = { [host]: { username: REGISTRY_USER.user, password } };
  return readFromRegistry(`${host}/${name}`, {
    platform,
    logins: password === undefined ? [] : [new TextEncoder().encode(JSON.stringify({ auths }))],
    caCertificates: trust && certificate !== undefined ? [certificate] : [],
    cache: openLayerCache(cache),
    signal: undefined,
  });
}

async function found(...asked: Parameters<typeof pull>): Promise<Image> {
  const { found } = await pull(...asked);
  if (found instanceof ImageRefused) throw found;
  return found;
}

async function refused(...asked: Parameters<typeof pull>): Promise<ImageRefused> {
  const { found } = await pull(...asked);
  assertInstanceOf(found, ImageRefused);
  assert(!Deno.inspect(found).includes(REGISTRY_USER.password));
  return found;
}

const { password } = REGISTRY_USER;

Deno.test({
  name:
    "readFromRegistry: reads layers, links, deletions and environment from a local registry without TLS",
  ignore,
  async fn() {
    const image = await found(open, "team/spark:1");
    assertEquals(image.files.filesIn("/opt/spark/jars"), ["a.jar", "b.jar"]);
    assertEquals(image.files.deletedFrom("/opt/spark/jars"), [{ name: "c.jar", layer: 3 }]);
    assertEquals(image.env.get("SPARK_HOME"), "/opt/spark");
    assertEquals(image.digest, IMAGE.manifest.descriptor.digest);
    assertEquals([image.platform, ...image.platforms], ["linux/amd64", "linux/amd64"]);
    assertEquals(image.source, "registry");
  },
});

Deno.test({
  name: "readFromRegistry: reads uncompressed layers",
  ignore,
  async fn() {
    const plain = imageOf({ layers: [{ "x.jar": "" }], packing: "none" });
    await open.push("team/plain", "1", plain.manifest, [plain]);
    assertEquals((await found(open, "team/plain:1")).files.filesIn("/"), ["x.jar"]);
  },
});

Deno.test({
  name: "readFromRegistry: reports a zstd layer as unsupported",
  ignore,
  async fn() {
    const zstd = imageOf({ layers: [{ a: "" }, { "x.jar": "" }], packing: "zstd" });
    await open.push("team/zstd", "1", zstd.manifest, [zstd]);
    const error = await assertRejects(() => pull(open, "team/zstd:1"), Failure, "with zstd");
    assertEquals(error.kind, "unreachable");
  },
});

Deno.test({
  name:
    "readFromRegistry: picks the requested platform of an index, and lists the others if there is none",
  ignore,
  async fn() {
    const amd = await found(open, "team/spark:all");
    assertEquals([amd.platform, amd.digest], ["linux/amd64", IMAGE.manifest.descriptor.digest]);
    assertEquals(amd.platforms, ["linux/arm64/v8", "linux/amd64"]);
    const arm = await found(open, "team/spark:all", { platform: "linux/arm64" });
    assertEquals([arm.platform, arm.files.filesIn("/")], ["linux/arm64/v8", ["arm.jar"]]);
    const none = await refused(open, "team/spark:all", { platform: "linux/s390x" });
    assertEquals([none.trouble, none.platforms], ["platform", ["linux/arm64/v8", "linux/amd64"]]);
    assert(
      none.message.includes("does not exist for linux/s390x, only for linux/arm64/v8, linux/amd64"),
    );
  },
});

Deno.test({
  name: "readFromRegistry: finds an image or index by digest, and ignores a tag beside the digest",
  ignore,
  async fn() {
    const { digest } = IMAGE.manifest.descriptor;
    assertEquals((await found(open, `team/spark@${digest}`)).digest, digest);
    assertEquals((await found(open, `team/spark:none@${digest}`)).digest, digest);
    const index = indexOf([ARM, IMAGE]).descriptor.digest;
    assertEquals((await found(open, `team/spark@${index}`)).digest, digest);
  },
});

for (
  const [name, words] of [
    ["team/spark:2", "there is no tag 2 of 127.0.0.1"],
    ["team/none:1", "there is no tag 1 of 127.0.0.1"],
    [`team/spark@sha256:${"0".repeat(64)}`, `there is no image sha256:${"0".repeat(64)} in`],
    ["Team/spark:1", "not an image reference"],
  ] as const
) {
  Deno.test({
    name: `readFromRegistry: reports that there is no ${name}`,
    ignore,
    async fn() {
      const error = await refused(open, name);
      assertEquals(error.trouble, "unknown");
      assert(error.message.includes(words), error.message);
    },
  });
}

Deno.test({
  name: "readFromRegistry: needs a valid login for a registry with basic auth",
  ignore,
  async fn() {
    const { found, loggedIn } = await pull(basic, "team/spark:1", { password });
    assertEquals([found instanceof ImageRefused, loggedIn], [false, true]);
    const without = await refused(basic, "team/spark:1");
    assertEquals(without.trouble, "denied");
    assert(
      without.message.includes("requires a login (401), and no login is configured"),
      without.message,
    );
    const wrong = await refused(basic, "team/spark:1", { password: "wrong" });
    assert(wrong.message.includes("does not accept the login (401)"));
    assertEquals((await refused(basic, "team/spark:2", { password })).trouble, "unknown");
  },
});

Deno.test({
  name: "readFromRegistry: fetches tokens with and without a login, within the granted rights",
  ignore,
  async fn() {
    const anybody = await pull(tokens, "public/spark:1");
    assertEquals([anybody.found instanceof ImageRefused, anybody.loggedIn], [false, false]);
    const known = await pull(tokens, "team/spark:1", { password });
    assertEquals([known.found instanceof ImageRefused, known.loggedIn], [false, true]);
    for (
      const [name, given, words] of [
        ["team/spark:1", undefined, "requires a login (401), and no login is configured for it"],
        ["secret/spark:1", password, "does not accept the login (401)"],
        ["team/spark:1", "wrong", "does not accept the login (401)"],
      ] as const
    ) {
      const error = await refused(tokens, name, given === undefined ? {} : { password: given });
      assertEquals(error.trouble, "denied");
      assert(error.message.includes(words), error.message);
    }
  },
});

Deno.test({
  name: "readFromRegistry: needs a self-signed certificate to be given as trusted",
  ignore,
  async fn() {
    const error = await assertRejects(
      () => pull(basic, "team/spark:1", { password, trust: false }),
      Failure,
      "is not trusted (UnknownIssuer)",
    );
    assertEquals(error.kind, "unreachable");
  },
});

Deno.test({
  name: "readFromRegistry: caches layers, and reads manifests each time to follow a moved tag",
  ignore,
  async fn() {
    const cache = await Deno.makeTempDir({ prefix: "cache-" });
    try {
      const sources = async (image: typeof IMAGE) => {
        await open.push("team/moving", "1", image.manifest, [image]);
        const { source, files } = await found(open, "team/moving:1", { cache });
        return [source, ...files.filesIn(JARS)!];
      };
      assertEquals(await sources(IMAGE), ["registry", "a.jar", "b.jar"]);
      assertEquals(await sources(IMAGE), ["cache", "a.jar", "b.jar"]);
      const moved = imageOf({ layers: [...LAYERS, { [`${JARS}/d.jar`]: "" }] });
      assertEquals(await sources(moved), ["registry", "a.jar", "b.jar", "d.jar"]);
      assertEquals([...Deno.readDirSync(cache)].length, LAYERS.length + 1);
      for (const { name } of Deno.readDirSync(cache)) {
        await Deno.writeTextFile(`${cache}/${name}`, "{");
      }
      assertEquals(await sources(moved), ["registry", "a.jar", "b.jar", "d.jar"]);
      assertEquals(await sources(moved), ["cache", "a.jar", "b.jar", "d.jar"]);
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});

Deno.test({
  name: "readFromRegistry: reports content that is not an image, and broken images",
  ignore,
  async fn() {
    const noTar = new TextEncoder().encode("no tar ".repeat(100));
    // The tar file is complete; only the end of the gzip checksum is missing.
    const { bytes } = imageOf({ layers: [{ x: "x".repeat(1_000_000) }] }).layers[0]!;
    const cut = bytes.subarray(0, -1);
    for (
      const [tag, layer, words] of [
        [
          "no-tar",
          blobOf("application/vnd.oci.image.layer.v1.tar", noTar),
          "not a tar file, or is damaged",
        ],
        ["cut", blobOf("application/vnd.oci.image.layer.v1.tar+gzip", cut), "is truncated"],
        ["chart", blobOf("application/vnd.cncf.helm.chart", noTar), "which is not a tar file"],
      ] as const
    ) {
      const [base] = IMAGE.layers;
      const manifest = blobOf(IMAGE.manifest.descriptor.mediaType, {
        schemaVersion: 2,
        mediaType: IMAGE.manifest.descriptor.mediaType,
        config: IMAGE.config.descriptor,
        layers: [base!.descriptor, layer.descriptor],
      });
      const image = { ...IMAGE, manifest, layers: [base!, { ...layer, tar: layer.bytes }] };
      await open.push("team/broken", tag, manifest, [image]);
      const error = await refused(open, `team/broken:${tag}`);
      assertEquals([error.trouble, error.kind], ["broken", "data"]);
      assert(error.message.includes(words), error.message);
      if (tag !== "chart") {
        assert(error.message.includes(`layer 2 (${layer.descriptor.digest})`));
      }
    }
  },
});

const TOKEN = { scheme: "bearer", realm: "https://auth.example.com/token" } as const;

for (
  const [header, challenge] of [
    ['Basic realm="suite"', { scheme: "basic" }],
    ["basic", { scheme: "basic" }],
    [
      'Bearer realm="https://auth.example.com/token",service="reg",scope="repository:a/b:pull"',
      { ...TOKEN, service: "reg", scope: "repository:a/b:pull" },
    ],
    [
      'bearer Realm = "https://auth.example.com/token" , service=reg',
      { ...TOKEN, service: "reg", scope: undefined },
    ],
    [
      'Basic realm="a, b=\\"c\\"", Bearer realm="https://auth.example.com/token"',
      { ...TOKEN, service: undefined, scope: undefined },
    ],
    [
      'Bearer realm="https://auth.example.com/token",scope="repository:a/b:pull,push"',
      { ...TOKEN, service: undefined, scope: "repository:a/b:pull,push" },
    ],
  ] as const
) {
  Deno.test(`registry: reads the challenge ${header}`, () => {
    assertEquals<unknown>(parseChallenge(header), challenge);
  });
}

for (
  const header of ["", "Negotiate", "Bearer", 'Bearer service="reg"', 'realm="x"', "=,=,", '"']
) {
  Deno.test(`registry: rejects the challenge ${header || "that is empty"}`, () => {
    assertEquals(parseChallenge(header), undefined);
  });
}

Deno.test("registry: parses a very long header in linear time", () => {
  assertEquals(parseChallenge('Basic realm="'.repeat(100_000)), { scheme: "basic" });
});
