import type { S3Config } from "../../pipeline/config.ts";
import { REQUIRED_PACKAGES, rgwInstalled, startRgw } from "./ceph_rgw.ts";
import { startStrictS3 } from "./strict_s3.ts";

/** A running S3 server of the suite. */
export interface ObjectStore {
  /** For people, such as `Ceph RGW`. */
  readonly name: string;
  /** Where it is, and its one user. */
  readonly config: Omit<S3Config, "kind" | "bucket">;
  /** Makes an empty bucket, and says how to open a lake in it. */
  createBucket(name: string): Promise<S3Config>;
  /** Ends the server; what it stored is gone. */
  stop(): Promise<void>;
}

/**
 * Starts the object store that tests run against: a real Ceph RGW, which is what production has.
 * Only on a developer's machine that lacks it may the strict server stand in.
 */
export async function startObjectStore(): Promise<ObjectStore> {
  if (rgwInstalled()) return await startRgw();
  if (Deno.env.get("CI") === "true") {
    throw new Error(`Cannot start Ceph RGW: install the packages ${REQUIRED_PACKAGES}.`);
  }
  console.log(`A strict S3 server stands in for Ceph RGW (install ${REQUIRED_PACKAGES} for it).`);
  return startStrictS3();
}
