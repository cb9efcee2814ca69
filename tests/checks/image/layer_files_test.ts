import { Malformed } from "../../../checks/image/image_errors.ts";
import {
  type ImageFiles,
  type LayerChange,
  layered,
  openLayerCache,
  readLayer,
} from "../../../checks/image/layer_files.ts";
import { assertEquals, assertRejects } from "../../support/assert.ts";
import { type Files, JAR, joined, tarOf } from "../../support/images.ts";

async function* chunksOf(layer: Files): AsyncGenerator<Uint8Array> {
  yield await tarOf(layer);
}

/** Stacks layers on top of each other, the lowest first. */
async function imageOf(...layers: readonly Files[]): Promise<ImageFiles> {
  return layered(await Promise.all(layers.map((layer) => readLayer(chunksOf(layer)))));
}

const JARS = "opt/spark/jars";
const SPARK = { [`${JARS}/a.jar`]: "", [`${JARS}/b.jar`]: "", "opt/spark/bin/spark-submit": "" };

async function jarsAfter(...layers: readonly Files[]): Promise<string[] | undefined> {
  return (await imageOf(SPARK, ...layers)).filesIn("/opt/spark/jars");
}

Deno.test("layer_files: combines the files of all layers", async () => {
  assertEquals(await jarsAfter(), ["a.jar", "b.jar"]);
  assertEquals(await jarsAfter({ [`${JARS}/c.jar`]: "" }), ["a.jar", "b.jar", "c.jar"]);
  assertEquals(await jarsAfter({ [`./${JARS}/c.jar`]: "" }, { [`${JARS}/a.jar`]: "2" }), [
    "a.jar",
    "b.jar",
    "c.jar",
  ]);
  assertEquals(await jarsAfter({ [`${JARS}/`]: "", [`${JARS}/sub/d.jar`]: "" }), [
    "a.jar",
    "b.jar",
  ]);
});

Deno.test("layer_files: a deletion hides files of lower layers only", async () => {
  const gone = { [`${JARS}/.wh.a.jar`]: "" };
  assertEquals(await jarsAfter(gone), ["b.jar"]);
  assertEquals(await jarsAfter(gone, { [`${JARS}/a.jar`]: "" }), ["a.jar", "b.jar"]);
  assertEquals(await jarsAfter({ [`${JARS}/a.jar`]: "", ...gone }), ["a.jar", "b.jar"]);
  assertEquals(await jarsAfter({ [`${JARS}/.wh.none.jar`]: "", "tmp/.wh.x": "" }), [
    "a.jar",
    "b.jar",
  ]);
});

Deno.test("layer_files: deletes a folder with its content", async () => {
  assertEquals(await jarsAfter({ "opt/.wh.spark": "" }), undefined);
  assertEquals(await jarsAfter({ "opt/.wh.spark": "", [`${JARS}/c.jar`]: "" }), ["c.jar"]);
  assertEquals(await jarsAfter({ [`${JARS}/.wh..wh.plnk`]: "" }), ["a.jar", "b.jar"]);
});

Deno.test("layer_files: an opaque folder hides lower layers, wherever in its layer the marker is", async () => {
  assertEquals(await jarsAfter({ [`${JARS}/.wh..wh..opq`]: "", [`${JARS}/c.jar`]: "" }), ["c.jar"]);
  assertEquals(await jarsAfter({ [`${JARS}/c.jar`]: "", [`${JARS}/.wh..wh..opq`]: "" }), ["c.jar"]);
  assertEquals(await jarsAfter({ ".wh..wh..opq": "" }), undefined);
});

Deno.test("layer_files: records which layer deleted a file that stays deleted", async () => {
  const image = await imageOf(
    SPARK,
    { [`${JARS}/.wh.a.jar`]: "", "tmp/x": "" },
    { [`${JARS}/.wh..wh..opq`]: "", [`${JARS}/b.jar`]: "" },
  );
  assertEquals(image.deletedFrom(`/${JARS}/`), [{ name: "a.jar", layer: 2 }]);
  const all = await imageOf(SPARK, { "opt/.wh.spark": "" });
  assertEquals(all.deletedFrom(JARS).map(({ name, layer }) => `${name} ${layer}`), [
    "a.jar 2",
    "b.jar 2",
  ]);
});

Deno.test("layer_files: a file in place of a folder hides the folder's content", async () => {
  assertEquals(await jarsAfter({ [JARS]: "a file" }), undefined);
  assertEquals(await jarsAfter({ "opt/spark": { symlink: "nowhere" } }), undefined);
  assertEquals(await jarsAfter({ "opt/spark": "a file" }, { [`${JARS}/c.jar`]: "" }), ["c.jar"]);
});

Deno.test("layer_files: follows links to folders in every notation", async () => {
  const real = { "opt/spark-3.5/jars/a.jar": "" };
  for (
    const symlink of [
      "spark-3.5",
      "/opt/spark-3.5",
      "../opt/./spark-3.5/",
      "../../../opt/spark-3.5",
    ]
  ) {
    const image = await imageOf(real, { "opt/spark": { symlink } });
    assertEquals(image.filesIn("/opt/spark/jars"), ["a.jar"], symlink);
    assertEquals(image.kindOf("/opt/spark/jars/a.jar"), "file");
    assertEquals(image.kindOf("/opt/spark/jars/../jars"), "folder");
  }
});

Deno.test("layer_files: applies changes below a link to the target of the link", async () => {
  const linked = [{ "opt/spark-3.5/jars/a.jar": "" }, { "opt/spark": { symlink: "spark-3.5" } }];
  const added = await imageOf(...linked, { [`${JARS}/b.jar`]: "" });
  assertEquals(added.filesIn("opt/spark-3.5/jars"), ["a.jar", "b.jar"]);
  const removed = await imageOf(...linked, { [`${JARS}/.wh.a.jar`]: "" });
  assertEquals(removed.filesIn(JARS), []);
  assertEquals(removed.deletedFrom(JARS), [{ name: "a.jar", layer: 3 }]);
  const replaced = await imageOf(...linked, { "opt/spark/": "", [`${JARS}/c.jar`]: "" });
  assertEquals(replaced.filesIn(JARS), ["c.jar"]);
});

Deno.test("layer_files: reads a link to a file as a file, and ignores a dangling link", async () => {
  const image = await imageOf({
    "lib/x.jar": "",
    [`${JARS}/x.jar`]: { symlink: "/lib/x.jar" },
    [`${JARS}/y.jar`]: { symlink: "/lib/y.jar" },
    [`${JARS}/folder`]: { symlink: "/lib" },
    [`${JARS}/loop`]: { symlink: "loop" },
    [`${JARS}/x.jar/below`]: { symlink: "x" },
  });
  assertEquals(image.kindOf(`${JARS}/y.jar`), undefined);
  assertEquals(image.kindOf(`${JARS}/loop`), undefined);
  assertEquals(image.kindOf(`${JARS}/folder`), "folder");
  assertEquals(image.kindOf("lib/x.jar/z"), undefined);
  assertEquals(image.kindOf("/"), "folder");
});

Deno.test("layer_files: resolves a hard link in its layer or below, even if the target is deleted", async () => {
  const image = await imageOf(
    { "lib/x.jar": "", "lib/s": { symlink: "x.jar" } },
    { [`${JARS}/x.jar`]: { hardlink: "lib/x.jar" }, [`lib/t`]: { hardlink: "/lib/s" } },
    { "lib/.wh.s": "" },
  );
  assertEquals(image.filesIn(JARS), ["x.jar"]);
  assertEquals(image.kindOf("lib/t"), "file");
  await assertRejects(
    () => imageOf({ a: { hardlink: "none" } }),
    Malformed,
    "a is a hard link to none",
  );
  await assertRejects(
    () => imageOf({ "b/": "", a: { hardlink: "b" } }),
    Malformed,
    "which is not a file",
  );
});

const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;
const CHANGES: LayerChange[] = [
  { kind: "file", path: "opt/spark/jars/a b.jar" },
  { kind: "folder", path: "opt" },
  { kind: "symlink", path: "opt/spark", target: "spark-3.5" },
  { kind: "hardlink", path: "c", target: "opt/d" },
  { kind: "deleted", path: "-x" },
  { kind: "emptied", path: "" },
];

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "cache-" });
  try {
    await work(`${dir}/not/yet/there`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("layer_files: caches a layer by its digest, readable only by this user", async () => {
  await inFolder(async (folder) => {
    await openLayerCache(folder).put(DIGEST, CHANGES);
    assertEquals(await openLayerCache(folder).get(DIGEST), CHANGES);
    assertEquals(await openLayerCache(folder).get(OTHER), undefined);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assertEquals(names, [`sha256-${"a".repeat(64)}.json`]);
    assertEquals((await Deno.stat(folder)).mode! & 0o077, 0);
    assertEquals((await Deno.stat(`${folder}/${names[0]}`)).mode! & 0o077, 0);
  });
});

for (
  const [name, text] of [
    ["is empty", ""],
    ["is cut", `{"form":1,"digest":"${DIGEST}","cha`],
    ["has another version", JSON.stringify({ form: 0, digest: DIGEST, changes: [] })],
    ["belongs to another layer", JSON.stringify({ form: 1, digest: OTHER, changes: [] })],
    ["has no list", JSON.stringify({ form: 1, digest: DIGEST, changes: "fa" })],
    ["has a number in its list", JSON.stringify({ form: 1, digest: DIGEST, changes: [1] })],
    [
      "has a change of an unknown kind",
      JSON.stringify({ form: 1, digest: DIGEST, changes: ["qa"] }),
    ],
    ["has a link without a target", JSON.stringify({ form: 1, digest: DIGEST, changes: ["la"] })],
    [
      "has a file with a link target",
      JSON.stringify({ form: 1, digest: DIGEST, changes: ["fa\0b"] }),
    ],
  ] as const
) {
  Deno.test(`layer_files: ignores and rewrites a cache file that ${name}`, async () => {
    await inFolder(async (folder) => {
      await Deno.mkdir(folder, { recursive: true });
      await Deno.writeTextFile(`${folder}/${DIGEST.replace(":", "-")}.json`, text);
      const cache = openLayerCache(folder);
      assertEquals(await cache.get(DIGEST), undefined);
      await cache.put(DIGEST, CHANGES);
      assertEquals(await cache.get(DIGEST), CHANGES);
    });
  });
}

Deno.test("layer_files: works without a cache if the cache is not writable", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/file`, "");
    const cache = openLayerCache(`${folder}/file/below`);
    await cache.put(DIGEST, CHANGES);
    assertEquals(await cache.get(DIGEST), undefined);
  });
  await openLayerCache(undefined).put(DIGEST, CHANGES);
  assertEquals(await openLayerCache(undefined).get(DIGEST), undefined);
});

/** A ZIP file with one file, which is not compressed, and a comment. */
function zipOf(size: number, comment = ""): Uint8Array {
  const name = new TextEncoder().encode("A.class");
  const record = (signature: number, length: number, fields: readonly [number, number][]) => {
    const bytes = new DataView(new ArrayBuffer(length));
    bytes.setUint32(0, signature, true);
    for (const [at, value] of fields) bytes.setUint32(at, value, true);
    return new Uint8Array(bytes.buffer);
  };
  const sizes = (at: number): [number, number][] => [[at, size], [at + 4, size], [at + 8, 7]];
  return joined([
    record(0x04034b50, 30, sizes(18)),
    name,
    new Uint8Array(size),
    record(0x02014b50, 46, sizes(20)),
    name,
    record(0x06054b50, 22, [[8, 0x10001], [12, 53], [16, 37 + size]]).fill(
      comment.length & 0xff,
      20,
      21,
    ).fill(comment.length >> 8, 21),
    new TextEncoder().encode(comment),
  ]);
}

/** A ZIP file that lost a part in the middle. */
function withoutMiddle(zip: Uint8Array): Uint8Array {
  return joined([zip.subarray(0, 1000), zip.subarray(2000)]);
}

/** A ZIP file in the form for large files, whose last record has no offset. */
function withLargeOffset(zip: Uint8Array): Uint8Array {
  const large = Uint8Array.from(zip);
  large.fill(0xff, -6, -2);
  return large;
}

Deno.test("layer_files: looks at the beginning and the end of jars, also through links and the cache", async () => {
  const files = {
    [`${JARS}/good.jar`]: JAR,
    [`${JARS}/comment.jar`]: zipOf(100_000, "x".repeat(0xffff)),
    [`${JARS}/cut.jar`]: zipOf(100_000).subarray(0, -100),
    [`${JARS}/half.jar`]: zipOf(100_000).subarray(0, 50_000),
    [`${JARS}/header.jar`]: "PK\x03\x04",
    [`${JARS}/hole.jar`]: withoutMiddle(zipOf(100_000)),
    [`${JARS}/real.jar`]: zipOf(100_000),
    [`${JARS}/small.jar`]: zipOf(1),
    [`${JARS}/zeros.jar`]: joined([zipOf(1).subarray(0, -30), new Uint8Array(100_000)]),
    [`${JARS}/zip64.jar`]: withLargeOffset(zipOf(1)),
    [`${JARS}/empty.jar`]: "",
    [`${JARS}/short.jar`]: "P",
    [`${JARS}/page.jar`]: "<html>404</html>",
    [`${JARS}/large.jar`]: `<html>${"x".repeat(100_000)}`,
    [`${JARS}/link.jar`]: { symlink: "page.jar" },
    [`${JARS}/same.jar`]: { hardlink: `${JARS}/empty.jar` },
    "opt/x.txt": "",
  };
  const damages = (image: ImageFiles) =>
    [...image.filesIn(JARS)!.map((name) => `${JARS}/${name}`), "opt/x.txt"]
      .map((path) => [path.replace(/.*\//, ""), image.damageOf(path)]);
  const expected = [
    ["comment.jar", undefined],
    ["cut.jar", "cut"],
    ["empty.jar", "empty"],
    ["good.jar", undefined],
    ["half.jar", "cut"],
    ["header.jar", "cut"],
    ["hole.jar", "cut"],
    ["large.jar", "no-zip"],
    ["link.jar", "no-zip"],
    ["page.jar", "no-zip"],
    ["real.jar", undefined],
    ["same.jar", "empty"],
    ["short.jar", "no-zip"],
    ["small.jar", undefined],
    ["zeros.jar", "cut"],
    ["zip64.jar", undefined],
    ["x.txt", undefined],
  ];
  assertEquals(damages(await imageOf(files)), expected);
  const repaired = await imageOf(files, { [`${JARS}/page.jar`]: JAR });
  assertEquals(repaired.damageOf(`${JARS}/link.jar`), undefined);
  const folder = await Deno.makeTempDir();
  try {
    const cache = openLayerCache(folder);
    const digest = `sha256:${"a".repeat(64)}`;
    await cache.put(digest, await readLayer(chunksOf(files)));
    assertEquals(damages(layered([(await cache.get(digest))!])), expected);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
