import { shellQuote } from "../../../pipeline/shell.ts";
import {
  accessOf,
  mergeKubeconfigs,
  parseKubeconfig,
} from "../../../pipeline/cluster/kubeconfig.ts";
import { Failure } from "../../../pipeline/errors.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";

const SECRET = "s3cr3t-t0ken";
const FILE = "/home/o/.kube/config";

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

Deno.test("parseKubeconfig: reads clusters, users and contexts", () => {
  const { current, contexts, clusters, users } = parseKubeconfig(CONFIG, FILE);
  assertEquals(current, "robson");
  assertEquals(contexts.map(({ name }) => name), ["robson"]);
  assertEquals(clusters.map(({ fields }) => fields.server), ["https://10.0.0.1:6443"]);
  assertEquals(users.map(({ file }) => file), [FILE]);
});

Deno.test("parseKubeconfig: paths are relative to the kubeconfig's directory", () => {
  const { clusters, users } = parseKubeconfig(CONFIG, FILE);
  assertEquals(clusters[0]?.fields["certificate-authority"], "/home/o/.kube/ca.crt");
  assertEquals(users[0]?.fields, {
    "client-certificate": "/home/o/pki/me.crt",
    "client-key": "/etc/me.key",
    tokenFile: "/home/o/.kube/token",
  });
});

Deno.test("parseKubeconfig: a command with a slash is a path, any other is looked up", () => {
  const command = (text: string) => {
    const config = `users: [{ name: u, user: { exec: { command: ${text} } } }]`;
    return parseKubeconfig(config, FILE).users[0]?.fields.exec;
  };
  assertEquals(command("aws"), { command: "aws" });
  assertEquals(command("./bin/login"), { command: "/home/o/.kube/bin/login" });
  assertEquals(command("/usr/bin/login"), { command: "/usr/bin/login" });
});

Deno.test("parseKubeconfig: an empty kubeconfig has no entries", () => {
  for (const text of ["", "\n", "# later\n", "{}", "users:\nclusters: null\n"]) {
    const { current, contexts, clusters, users } = parseKubeconfig(text, "config");
    assertEquals([current, contexts, clusters, users], [undefined, [], [], []]);
  }
});

Deno.test("mergeKubeconfigs: the first file that defines a name wins", () => {
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
  // The second entry is ignored completely, including fields that the first entry does not have.
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
  ["not YAML", `users:\n  - name: u\n   user: ${SECRET}\n`, ["line 3 is not valid YAML"]],
  ["truncated YAML", `users: [{ name: u, user: { token: "${SECRET}`, ["line 1 is not valid YAML"]],
  ["with tabs", `users:\n\t- name: ${SECRET}\n`, ["line 2 is not valid YAML"]],
  ["two documents", `users: []\n---\nusers: [${SECRET}]\n`, ["is not valid YAML"]],
  ["an alias to a missing anchor", `users: *${SECRET}\n`, ["is not valid YAML"]],
  ["a text", SECRET, ["is not a mapping"]],
  ["a list", `- ${SECRET}`, ["is not a mapping"]],
  ["users that are not a list", `users: { token: ${SECRET} }`, ["its users are not a list"]],
  ["a user that is a string", `users: [${SECRET}]`, ["users[0] has no name"]],
  ["a user without a name", `users: [{ user: { token: ${SECRET} } }]`, ["users[0] has no name"]],
  ["a name that is a number", `users: [{ name: 1 }]`, ["users[0] has no name"]],
  ["a duplicate user", `users: [{ name: u }, { name: u }]`, [
    'users have two entries with the name "u"',
  ]],
  ["user fields that are a string", `users: [{ name: u, user: ${SECRET} }]`, [
    'user "u" is not a mapping',
  ]],
  ["a context that is a list", `current-context: [${SECRET}]`, ["current-context is not a string"]],
];

for (const [what, text, words] of BROKEN) {
  Deno.test(`parseKubeconfig: names the problem and quotes no value: ${what}`, () => {
    const failure = assertThrows(() => parseKubeconfig(text, FILE), Failure);
    assertEquals(failure.kind, "configuration");
    for (const word of [`Cannot use the kubeconfig ${FILE}: `, ...words]) {
      assertStringIncludes(failure.message, word);
    }
    assert(!Deno.inspect(failure, { depth: 10 }).includes(SECRET), failure.message);
  });
}

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

Deno.test("accessOf: reads server, user and namespace of the chosen context", () => {
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

Deno.test("accessOf: reads every field of cluster and user", () => {
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
    token: "t",
    tokenFile: "/token",
    username: "me",
    password: "secret",
    as: "other",
    "as-uid": "17",
    "as-groups": ["a", "b"],
    exec: undefined,
    "auth-provider": { name: "oidc" },
  });
});

Deno.test("accessOf: reads every field of exec", () => {
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

Deno.test("accessOf: an empty field is the same as no field", () => {
  const { user } = access(config({ user: "token: '', tokenFile: '', username: ''" }));
  assertEquals([user.token, user.tokenFile, user.username], [undefined, undefined, undefined]);
});

Deno.test("accessOf: an address without a scheme is HTTP, as for kubectl", () => {
  const { server } = access(config({ cluster: "server: '127.0.0.1:8001'" }));
  assertEquals(server, "http://127.0.0.1:8001");
});

const BROKEN_CONTEXTS: readonly (readonly [what: string, text: string, words: string[]])[] = [
  ["no current context", "contexts: [{ name: a }, { name: b }]", [
    "no current context",
    "Choose one with --context: a, b.",
  ]],
  ["no contexts", "current-context: a", [
    'no context "a"',
    "--kubeconfig or KUBECONFIG",
  ]],
  ["a context without a cluster", "{ current-context: a, contexts: [{ name: a }] }", [
    'context "a" names no cluster',
  ]],
  [
    "a missing cluster",
    "{ current-context: a, contexts: [{ name: a, context: { cluster: c } }] }",
    ['names the cluster "c", which does not exist'],
  ],
  [
    "a missing user",
    "{ current-context: a, clusters: [{ name: c, cluster: { server: 'https://x' } }], " +
    "contexts: [{ name: a, context: { cluster: c, user: u } }] }",
    ['names the user "u", which does not exist'],
  ],
  ["no server", config({ cluster: "" }), ['cluster "c" has no server']],
  ["a server that is a number", config({ cluster: "server: 6443" }), ['server of the cluster "c"']],
  ["a server of another kind", config({ cluster: "server: 'ftp://x'" }), ["is not an address"]],
  ["a server that is not a URL", config({ cluster: "server: 'https://'" }), ["is not an address"]],
  [
    "credentials in the server",
    config({ cluster: `server: 'https://me:${SECRET}@10.0.0.1:6443'` }),
    ["is not an address", "without a user"],
  ],
  [
    "a user in the server",
    config({ cluster: `server: 'https://${SECRET}@10.0.0.1:6443'` }),
    ["is not an address"],
  ],
  [
    "a password in the server",
    config({ cluster: `server: 'https://:${SECRET}@10.0.0.1:6443'` }),
    ["is not an address"],
  ],
  ["a token that is a list", config({ user: `token: [${SECRET}]` }), [
    "token of the user",
    "is not a string",
  ]],
  ["a token that is a number", config({ user: "token: 12345" }), [
    "token of the user",
    "is not a string",
  ]],
  ["groups that are a string", config({ user: `as-groups: ${SECRET}` }), ["as-groups of the user"]],
  ["exec that is a string", config({ user: `exec: ${SECRET}` }), ["exec of the user", "mapping"]],
  ["exec without a command", config({ user: "exec: { args: [] }" }), ["has no command"]],
  [
    "arguments that are not strings",
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
    "insecure-skip-tls-verify that is not a boolean",
    config({ cluster: "server: 'https://x', insecure-skip-tls-verify: maybe" }),
    ["insecure-skip-tls-verify of the cluster"],
  ],
];

for (const [what, text, words] of BROKEN_CONTEXTS) {
  Deno.test(`accessOf: names the problem and quotes no value: ${what}`, () => {
    const failure = assertThrows(() => access(text), Failure);
    assertEquals(failure.kind, "configuration");
    for (const word of [`Cannot use the kubeconfig ${FILE}: `, ...words]) {
      assertStringIncludes(failure.message, word);
    }
    assert(!Deno.inspect(failure, { depth: 10 }).includes(SECRET), failure.message);
  });
}

Deno.test("accessOf: the command in whoami is quoted for a shell", () => {
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
    shellQuote("arn:aws:eks:eu-central-1:1:cluster/a"),
    "arn:aws:eks:eu-central-1:1:cluster/a",
  );
});
