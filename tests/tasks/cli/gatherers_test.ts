import type { FactChoice } from "../../../tasks/cli/preflight_options.ts";
import { type Sources, unneededPermissions } from "../../../tasks/cli/gatherers.ts";
import { assertEquals } from "../../support/assert.ts";

const CLUSTER: Sources["cluster"] = { kind: "kubeconfig", files: [], by: "KUBECONFIG" };

function unneeded(
  facts: readonly FactChoice[],
  more: Partial<Sources> = {},
  inDirectory = false,
): string[] {
  const sources: Sources = {
    chosen: new Set(facts),
    manifests: "manifests",
    cluster: CLUSTER,
    credentials: "environment",
    portForward: false,
    rendersManifests: false,
    archive: undefined,
    registryCa: undefined,
    ...more,
  };
  return unneededPermissions(sources, inDirectory);
}

Deno.test("unneededPermissions: leaves only read permission for manifests", () => {
  assertEquals(unneeded(["manifests"]), ["net", "run", "write"]);
});

Deno.test("unneededPermissions: keeps permission to run programs only for a cluster or a kustomization", () => {
  assertEquals(unneeded(["manifests", "cluster"]), ["write"]);
  assertEquals(unneeded(["database"]), ["run", "write"]);
  assertEquals(unneeded(["manifests"], { rendersManifests: true }), ["net", "write"]);
  assertEquals(unneeded(["database"], { credentials: "cluster" }), ["write"]);
  assertEquals(unneeded(["database"], { portForward: true }), ["write"]);
  assertEquals(unneeded(["manifests", "cluster"], { cluster: { absent: "none" } }), [
    "net",
    "run",
    "write",
  ]);
});

Deno.test("unneededPermissions: keeps write permission only for an image and for a lake in a directory", () => {
  assertEquals(unneeded(["image"]), ["run"]);
  assertEquals(unneeded(["lake"]), ["run", "write"]);
  assertEquals(unneeded(["lake"], {}, true), ["run"]);
});
