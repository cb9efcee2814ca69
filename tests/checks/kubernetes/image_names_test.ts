import { wrongWorkload } from "../../../checks/kubernetes/pod_rules.ts";
import { wrongService } from "../../../checks/kubernetes/service_rules.ts";
import { assertEquals } from "../../support/assert.ts";

// Names of images that no node can pull, and other values that the API server refuses.

const container = (fields: object) =>
  wrongWorkload({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a" },
    spec: {
      volumes: [{ name: "v", emptyDir: {} }],
      containers: [{ name: "a", image: "a", ...fields }],
    },
  }).map(({ path }) => path);

const DIGEST = `sha256:${"0".repeat(64)}`;
const VALID = [
  ...["nginx", "nginx:1.27", "library/nginx", "ghcr.io/acme/etl:1.0.0-RC1", "a__b/c--d:x"],
  ...["localhost:5000/etl", "registry:5000/team/etl:1", "localhost/etl", "[::1]:5000/etl"],
  ...[`ghcr.io/acme/etl@${DIGEST}`, `ghcr.io/acme/etl:1@${DIGEST}`, "Registry/etl"],
  ...["${IMAGE}", "ghcr.io/$ORG/etl", "{{ .Values.image }}", "<image>"],
];
for (const image of VALID) {
  Deno.test(`${image} is the name of an image`, () => assertEquals(container({ image }), []));
}

const WRONG = [
  ...[
    "ghcr.io/Acme/etl:1",
    "ghcr.io/acme/etl :1",
    "NGINX",
    "ghcr.io/acme//etl",
    "ghcr.io/acme/etl:",
  ],
  ...["ghcr.io/acme/etl:1:2", "https://ghcr.io/acme/etl", "acme/-etl", "acme/etl:.1"],
];
for (const image of WRONG) {
  Deno.test(`${image} is no name of an image`, () => {
    assertEquals(container({ image }), ["spec.containers[0].image"]);
  });
}

Deno.test("the path of a mount has no colon", () => {
  const at = (mountPath: string) => container({ volumeMounts: [{ name: "v", mountPath }] });
  assertEquals(at("/tmp"), []);
  assertEquals(at("/tmp:ro"), ["spec.containers[0].volumeMounts[0].mountPath"]);
});

Deno.test("several ports of a Service have names of their own", () => {
  const paths = (...ports: object[]) =>
    wrongService({ apiVersion: "v1", kind: "Service", spec: { ports } }).map(({ path }) => path);
  assertEquals(paths({ port: 80 }), []);
  assertEquals(paths({ port: 80, name: "a" }, { port: 81, name: "b" }), []);
  assertEquals(paths({ port: 53, name: "a" }, { port: 53, name: "b", protocol: "UDP" }), []);
  assertEquals(paths({ port: 80 }, { port: 81, name: "b" }), ["spec.ports[0]"]);
  assertEquals(paths({ port: 80, name: "a" }, { port: 81, name: "a" }), ["spec.ports[1].name"]);
  assertEquals(paths({ port: 80, name: "a" }, { port: 80, name: "b" }), ["spec.ports[1].port"]);
});
