import { assert, assertEquals } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { openApi } from "./api.ts";
import { faultyProxy } from "./faulty_proxy.ts";
import type { Access } from "./kubeconfig.ts";
import { DOES_ALL, user } from "./users.ts";

const SECRETS = "/api/v1/secrets";
const ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

/** What of an answer comes within half a second, and the name of the error that ends it. */
async function listRoles({ server, ca, login }: Access): Promise<{ text: string; end: string }> {
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const headers: Record<string, string> = "token" in login
    ? { authorization: `Bearer ${login.token}` }
    : {};
  let text = "";
  try {
    const signal = AbortSignal.timeout(500);
    const response = await fetch(`${server}${ROLES}`, { client, signal, headers });
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) text += part;
    return { text, end: "" };
  } catch (error) {
    return { text, end: (error as Error).name };
  }
}

for (const by of ["certificate", "token"]) {
  clusterTest(
    `faulty_proxy: one list stops in the middle, for a user by ${by}, and nothing else`,
    async () => {
      const { admin, folder } = controlPlane();
      const access = by === "token" ? await user(admin, "admin", [DOES_ALL]) : admin;
      const fault = { list: "clusterroles", inTheMiddle: "stalls" } as const;
      await using proxy = await faultyProxy({ folder }, access, fault);
      using api = openApi(proxy.access);
      assertEquals((await api.get(SECRETS)).kind, "SecretList");
      const made = await api.call("POST", "/api/v1/namespaces", { metadata: { name: `by-${by}` } });
      assertEquals(made.metadata.name, `by-${by}`);
      const { text, end } = await listRoles(proxy.access);
      assertEquals(end, "TimeoutError");
      assert(text.startsWith(`{"kind":"ClusterRoleList"`), text);
    },
  );
}

clusterTest("faulty_proxy: one list ends in the middle with its connection", async () => {
  const { admin, folder } = controlPlane();
  const fault = { list: "clusterroles", inTheMiddle: "drops" } as const;
  await using proxy = await faultyProxy({ folder }, admin, fault);
  using api = openApi(proxy.access);
  const { text, end } = await listRoles(proxy.access);
  assertEquals(end, "TypeError");
  assert(text.startsWith(`{"kind":"ClusterRoleList"`), text);
  assertEquals((await api.get(SECRETS)).kind, "SecretList");
});

clusterTest("faulty_proxy: a silent server accepts, and says nothing", async () => {
  const { admin, folder } = controlPlane();
  await using proxy = await faultyProxy({ folder }, admin, "silence");
  // An address where nobody listens would refuse at once.
  assertEquals(await listRoles(proxy.access), { text: "", end: "TimeoutError" });
});
