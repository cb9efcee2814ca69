import { accessOf, inShell } from "../../../pipeline/cluster/access.ts";
import { parseKubeconfig } from "../../../pipeline/cluster/kubeconfig.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

const SECRET = "s3cr3t-t0ken";
const FILE = "/home/o/.kube/config";

function access(text: string, chosen?: string) {
  return accessOf(parseKubeconfig(text, FILE), chosen);
}

/** A kubeconfig with one context, and these fields in its cluster and its user. */
function config({ cluster = "server: 'https://10.0.0.1:6443'", user = "" }) {
  return `
current-context: here
clusters: [{ name: c, cluster: { ${cluster} } }]
users: [{ name: u, user: { ${user} } }]
contexts: [{ name: here, context: { cluster: c, user: u } }]`;
}

Deno.test("a context leads to a server, as a user, in a namespace", () => {
  const text = `
current-context: a
clusters: [{ name: c, cluster: { server: "https://k8s.example/clusters/1/" } }]
users: [{ name: u, user: { token: t } }]
contexts:
  - { name: a, context: { cluster: c, user: u, namespace: robson } }
  - { name: b, context: { cluster: c } }`;
  const current = access(text);
  assertEquals([current.context, current.userName, current.namespace], ["a", "u", "robson"]);
  assertEquals(current.server, "https://k8s.example/clusters/1");
  assertEquals(current.user.token, "t");
  const chosen = access(text, "b");
  assertEquals([chosen.context, chosen.userName, chosen.namespace], ["b", "", "default"]);
  assertEquals(chosen.user.token, undefined);
});

Deno.test("every field that decides about a connection is read", () => {
  const { cluster, user } = access(config({
    cluster: "server: 'https://10.0.0.1:6443', certificate-authority: /ca.crt, " +
      "certificate-authority-data: Q0E=, tls-server-name: api.example, " +
      "proxy-url: 'http://squid.example:3128', insecure-skip-tls-verify: true",
    user: "client-certificate: /me.crt, client-certificate-data: Q0VSVA==, client-key: /me.key, " +
      "client-key-data: S0VZ, token: t, tokenFile: /token, username: me, password: secret, " +
      "as: other, as-uid: '17', as-groups: [a, b], auth-provider: { name: oidc }",
  }));
  assertEquals(cluster, {
    "certificate-authority": "/ca.crt",
    "certificate-authority-data": "Q0E=",
    "tls-server-name": "api.example",
    "proxy-url": "http://squid.example:3128",
    "insecure-skip-tls-verify": true,
  });
  assertEquals(user, {
    "client-certificate": "/me.crt",
    "client-certificate-data": "Q0VSVA==",
    "client-key": "/me.key",
    "client-key-data": "S0VZ",
    ...{ token: "t", tokenFile: "/token", username: "me", password: "secret" },
    ...{ as: "other", "as-uid": "17", "as-groups": ["a", "b"] },
    exec: undefined,
    "auth-provider": { name: "oidc" },
  });
});

Deno.test("a plugin is run as its kubeconfig says", () => {
  const exec = "exec: { apiVersion: client.authentication.k8s.io/v1beta1, command: aws, " +
    "args: [eks, get-token], env: [{ name: AWS_PROFILE, value: robson }], " +
    "installHint: Install it., interactiveMode: Always, provideClusterInfo: true }";
  assertEquals(access(config({ user: exec })).user.exec, {
    command: "aws",
    args: ["eks", "get-token"],
    env: { AWS_PROFILE: "robson" },
    apiVersion: "client.authentication.k8s.io/v1beta1",
    installHint: "Install it.",
    interactive: true,
    provideClusterInfo: true,
  });
  const least = "exec: { command: aws, args: null, env: null, interactiveMode: IfAvailable }";
  const { args, env, interactive } = access(config({ user: least })).user.exec!;
  assertEquals([args, env, interactive], [[], {}, false]);
});

Deno.test("an empty field is as if it were not there", () => {
  const { user } = access(config({ user: "token: '', tokenFile: '', username: ''" }));
  assertEquals([user.token, user.tokenFile, user.username], [undefined, undefined, undefined]);
});

Deno.test("an address without a scheme is one of http, as for kubectl", () => {
  const { server } = access(config({ cluster: "server: '127.0.0.1:8001'" }));
  assertEquals(server, "http://127.0.0.1:8001");
});

const BROKEN: readonly (readonly [what: string, text: string, words: string[]])[] = [
  ["no current context", "contexts: [{ name: a }, { name: b }]", [
    "no current context",
    "Choose one with --context: a, b.",
  ]],
  ["no context at all", "current-context: a", [
    'no context "a"',
    "--kubeconfig or KUBECONFIG",
  ]],
  ["a context without a cluster", "{ current-context: a, contexts: [{ name: a }] }", [
    'context "a" names no cluster',
  ]],
  [
    "a cluster that is not there",
    "{ current-context: a, contexts: [{ name: a, context: { cluster: c } }] }",
    ['names the cluster "c", which is not there'],
  ],
  [
    "a user that is not there",
    "{ current-context: a, clusters: [{ name: c, cluster: { server: 'https://x' } }], " +
    "contexts: [{ name: a, context: { cluster: c, user: u } }] }",
    ['names the user "u", which is not there'],
  ],
  ["no server", config({ cluster: "" }), ['cluster "c" has no server']],
  ["a server that is a number", config({ cluster: "server: 6443" }), ['server of the cluster "c"']],
  ["a server of another kind", config({ cluster: "server: 'ftp://x'" }), ["is no address"]],
  ["a server that is no URL", config({ cluster: "server: 'https://'" }), ["is no address"]],
  [
    "a login in the server",
    config({ cluster: `server: 'https://me:${SECRET}@10.0.0.1:6443'` }),
    ["is no address", "without a user"],
  ],
  [
    "a user in the server",
    config({ cluster: `server: 'https://${SECRET}@10.0.0.1:6443'` }),
    ["is no address"],
  ],
  [
    "a password in the server",
    config({ cluster: `server: 'https://:${SECRET}@10.0.0.1:6443'` }),
    ["is no address"],
  ],
  ["a token that is a list", config({ user: `token: [${SECRET}]` }), ["token of the user", "text"]],
  ["a token that is a number", config({ user: "token: 12345" }), ["token of the user", "text"]],
  ["groups that are a text", config({ user: `as-groups: ${SECRET}` }), ["as-groups of the user"]],
  ["exec that is a text", config({ user: `exec: ${SECRET}` }), ["exec of the user", "mapping"]],
  ["exec without a command", config({ user: "exec: { args: [] }" }), ["has no command"]],
  [
    "arguments that are no texts",
    config({ user: `exec: { command: a, args: [{ p: ${SECRET} }] }` }),
    ["args of the exec"],
  ],
  [
    "an environment that is a mapping",
    config({ user: `exec: { command: a, env: { A: ${SECRET} } }` }),
    ["env of the exec"],
  ],
  [
    "a variable without a value",
    config({ user: `exec: { command: a, env: [{ name: ${SECRET} }] }` }),
    ["env[0] of the exec", "a name and a value"],
  ],
  [
    "skipping that is neither true nor false",
    config({ cluster: "server: 'https://x', insecure-skip-tls-verify: maybe" }),
    ["insecure-skip-tls-verify of the cluster"],
  ],
];

for (const [what, text, words] of BROKEN) {
  Deno.test(`what a context lacks is named, and no value quoted: ${what}`, () => {
    const failure = assertThrows(() => access(text), Failure);
    assertEquals(failure.kind, "configuration");
    for (const word of [`Cannot use the kubeconfig ${FILE}: `, ...words]) {
      assertStringIncludes(failure.message, word);
    }
    assert(!Deno.inspect(failure, { depth: 10 }).includes(SECRET), failure.message);
  });
}

Deno.test("the command that tries a login can be pasted", () => {
  const whoami = (name: string) =>
    access(
      `
clusters: [{ name: c, cluster: { server: "https://x" } }]
contexts: [{ name: ${JSON.stringify(name)}, context: { cluster: c } }]`,
      name,
    ).whoami;
  assertEquals(whoami("kind-kind"), "kubectl --context kind-kind auth whoami");
  assertEquals(whoami("it's $(mine)"), `kubectl --context 'it'\\''s $(mine)' auth whoami`);
  assertEquals(
    inShell("arn:aws:eks:eu-central-1:1:cluster/a"),
    "arn:aws:eks:eu-central-1:1:cluster/a",
  );
});
