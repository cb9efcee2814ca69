import type { S3Config } from "../../pipeline/config.ts";
import { REQUIRED_PACKAGES, rgwInstalled, startRgw } from "./ceph_rgw.ts";
import { startStrictS3 } from "./strict_s3.ts";

/** A running S3 server of the suite. */
export interface ObjectStore {
  /** Name for people, for example `Ceph RGW`. */
  readonly name: string;
  /** Endpoint and credentials of its only user. */
  readonly config: Omit<S3Config, "kind" | "bucket">;
  /** Creates an empty bucket and returns the configuration of a lake in it. */
  createBucket(name: string): Promise<S3Config>;
  /** Stops the server and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts the object store for tests: a real Ceph RGW, as in production. The strict server replaces
 * it only on a developer's machine without Ceph.
 */
export async function startObjectStore(): Promise<ObjectStore> {
  if (rgwInstalled()) return await startRgw();
  if (Deno.env.get("CI") === "true") {
    throw new Error(`Cannot start Ceph RGW: install the packages ${REQUIRED_PACKAGES}.`);
  }
  console.log(
    `Using the strict S3 server instead of Ceph RGW. To use Ceph RGW, install ${REQUIRED_PACKAGES}.`,
  );
  return startStrictS3();
}
