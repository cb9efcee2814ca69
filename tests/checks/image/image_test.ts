import {
  choose,
  type ImageIndex,
  parseConfig,
  parseManifest,
  platformsOf,
} from "../../../checks/image/image.ts";
import { Malformed } from "../../../checks/image/image_errors.ts";
import { fits } from "../../../checks/image/reference.ts";
import { assertEquals, assertThrows } from "../../support/assert.ts";
import { imageOf, indexOf } from "../../support/images.ts";

const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const DIGEST = `sha256:${"a".repeat(64)}`;
const PIECE = { digest: DIGEST, size: 1, mediaType: "application/vnd.oci.image.layer.v1.tar" };

Deno.test("image: reads manifests of OCI and Docker", () => {
  const image = imageOf({ layers: [{ a: "" }, { b: "" }] });
  const oci = parseManifest(image.manifest.bytes);
  assertEquals(oci.kind === "image" && oci.layers.map(({ digest }) => digest), [
    ...image.layers.map(({ descriptor }) => descriptor.digest),
  ]);
  for (const suffix of ["diff.tar.gzip", "foreign.diff.tar.gzip", "diff.tar"]) {
    const mediaType = `application/vnd.docker.image.rootfs.${suffix}`;
    const docker = { schemaVersion: 2, config: PIECE, layers: [{ ...PIECE, mediaType }] };
    assertEquals(parseManifest(bytes(docker)).kind, "image");
  }
});

Deno.test("image: lists the platforms of an index, and skips its other entries", () => {
  const images = ["linux/amd64", "linux/arm64/v8", "linux/arm/v7", "linux/arm/v6"]
    .map((platform) => imageOf({ layers: [{ [platform]: "" }], platform }));
  const attestation = imageOf({ layers: [{ x: "" }], platform: "unknown/unknown" });
  const index = parseManifest(indexOf([...images, attestation]).bytes) as ImageIndex;
  assertEquals(platformsOf(index), images.map(({ platform }) => platform));
  for (
    const [wanted, chosen] of [
      ["linux/amd64", "linux/amd64"],
      ["linux/arm64", "linux/arm64/v8"],
      ["linux/arm64/v8", "linux/arm64/v8"],
      ["linux/arm/v6", "linux/arm/v6"],
      ["linux/arm", "linux/arm/v7"],
      ["linux/s390x", undefined],
      ["windows/amd64", undefined],
    ] as const
  ) {
    assertEquals(choose(index, wanted)?.platform, chosen, wanted);
  }
});

Deno.test("image: matches a platform by architecture, and by variant if one is requested", () => {
  assertEquals(fits("linux/arm64/v8", "linux/arm64"), true);
  assertEquals(fits("linux/arm64", "linux/arm64/v8"), true);
  assertEquals(fits("linux/arm/v7", "linux/arm"), true);
  assertEquals(fits("linux/arm/v7", "linux/arm/v6"), false);
  assertEquals(fits("linux/amd64", "linux/arm64"), false);
});

for (
  const [name, value, words] of [
    ["nothing", "", "not a JSON object"],
    ["a cut one", '{"schemaVersion": 2, "layers', "not a JSON object"],
    ["a list", "[]", "not a JSON object"],
    ["one of Docker's first form", { schemaVersion: 1, fsLayers: [] }, "Docker's schema version 1"],
    ["one without layers", { schemaVersion: 2, config: PIECE }, "has no layers"],
    ["one without a configuration", { layers: [] }, "without a sha256 digest"],
    ["one with another digest", { config: { ...PIECE, digest: "sha512:1" }, layers: [] }, "sha256"],
    [
      "one without a size",
      { config: { ...PIECE, size: "1" }, layers: [] },
      "the manifest has no size for",
    ],
    [
      "one with a negative size",
      { config: { ...PIECE, size: -1 }, layers: [] },
      "the manifest has no size for",
    ],
    ["one of a chart", { config: PIECE, layers: [{ ...PIECE, mediaType: "helm" }] }, '"helm"'],
    ["one of 501 layers", { config: PIECE, layers: Array(501).fill(PIECE) }, "501 layers"],
    ["an index of nothing", { manifests: [null] }, "without a sha256 digest"],
  ] as const
) {
  Deno.test(`image: rejects ${name} as a manifest`, () => {
    assertThrows(() => parseManifest(bytes(value)), Malformed, words);
  });
}

Deno.test("image: reads platform, environment and uncompressed layer digests from a configuration", () => {
  const { config, layers } = imageOf({
    layers: [{ a: "" }],
    platform: "linux/arm64/v8",
    env: ["A=b=c", "EMPTY="],
  });
  const { platform, env, diffIds } = parseConfig(config.bytes);
  assertEquals([platform, env.get("A"), env.get("EMPTY")], ["linux/arm64/v8", "b=c", ""]);
  assertEquals(diffIds.length, layers.length);
  for (const value of ["", "[]", {}, { os: "linux" }, { os: "a b", architecture: "c" }]) {
    assertThrows(() => parseConfig(bytes(value)), Malformed);
  }
});
