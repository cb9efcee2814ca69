import { gzipSync } from "node:zlib";
import { findArchived, openArchive } from "../../../checks/image/archive.ts";
import { ImageRefused } from "../../../checks/image/image_errors.ts";
import { Failure } from "../../../pipeline/errors.ts";
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../../support/assert.ts";
import {
  type Blob,
  dockerArchive,
  type Files,
  imageOf,
  indexOf,
  ociArchive,
  tarOf,
  type TestImage,
} from "../../support/images.ts";

const LAYERS: readonly Files[] = [
  { "opt/spark/jars/a.jar": "a", "opt/spark/jars/b.jar": "b" },
  { "opt/spark/jars/.wh.b.jar": "", "opt/spark/jars/c.jar": "c" },
];
const IMAGE = imageOf({ layers: LAYERS });
const ARM = imageOf({ layers: [{ "arm.jar": "" }], platform: "linux/arm64/v8" });
const NAME = "ghcr.io/team/spark:1";
const PLATFORM = "linux/amd64";

async function withFile(bytes: Uint8Array, work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".tar" });
  try {
    await Deno.writeFile(path, bytes);
    await work(path);
  } finally {
    await Deno.remove(path);
  }
}

const unnamed = (image: TestImage) => ociArchive(image.manifest, [image]);

for (
  const [name, bytes, digest] of [
    ["docker save", dockerArchive(IMAGE, [NAME]), IMAGE.config],
    ["docker save, packed", gzipSync(dockerArchive(IMAGE, [NAME])), IMAGE.config],
    ["an OCI layout", ociArchive(IMAGE.manifest, [IMAGE], NAME), IMAGE.manifest],
    ["a compressed OCI layout", gzipSync(ociArchive(IMAGE.manifest, [IMAGE], "1")), IMAGE.manifest],
    ["an OCI layout without a name", unnamed(IMAGE), IMAGE.manifest],
    [
      "an OCI layout for two platforms",
      ociArchive(indexOf([ARM, IMAGE]), [ARM, IMAGE], NAME),
      IMAGE.manifest,
    ],
    [
      "an OCI layout with uncompressed layers",
      unnamed(imageOf({ layers: LAYERS, packing: "none" })),
      imageOf({ layers: LAYERS, packing: "none" }).manifest,
    ],
  ] as readonly (readonly [string, Uint8Array, Blob])[]
) {
  Deno.test(`archive: finds an image in ${name}`, async () => {
    await withFile(bytes, async (path) => {
      const image = await findArchived(await openArchive(path, undefined), NAME)
        .read(NAME, PLATFORM);
      assertEquals(image.files.filesIn("/opt/spark/jars"), ["a.jar", "c.jar"]);
      assertEquals(image.files.deletedFrom("/opt/spark/jars"), [{ name: "b.jar", layer: 2 }]);
      assertEquals([image.digest, image.source], [digest.descriptor.digest, "archive"]);
    });
  });
}

Deno.test("archive: picks the requested platform from several, also if index.json lists them directly", async () => {
  const nested = ociArchive(indexOf([ARM, IMAGE]), [ARM, IMAGE]);
  const flat = tarOf({
    ...Object.fromEntries(
      [ARM, IMAGE].flatMap(({ layers, config, manifest }) =>
        [...layers, config, manifest].map((
          { bytes, descriptor },
        ) => [`blobs/${descriptor.digest.replace(":", "/")}`, bytes])
      ),
    ),
    "index.json": new TextDecoder().decode(indexOf([ARM, IMAGE]).bytes),
  });
  for (const bytes of [nested, flat]) {
    await withFile(bytes, async (path) => {
      const [image] = await openArchive(path, undefined);
      const arm = await image!.read("x", "linux/arm64");
      assertEquals([arm.platform, arm.files.filesIn("/")], ["linux/arm64/v8", ["arm.jar"]]);
      assertEquals(arm.platforms, ["linux/arm64/v8", PLATFORM]);
      const error = await assertRejects(() => image!.read("x", "linux/s390x"), ImageRefused);
      assertEquals(error.trouble, "platform");
    });
  }
});

Deno.test("archive: reads equal layers that are stored once or as links", async () => {
  const twice = imageOf({ layers: [LAYERS[0]!, LAYERS[1]!, LAYERS[0]!] });
  const { descriptor } = twice.config;
  const config = `${descriptor.digest.slice("sha256:".length)}.json`;
  const [first, second] = twice.layers.map(({ tar }) => tar);
  const linked = tarOf({
    "1/layer.tar": first!,
    "2/layer.tar": second!,
    "3/layer.tar": { symlink: "../1/layer.tar" },
    [config]: twice.config.bytes,
    "manifest.json": JSON.stringify([
      { Config: config, RepoTags: null, Layers: ["1/layer.tar", "2/layer.tar", "3/layer.tar"] },
    ]),
  });
  for (const bytes of [unnamed(twice), linked]) {
    await withFile(bytes, async (path) => {
      const [image] = await openArchive(path, undefined);
      const { files } = await image!.read("x", PLATFORM);
      assertEquals(files.filesIn("opt/spark/jars"), ["a.jar", "b.jar", "c.jar"]);
    });
  }
});

Deno.test("archive: finds an image by name, tag or digest, and a single unnamed image by any name", async () => {
  const found = async (bytes: Uint8Array, reference: string) => {
    let problem = "";
    await withFile(bytes, async (path) => {
      const images = await openArchive(path, undefined);
      try {
        findArchived(images, reference);
      } catch (error) {
        problem = (error as Error).message;
      }
    });
    return problem;
  };
  const docker = dockerArchive(IMAGE, ["team/spark:1", "spark:2"]);
  for (const name of ["team/spark:1", "docker.io/team/spark:1", "spark:2", "library/spark:2"]) {
    assertEquals(await found(docker, name), "", name);
  }
  for (
    const name of [
      "team/spark:2",
      "ghcr.io/team/spark:1",
      "spark",
      `spark@sha256:${"0".repeat(64)}`,
    ]
  ) {
    const problem = await found(docker, name);
    assertStringIncludes(problem, `${name}: the archive has team/spark:1, spark:2 instead`);
  }
  const tagged = ociArchive(IMAGE.manifest, [IMAGE], "1");
  assertEquals(await found(tagged, "ghcr.io/team/spark:1"), "");
  assertStringIncludes(await found(tagged, "ghcr.io/team/spark:2"), "the archive has 1 instead");
  const { digest } = IMAGE.manifest.descriptor;
  assertEquals(await found(tagged, `ghcr.io/team/spark:9@${digest}`), "");
  assertEquals(await found(unnamed(IMAGE), "ghcr.io/any/thing:7"), "");
  const index = ociArchive(indexOf([ARM, IMAGE]), [ARM, IMAGE], "1");
  assertEquals(await found(index, `ghcr.io/team/spark@${digest}`), "");
});

Deno.test("archive: rejects an invalid image reference", () => {
  assertThrows(() => findArchived([], "$(IMAGE)"), ImageRefused, "not an image reference");
});

const json = (value: unknown) => JSON.stringify(value);
const whole = dockerArchive(IMAGE, [NAME]);

for (
  const [name, bytes, words] of [
    [
      "text instead of a tar file",
      new TextEncoder().encode("hello ".repeat(200)),
      "not a tar file, or is damaged",
    ],
    ["an empty file", new Uint8Array(0), "the archive contains no image"],
    [
      "a truncated archive",
      whole.subarray(0, 2000),
      "the tar file ends in the middle of a file",
    ],
    ["a truncated gzip archive", gzipSync(whole).subarray(0, 300), "is truncated (Z_BUF_ERROR)"],
    ["a tar file without an image", tarOf({ "a.txt": "a" }), "the archive contains no image"],
    ["an empty index", tarOf({ "index.json": json({ manifests: [] }) }), "contains no image"],
    ["a malformed index", tarOf({ "index.json": "{]" }), "not a JSON object"],
    [
      "a manifest in place of an index",
      tarOf({ "index.json": json({ layers: [] }) }),
      "sha256 digest",
    ],
    [
      "a manifest.json of another form",
      tarOf({ "manifest.json": "[1]" }),
      "not in the format of docker save",
    ],
    [
      "a truncated manifest.json",
      tarOf({ "manifest.json": "[{" }),
      "not in the format of docker save",
    ],
  ] as const
) {
  Deno.test(`archive: rejects ${name}`, async () => {
    await withFile(bytes, async (path) => {
      const error = await assertRejects(() => openArchive(path, undefined), Failure, words);
      assertEquals(error.kind, "configuration");
      assertStringIncludes(error.message, path);
    });
  });
}

Deno.test("archive: rejects a missing file and a folder", async () => {
  await assertRejects(
    () => openArchive("/no/such/file", undefined),
    Failure,
    "the file does not exist",
  );
  await assertRejects(() => openArchive("/", undefined), Failure, "it is a directory");
});

const other = imageOf({ layers: [{ "evil.jar": "" }] });
const swapped = (image: TestImage, changes: Partial<TestImage>) => ({ ...image, ...changes });
const blob = (bytes: Uint8Array, { descriptor }: Blob) => ({ bytes, descriptor });

for (
  const [name, bytes, words] of [
    [
      "a layer with other content",
      unnamed(swapped(IMAGE, {
        layers: [{ ...IMAGE.layers[0]!, bytes: other.layers[0]!.bytes }, IMAGE.layers[1]!],
      })),
      `layer 1 (${IMAGE.layers[0]!.descriptor.digest}) cannot be read`,
    ],
    [
      "a missing layer",
      unnamed(swapped(IMAGE, { layers: [IMAGE.layers[0]!] })),
      `the layer ${IMAGE.layers[1]!.descriptor.digest} is missing from the archive`,
    ],
    [
      "a configuration with other content",
      unnamed(swapped(IMAGE, { config: blob(other.config.bytes, IMAGE.config) })),
      `but should be ${IMAGE.config.descriptor.digest}`,
    ],
    [
      "no manifest",
      ociArchive({ ...IMAGE.manifest, bytes: new Uint8Array(0) }, []),
      `the content ${IMAGE.manifest.descriptor.digest} is missing from the archive`,
    ],
    [
      "a saved layer with other content",
      dockerArchive(
        swapped(IMAGE, {
          layers: [IMAGE.layers[0]!, { ...IMAGE.layers[1]!, tar: other.layers[0]!.tar }],
        }),
        [],
      ),
      "layer 2 (sha256:",
    ],
    [
      "fewer saved layers than digests",
      dockerArchive(swapped(IMAGE, { layers: [IMAGE.layers[0]!] }), []),
      "the image has 1 layers, but 2 layer digests",
    ],
    [
      "a saved configuration with other content",
      dockerArchive(swapped(IMAGE, { config: blob(other.config.bytes, IMAGE.config) }), []),
      "the digest of the configuration is sha256:",
    ],
  ] as const
) {
  Deno.test(`archive: reports an image with ${name}`, async () => {
    await withFile(bytes, async (path) => {
      const [image] = await openArchive(path, undefined);
      const error = await assertRejects(() => image!.read("x", PLATFORM), ImageRefused, words);
      assertEquals(error.trouble, "broken");
    });
  });
}

Deno.test("archive: stops reading when its signal aborts", async () => {
  await withFile(whole, async (path) => {
    const signal = AbortSignal.abort();
    const error = await assertRejects(() => openArchive(path, signal), Failure, "interrupted");
    assertEquals(error.kind, "unreachable");
  });
});
