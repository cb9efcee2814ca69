import type { S3Config } from "../../../pipeline/config.ts";
import type { Lake } from "../../../pipeline/lake/lake.ts";
import { openLake } from "../../../pipeline/lake/open.ts";
import { startRgw } from "../../support/ceph_rgw.ts";
import type { Part } from "./part.ts";

/** The lake, for drills to break. */
export interface LakePart extends Part {
  readonly config: S3Config;
  readonly lake: Lake;
  /** Records the current content of the lake as healthy. */
  remember(): Promise<void>;
}

/** Starts a Ceph RGW with an empty bucket. */
export async function startLake(): Promise<LakePart> {
  const store = await startRgw();
  const config = await store.createBucket("drill");
  const lake = await openLake(config);
  const healthy = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    config,
    lake,
    async remember() {
      for (const { key } of await lake.list("")) healthy.set(key, (await lake.get(key))!.bytes);
    },
    async heal() {
      for (const { key } of await lake.list("")) if (!healthy.has(key)) await lake.remove(key);
      for (const [key, bytes] of healthy) await lake.put(key, bytes);
    },
    async stop() {
      lake.close();
      await store.stop();
    },
  };
}
