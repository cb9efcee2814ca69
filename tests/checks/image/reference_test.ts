import { ImageRefused } from "../../../checks/image/image_errors.ts";
import { addressOf } from "../../../checks/image/reference.ts";
import { assertEquals, assertThrows } from "../../support/assert.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

for (
  const [reference, registry, path, tag, digest] of [
    ["spark", "docker.io", "library/spark", "latest"],
    ["spark:3.5.8", "docker.io", "library/spark", "3.5.8"],
    ["apache/spark:3.5.8", "docker.io", "apache/spark", "3.5.8"],
    ["docker.io/spark", "docker.io", "library/spark", "latest"],
    ["index.docker.io/apache/spark:1", "docker.io", "apache/spark", "1"],
    ["ghcr.io/ldamasio/rbs-spark:3.5.8-phase1", "ghcr.io", "ldamasio/rbs-spark", "3.5.8-phase1"],
    ["localhost/spark:1", "localhost", "spark", "1"],
    ["localhost:5000/a/b/c", "localhost:5000", "a/b/c", "latest"],
    ["registry:5000/spark:1", "registry:5000", "spark", "1"],
    ["[::1]:5000/spark:1", "[::1]:5000", "spark", "1"],
    [`ghcr.io/a/b@${DIGEST}`, "ghcr.io", "a/b", "latest", DIGEST],
    [`ghcr.io/a/b:1@${DIGEST}`, "ghcr.io", "a/b", "1", DIGEST],
  ] as const
) {
  Deno.test(`reference: reads ${reference} as ${path} on ${registry}`, () => {
    assertEquals(addressOf(reference), { registry, path, tag, digest });
  });
}

for (
  const reference of [
    "",
    " ",
    "spark:",
    ":1",
    "/spark",
    "ghcr.io/",
    "ghcr.io//spark",
    "a b",
    "spark\n",
    "Spark",
    "ghcr.io/Team/spark:1",
    "spark@sha256:12",
    `spark@sha512:${"a".repeat(128)}`,
    "$(IMAGE)",
    `spark@${DIGEST}@${DIGEST}`,
    "https://ghcr.io/a/b",
    "ghcr.io/../b:1",
    "a/b?c=d",
    "a/b#1",
    "-a.io/b:1",
    `spark:${"1".repeat(129)}`,
    `a/${"b".repeat(256)}`,
    "user:pass@ghcr.io/a/b",
  ]
) {
  Deno.test(`reference: rejects ${JSON.stringify(reference.slice(0, 40))}`, () => {
    const error = assertThrows(
      () => addressOf(reference),
      ImageRefused,
      "not an image reference",
    );
    assertEquals(error.trouble, "unknown");
  });
}
