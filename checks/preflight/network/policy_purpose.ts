import type { ManifestObject } from "../../kubernetes/objects.ts";
import { isFields } from "../../kubernetes/fields.ts";

/** A destination that jobs need, which a policy may have been written for. */
export type Purpose = "store" | "dns" | "database" | "api" | "spark";

/** All destinations. */
export const PURPOSES: readonly Purpose[] = ["store", "dns", "database", "api", "spark"];

/** The words in names of policies that are for one destination only. */
const WORDS: Readonly<Record<Purpose, RegExp>> = {
  store: /^(s3|store|storage|object|objects|minio|ceph|rgw|bucket|buckets|lake|contabo|aws|gcs)$/,
  dns: /^(dns|coredns|kubedns|nodelocaldns|resolver|resolve)$/,
  database: /^(db|database|postgres|postgresql|pg|paradedb|outbox|sql|timescale|timescaledb)$/,
  api: /^(api|apis|apiserver|kubeapi|kubernetes|k8s|master|controlplane)$/,
  spark:
    /^(driver|drivers|executor|executors|master|worker|workers|shuffle|block|blocks|blockmanager)$/,
};

/** The words in names of policies for addresses outside the cluster, such as the store's. */
const OUTSIDE_WORDS = /^(internet|external|outside|https|http|web|public|world|egress443)$/;

/**
 * Returns whether a policy was written for a destination, according to its name, or else to its
 * labels and annotations: 2 if it was, 1 if it may be, 0 if nothing indicates a destination, and
 * -1 if it was written for another destination.
 */
export function fitOf(policy: ManifestObject | undefined, name: string, purpose: Purpose): number {
  const named = fitOfWords(wordsOf(name), purpose);
  if (named !== 0) return named;
  const metadata = isFields(policy?.value.metadata) ? policy.value.metadata : {};
  const texts = [metadata.labels, metadata.annotations].flatMap((each) =>
    isFields(each) ? Object.values(each).map(String) : []
  );
  // The applied configuration that kubectl stores repeats the whole object.
  return fitOfWords(wordsOf(texts.filter((text) => !text.startsWith("{")).join(" ")), purpose);
}

/** The words in names of policies for services that are outside every cluster. */
const CLOUD_WORDS = /^(s3|contabo|aws|gcs|internet|external|outside|world)$/;

/** The words for stores that can be inside the cluster. */
const INSIDE_WORDS = /^(minio|ceph|rgw|internal|inside|local)$/;

/**
 * Returns whether a policy was written for a destination outside the cluster, according to its name.
 */
export function isNamedForOutside(policy: ManifestObject | undefined, name: string): boolean {
  const words = wordsOf(name);
  return words.some((word) => CLOUD_WORDS.test(word)) &&
    !words.some((word) => INSIDE_WORDS.test(word)) && fitOf(policy, name, "store") > 0;
}

function fitOfWords(words: readonly string[], purpose: Purpose): number {
  const has = (pattern: RegExp) => words.some((word) => pattern.test(word));
  if (has(WORDS[purpose])) return 2;
  const others = (["store", "dns", "database", "api"] as const).filter((each) => each !== purpose);
  // A policy for drivers or executors can contain the rules for all their destinations.
  if (others.some((each) => has(WORDS[each]))) return -1;
  return purpose === "store" && has(OUTSIDE_WORDS) ? 1 : 0;
}

function wordsOf(text: string): string[] {
  const lower = text.toLowerCase();
  return [
    ...lower.split(/[^a-z0-9]+/),
    ...lower.split(/[^a-z0-9-]+/).map((each) => each.replaceAll("-", "")),
  ].filter((word) => word !== "");
}
