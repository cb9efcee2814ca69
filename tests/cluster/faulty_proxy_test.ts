import { assert, assertEquals } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { openApi } from "./api.ts";
import { faultyProxy } from "./faulty_proxy.ts";
import type { Access } from "./kubeconfig.ts";
import { DOES_ALL, user } from "./users.ts";

const SECRETS = "/api/v1/secrets";
const ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

/** Milliseconds without bytes after which a response that is to stall has stalled. */
const STALLED = 5_000;

/**
 * Returns the part of a response that arrives, and the name of the error that ends it.
 *
 * @param within the milliseconds in which the first bytes must arrive
 * @param stalled the milliseconds without bytes after which the response has stalled
 */
async function listRoles(
  { server, ca, login }: Access,
  within = 180_000,
  stalled = STALLED,
): Promise<{ text: string; end: string }> {
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const headers: Record<string, string> = "token" in login
    ? { authorization: `Bearer ${login.token}` }
    : {};
  let text = "";
  const ending = new AbortController();
  const stop = () => ending.abort(new DOMException("it stalls", "TimeoutError"));
  let timer = setTimeout(stop, within);
  try {
    const { signal } = ending;
    const response = await fetch(`${server}${ROLES}`, { client, signal, headers });
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      text += part;
      clearTimeout(timer);
      timer = setTimeout(stop, stalled);
    }
    return { text, end: "" };
  } catch (error) {
    return { text, end: (error as Error).name };
  } finally {
    clearTimeout(timer);
  }
}

for (const by of ["certificate", "token"]) {
  clusterTest(`faultyProxy: stalls only the one list, for a user with a ${by}`, async () => {
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
  });
}

clusterTest("faultyProxy: drops the connection in the middle of the one list", async () => {
  const { admin, folder } = controlPlane();
  const fault = { list: "clusterroles", inTheMiddle: "drops" } as const;
  await using proxy = await faultyProxy({ folder }, admin, fault);
  using api = openApi(proxy.access);
  const { text, end } = await listRoles(proxy.access, 180_000, 180_000);
  assertEquals(end, "TypeError");
  assert(text.startsWith(`{"kind":"ClusterRoleList"`), text);
  assertEquals((await api.get(SECRETS)).kind, "SecretList");
});

clusterTest("faultyProxy: accepts connections and sends nothing when silent", async () => {
  const { admin, folder } = controlPlane();
  await using proxy = await faultyProxy({ folder }, admin, "silence");
  // An address without a listener would refuse the connection at once.
  assertEquals(await listRoles(proxy.access, 500), { text: "", end: "TimeoutError" });
});
