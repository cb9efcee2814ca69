import type { Lake } from "../../pipeline/lake/lake.ts";
import { openLake } from "../../pipeline/lake/open.ts";
import { REQUIRED_PACKAGES, rgwInstalled, startRgw } from "./ceph_rgw.ts";
import type { ObjectStore } from "./object_store.ts";
import { startStrictS3 } from "./strict_s3.ts";

/** An empty bucket or directory of one test. Lakes opened in it are closed on disposal. */
export interface Place extends AsyncDisposable {
  open(signal?: AbortSignal): Promise<Lake>;
}

/** A kind of lake that tests run on. */
export interface LakeKind {
  readonly name: string;
  place(): Promise<Place>;
}

// Servers start and stop outside of tests, because the sanitizers of a test would report them as
// leaks.
const running = new Map<string, ObjectStore>();

function storeKind(name: string, start: () => ObjectStore | Promise<ObjectStore>): LakeKind {
  Deno.test.beforeAll(async () => void running.set(name, await start()));
  Deno.test.afterAll(() => running.get(name)?.stop());
  return {
    name,
    async place() {
      const config = await store(name).createBucket(`t-${crypto.randomUUID()}`);
      return opener((signal) => openLake(config, signal));
    },
  };
}

const directory: LakeKind = {
  name: "directory",
  async place() {
    const path = await Deno.makeTempDir({ prefix: "lake-" });
    const open = (signal?: AbortSignal) => openLake({ kind: "directory", path }, signal);
    return opener(open, () => Deno.remove(path, { recursive: true }));
  },
};

function opener(open: Place["open"], end?: () => Promise<void>): Place {
  const opened: Lake[] = [];
  return {
    async open(signal) {
      const lake = await open(signal);
      opened.push(lake);
      return lake;
    },
    async [Symbol.asyncDispose]() {
      for (const lake of opened) lake.close();
      await end?.();
    },
  };
}

/** Returns the object store with this name. Valid only while tests run. */
export function store(name: string): ObjectStore {
  const found = running.get(name);
  if (found === undefined) throw new Error(`${name} is available only while tests run.`);
  return found;
}

/**
 * Starts the object stores that this machine supports around the tests of the calling file. A
 * missing store adds a test that fails in CI and is ignored elsewhere.
 */
export function storeKinds(): LakeKind[] {
  // A small page size splits every listing into several pages.
  const kinds = [storeKind("strict S3", () => startStrictS3({ pageSize: 7 }))];
  if (rgwInstalled()) return [...kinds, storeKind("Ceph RGW", startRgw)];
  const missing = `Ceph RGW: not installed here, it needs the packages ${REQUIRED_PACKAGES}`;
  Deno.test({
    name: missing,
    ignore: Deno.env.get("CI") !== "true",
    fn() {
      throw new Error(missing);
    },
  });
  return kinds;
}

/** Returns every kind of lake, see {@linkcode storeKinds}. */
export function lakeKinds(): LakeKind[] {
  return [directory, ...storeKinds()];
}
