import { assertEquals } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { openApi } from "./api.ts";
import type { Access } from "./kubeconfig.ts";
import { ASKS_FOR_OTHERS, DOES_ALL, READS_ALL, readsAllBut, tokenUntil, user } from "./users.ts";

const SECRETS = "/api/v1/namespaces/default/secrets";
const REVIEWS = "/apis/authorization.k8s.io/v1";

async function statusOf(access: Access, method: string, path: string, body?: object) {
  using api = openApi(access);
  const response = await api.send(method, path, body);
  await response.body?.cancel();
  return response.status;
}

const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
const review = (kind: string, spec: object) => ({
  apiVersion: "authorization.k8s.io/v1",
  kind,
  spec: { resourceAttributes: { verb: "get", resource: "pods" }, ...spec },
});

clusterTest("user: logs in an administrator by certificate and by token", async () => {
  const { admin } = controlPlane();
  const byToken = await user(admin, "admin", [DOES_ALL]);
  for (const access of [admin, byToken]) {
    assertEquals(await statusOf(access, "GET", SECRETS), 200);
  }
});

clusterTest("tokenUntil: makes a token that is refused only because it has expired", async () => {
  const { admin, folder } = controlPlane();
  await user(admin, "late", [READS_ALL]);
  const at = (seconds: number) =>
    tokenUntil(admin, folder, "late", new Date(Date.now() + seconds * 1000));
  assertEquals(await statusOf(await at(3600), "GET", SECRETS), 200);
  assertEquals(await statusOf(await at(-3600), "GET", SECRETS), 401);
});

clusterTest("READS_ALL: allows reads, but neither create nor patch", async () => {
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  assertEquals(await statusOf(reader, "GET", SECRETS), 200);
  const own = review("SelfSubjectAccessReview", {});
  assertEquals(await statusOf(reader, "POST", `${REVIEWS}/selfsubjectaccessreviews`, own), 201);
  const others = review("SubjectAccessReview", { user: "somebody" });
  assertEquals(await statusOf(reader, "POST", `${REVIEWS}/subjectaccessreviews`, others), 403);
  const path = "/api/v1/namespaces/default/configmaps";
  assertEquals(await statusOf(reader, "POST", path, configMap("new")), 403);
  assertEquals(await statusOf(reader, "PATCH", `${path}/kube-root-ca.crt`, {}), 403);
});

clusterTest("readsAllBut: denies only the named resources", async () => {
  const { admin } = controlPlane();
  const rules = await readsAllBut(admin, "secrets", "networkpolicies");
  const blind = await user(admin, "blind", rules);
  assertEquals(await statusOf(blind, "GET", SECRETS), 403);
  assertEquals(await statusOf(blind, "GET", "/apis/networking.k8s.io/v1/networkpolicies"), 403);
  assertEquals(await statusOf(blind, "GET", "/api/v1/pods"), 200);
  assertEquals(await statusOf(blind, "GET", "/apis/networking.k8s.io/v1/ingresses"), 200);
});

clusterTest("ASKS_FOR_OTHERS: allows checking the rights of other users", async () => {
  const operator = await user(controlPlane().admin, "operator", [READS_ALL, ASKS_FOR_OTHERS]);
  const others = review("SubjectAccessReview", { user: "somebody" });
  assertEquals(await statusOf(operator, "POST", `${REVIEWS}/subjectaccessreviews`, others), 201);
});

clusterTest("user: revokes rights of an existing user", async () => {
  const { admin } = controlPlane();
  await user(admin, "fickle", [READS_ALL]);
  const now = await user(admin, "fickle", []);
  assertEquals(await statusOf(now, "GET", SECRETS), 403);
});
