import { readFile } from "../../../../checks/facts/manifests.ts";
import { missingFiles } from "../../../../checks/preflight/manifests/volume_keys.ts";
import { assertEquals } from "../../../support/assert.ts";

const found = (volume: string, mount: string) =>
  missingFiles(readFile(
    "a.yaml",
    `apiVersion: v1
kind: ConfigMap
metadata: { name: m, namespace: a }
data: { log4j.properties: x, spark.conf: y }
---
apiVersion: v1
kind: Pod
metadata: { name: p, namespace: a }
spec:
  containers: [{ name: a, image: a, volumeMounts: [{ name: v, mountPath: /v${mount} }] }]
  volumes: [{ name: v, configMap: { name: ${volume} } }]
`,
  )).map(({ field, problem, fix }) => `${field}: ${problem}. ${fix}`);

Deno.test("missingFiles accepts keys that the ConfigMap has, and ConfigMaps that are not declared", () => {
  assertEquals(found("m", ""), []);
  assertEquals(found("m", ", subPath: spark.conf"), []);
  assertEquals(found("m, items: [{ key: spark.conf, path: conf/a }]", ", subPath: conf"), []);
  assertEquals(found("other, items: [{ key: a, path: a }]", ", subPath: b"), []);
  assertEquals(found("m, optional: true, items: [{ key: a, path: a }]", ""), []);
});

Deno.test("missingFiles fails for a key or a subPath that the ConfigMap does not have", () => {
  assertEquals(found("m, items: [{ key: log4j.property, path: a }]", ""), [
    "spec.volumes[0].configMap.items[0].key: ConfigMap m has no file log4j.property; it has " +
    "log4j.properties, spark.conf. Correct the name, or add the key.",
  ]);
  assertEquals(found("m", ", subPath: sparc.conf"), [
    "spec.containers[0].volumeMounts[0].subPath: ConfigMap m has no file sparc.conf; it has " +
    "log4j.properties, spark.conf. Write spark.conf.",
  ]);
});
