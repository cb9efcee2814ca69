import { mergeKubeconfigs, parseKubeconfig } from "../../../pipeline/cluster/kubeconfig.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

const SECRET = "s3cr3t-t0ken";

const CONFIG = `
apiVersion: v1
kind: Config
current-context: robson
clusters:
  - name: k3s
    cluster: { server: "https://10.0.0.1:6443", certificate-authority: ca.crt }
contexts:
  - name: robson
    context: { cluster: k3s, user: operator, namespace: analytics-jobs }
users:
  - name: operator
    user: { client-certificate: ../pki/me.crt, client-key: /etc/me.key, tokenFile: token }
`;

Deno.test("a kubeconfig says clusters, users and contexts", () => {
  const { current, contexts, clusters, users } = parseKubeconfig(CONFIG, "/home/o/.kube/config");
  assertEquals(current, "robson");
  assertEquals(contexts.map(({ name }) => name), ["robson"]);
  assertEquals(clusters.map(({ fields }) => fields.server), ["https://10.0.0.1:6443"]);
  assertEquals(users.map(({ file }) => file), ["/home/o/.kube/config"]);
});

Deno.test("paths in a kubeconfig begin at its folder", () => {
  const { clusters, users } = parseKubeconfig(CONFIG, "/home/o/.kube/config");
  assertEquals(clusters[0]?.fields["certificate-authority"], "/home/o/.kube/ca.crt");
  assertEquals(users[0]?.fields, {
    "client-certificate": "/home/o/pki/me.crt",
    "client-key": "/etc/me.key",
    tokenFile: "/home/o/.kube/token",
  });
});

Deno.test("so does a plugin's, unless it is a name to look up", () => {
  const command = (text: string) => {
    const config = `users: [{ name: u, user: { exec: { command: ${text} } } }]`;
    return parseKubeconfig(config, "/home/o/.kube/config").users[0]?.fields.exec;
  };
  assertEquals(command("aws"), { command: "aws" });
  assertEquals(command("./bin/login"), { command: "/home/o/.kube/bin/login" });
  assertEquals(command("/usr/bin/login"), { command: "/usr/bin/login" });
});

Deno.test("an empty kubeconfig says nothing", () => {
  for (const text of ["", "\n", "# later\n", "{}", "users:\nclusters: null\n"]) {
    const { current, contexts, clusters, users } = parseKubeconfig(text, "config");
    assertEquals([current, contexts, clusters, users], [undefined, [], [], []]);
  }
});

Deno.test("of several kubeconfigs, whoever says something first says it", () => {
  const merged = mergeKubeconfigs([
    parseKubeconfig(
      "clusters: [{ name: c, cluster: { server: 'https://a' } }]\n" +
        "users: [{ name: u, user: { token: a } }]\n",
      "/a/config",
    ),
    parseKubeconfig("", "/empty"),
    parseKubeconfig(
      "current-context: b\n" +
        "clusters: [{ name: c, cluster: { server: 'https://b', certificate-authority: ca } }]\n" +
        "users: [{ name: u, user: { username: b } }, { name: v, user: { tokenFile: t } }]\n" +
        "contexts: [{ name: b, context: { cluster: c, user: u } }]\n",
      "/b/config",
    ),
    parseKubeconfig(
      "current-context: d\n" +
        "contexts: [{ name: b, context: { cluster: z } }, { name: d, context: { cluster: c } }]\n",
      "/d/config",
    ),
  ]);
  assertEquals(merged.current, "b");
  // Of the second one's entry nothing counts, not even what the first one's lacks.
  assertEquals(merged.clusters, [
    { name: "c", file: "/a/config", fields: { server: "https://a" } },
  ]);
  assertEquals(merged.users, [
    { name: "u", file: "/a/config", fields: { token: "a" } },
    { name: "v", file: "/b/config", fields: { tokenFile: "/b/t" } },
  ]);
  assertEquals(merged.contexts.map(({ name, fields }) => [name, fields.cluster]), [
    ["b", "c"],
    ["d", "c"],
  ]);
});

const BROKEN: readonly (readonly [what: string, text: string, words: string[]])[] = [
  ["no YAML", `users:\n  - name: u\n   user: ${SECRET}\n`, ["line 3 is no valid YAML"]],
  ["cut off", `users: [{ name: u, user: { token: "${SECRET}`, ["line 1 is no valid YAML"]],
  ["with tabs", `users:\n\t- name: ${SECRET}\n`, ["line 2 is no valid YAML"]],
  ["two documents", `users: []\n---\nusers: [${SECRET}]\n`, ["is no valid YAML"]],
  ["an alias to nothing", `users: *${SECRET}\n`, ["is no valid YAML"]],
  ["a text", SECRET, ["no mapping"]],
  ["a list", `- ${SECRET}`, ["no mapping"]],
  ["users that are no list", `users: { token: ${SECRET} }`, ["users are no list"]],
  ["a user that is a text", `users: [${SECRET}]`, ["users[0] has no name"]],
  ["a user without a name", `users: [{ user: { token: ${SECRET} } }]`, ["users[0] has no name"]],
  ["a name that is a number", `users: [{ name: 1 }]`, ["users[0] has no name"]],
  ["a user twice", `users: [{ name: u }, { name: u }]`, ['users have the name "u" twice']],
  ["a user's own text", `users: [{ name: u, user: ${SECRET} }]`, ['user "u" is no mapping']],
  ["a context that is a list", `current-context: [${SECRET}]`, ["current-context is no text"]],
];

for (const [what, text, words] of BROKEN) {
  Deno.test(`a broken kubeconfig is named, and not quoted: ${what}`, () => {
    const failure = assertThrows(() => parseKubeconfig(text, "/home/o/.kube/config"), Failure);
    assertEquals(failure.kind, "configuration");
    for (const word of ["Cannot use the kubeconfig /home/o/.kube/config: ", ...words]) {
      assertStringIncludes(failure.message, word);
    }
    assert(!Deno.inspect(failure, { depth: 10 }).includes(SECRET), failure.message);
  });
}
