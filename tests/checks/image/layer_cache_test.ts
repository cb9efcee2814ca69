import { type LayerChange, openLayerCache } from "../../../checks/image/layer_files.ts";
import { assertEquals } from "../../support/assert.ts";

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

Deno.test("a layer is remembered by its digest, for this user alone", async () => {
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
    ["is of another form", JSON.stringify({ form: 0, digest: DIGEST, changes: [] })],
    ["is another layer's", JSON.stringify({ form: 1, digest: OTHER, changes: [] })],
    ["has no list", JSON.stringify({ form: 1, digest: DIGEST, changes: "fa" })],
    ["has something else in its list", JSON.stringify({ form: 1, digest: DIGEST, changes: [1] })],
    ["has a change of no kind", JSON.stringify({ form: 1, digest: DIGEST, changes: ["qa"] })],
    ["has a link that leads nowhere", JSON.stringify({ form: 1, digest: DIGEST, changes: ["la"] })],
    ["has a file that leads on", JSON.stringify({ form: 1, digest: DIGEST, changes: ["fa\0b"] })],
  ] as const
) {
  Deno.test(`a file that ${name} is as good as none, and written anew`, async () => {
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

Deno.test("where nothing can be written, nothing is remembered, and nothing fails", async () => {
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
