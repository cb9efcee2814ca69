import type { Access, ExecFields } from "../../../pipeline/cluster/kubeconfig.ts";
import { type Credential, runExecPlugin } from "../../../pipeline/cluster/exec_plugin.ts";
import { Failure, type FailureKind } from "../../../pipeline/errors.ts";
import { until } from "../../cluster/until.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";

const SECRET = "s3cr3t-t0ken";
const VERSION = "client.authentication.k8s.io/v1";

const ACCESS: Access = {
  context: "here",
  userName: "operator",
  file: "/home/o/.kube/config",
  namespace: "default",
  server: "https://10.0.0.1:6443",
  cluster: { "certificate-authority-data": btoa("the CA") },
  user: {},
  whoami: "kubectl --context here auth whoami",
};

const EXEC: Omit<ExecFields, "command"> = {
  args: [],
  env: {},
  apiVersion: VERSION,
  interactive: false,
  provideClusterInfo: false,
};

/** A program with these lines of shell. The end of the block removes the program. */
async function program(lines: string, mode = 0o700) {
  const folder = await Deno.makeTempDir({ prefix: "plugin-" });
  const path = `${folder}/plugin`;
  await Deno.writeTextFile(path, `#!/bin/sh\n${lines}\n`, { mode });
  return { path, folder, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

function credential(status: unknown, { apiVersion = VERSION, kind = "ExecCredential" } = {}) {
  return JSON.stringify({ apiVersion, kind, status });
}

async function run(lines: string, exec: Partial<ExecFields> = {}): Promise<Credential> {
  await using plugin = await program(lines);
  const signal = new AbortController().signal;
  return await runExecPlugin({ ...EXEC, command: plugin.path, ...exec }, ACCESS, signal);
}

async function assertFails(
  attempt: Promise<unknown>,
  words: readonly string[],
  kind: FailureKind = "configuration",
): Promise<void> {
  const failure = await assertRejects(() => attempt, Failure);
  assertEquals(failure.kind, kind);
  const whose = 'of the user "operator" in /home/o/.kube/config: ';
  for (const word of ["Cannot log in with the exec plugin ", whose, ...words]) {
    assertStringIncludes(failure.message, word);
  }
  assert(!Deno.inspect(failure, { depth: 10 }).includes(SECRET), failure.message);
}

Deno.test("runExecPlugin: returns a token", async () => {
  const status = { token: SECRET, expirationTimestamp: "2026-12-24T18:00:00Z" };
  assertEquals(await run(`echo '${credential(status)}'`), {
    token: SECRET,
    certificate: undefined,
    key: undefined,
    expires: Date.parse("2026-12-24T18:00:00Z"),
  });
});

Deno.test("runExecPlugin: returns a certificate", async () => {
  const status = { clientCertificateData: "CERT", clientKeyData: "KEY" };
  assertEquals(await run(`echo '${credential(status)}'`), {
    token: undefined,
    certificate: "CERT",
    key: "KEY",
    expires: undefined,
  });
});

Deno.test("runExecPlugin: passes arguments, environment and KUBERNETES_EXEC_INFO", async () => {
  await using plugin = await program(`
printf '%s\\n' "$1" "$ROLE" "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/said"
[ -n "$PATH" ] && echo '${credential({ token: SECRET })}'`);
  const exec = { ...EXEC, command: plugin.path, args: ["a b"], env: { ROLE: "r w" } };
  const signal = new AbortController().signal;
  const said = async (provideClusterInfo: boolean) => {
    await runExecPlugin({ ...exec, provideClusterInfo }, ACCESS, signal);
    const [first, role, info] = (await Deno.readTextFile(`${plugin.folder}/said`)).split("\n");
    return [first, role, JSON.parse(info!)];
  };
  const asked = { apiVersion: VERSION, kind: "ExecCredential" };
  assertEquals(await said(false), ["a b", "r w", { ...asked, spec: { interactive: false } }]);
  const cluster = { server: ACCESS.server, "certificate-authority-data": btoa("the CA") };
  assertEquals(await said(true), [
    "a b",
    "r w",
    { ...asked, spec: { interactive: false, cluster } },
  ]);
});

Deno.test("runExecPlugin: the program does not exist", async () => {
  await assertFails(run("", { command: "/nowhere/login" }), [
    '"/nowhere/login"',
    "the program does not exist. Install it",
  ]);
  const hinted = { command: "no-such-login", installHint: "Get it\n from  your administrator." };
  await assertFails(run("", hinted), [
    "the program does not exist. Get it from your administrator.",
  ]);
});

Deno.test("runExecPlugin: the program is not executable", async () => {
  await using plugin = await program("exit 0", 0o600);
  const signal = new AbortController().signal;
  const attempt = runExecPlugin({ ...EXEC, command: plugin.path }, ACCESS, signal);
  await assertFails(attempt, ["this user may not execute the program. Make it executable."]);
});

Deno.test("runExecPlugin: refuses interactiveMode Always", async () => {
  await assertFails(run("", { interactive: true }), ["it needs a terminal"]);
});

Deno.test("runExecPlugin: a failure quotes neither the output nor the arguments", async () => {
  const attempt = run(`echo ${SECRET}; echo ${SECRET} >&2; exit 3`, { args: [SECRET] });
  await assertFails(attempt, [
    "it failed with exit code 3.",
    "Run kubectl --context here auth whoami to see the plugin's own message.",
  ]);
});

const RUBBISH: readonly (readonly [what: string, printed: string, words: string])[] = [
  ["nothing", "", "it did not print an ExecCredential"],
  ["a bare token", SECRET, "it did not print an ExecCredential"],
  [
    "truncated JSON",
    credential({ token: SECRET }).slice(0, -3),
    "it did not print an ExecCredential",
  ],
  ["a list", `["${SECRET}"]`, "it did not print an ExecCredential"],
  [
    "an object of another kind",
    credential({ token: SECRET }, { kind: "Secret" }),
    "it did not print an ExecCredential",
  ],
  [
    "another version",
    credential({ token: SECRET }, { apiVersion: "client.authentication.k8s.io/v1beta1" }),
    `it did not print a credential of ${VERSION}`,
  ],
  ["no status", credential(undefined), "neither a token nor a certificate"],
  ["an empty token", credential({ token: "" }), "neither a token nor a certificate"],
  [
    "a token that is not a string",
    credential({ token: [SECRET] }),
    "neither a token nor a certificate",
  ],
  [
    "only a certificate",
    credential({ clientCertificateData: SECRET }),
    "only one of certificate and key",
  ],
  [
    "only a key",
    credential({ token: SECRET, clientKeyData: SECRET }),
    "only one of certificate and key",
  ],
  [
    "an invalid time",
    credential({ token: SECRET, expirationTimestamp: SECRET }),
    "expirationTimestamp of its credential is not a time",
  ],
];

for (const [what, printed, words] of RUBBISH) {
  Deno.test(`runExecPlugin: refuses output without a valid credential: ${what}`, async () => {
    await assertFails(run(`cat <<'END'\n${printed}\nEND`), [words]);
  });
}

Deno.test("runExecPlugin: stops a plugin that prints too much", async () => {
  await assertFails(run(`while :; do echo ${SECRET}; done`), [
    "it printed more than 1000000 bytes",
  ]);
});

Deno.test("runExecPlugin: the signal kills the plugin and its children", async () => {
  await using plugin = await program(`
sleep 1000 &
echo $! > "$(dirname "$0")/child"
mv "$(dirname "$0")/child" "$(dirname "$0")/started"
wait`);
  const controller = new AbortController();
  const exec = { ...EXEC, command: plugin.path };
  const attempt = runExecPlugin(exec, ACCESS, controller.signal).catch((error) => error);
  const started = () => Deno.readTextFile(`${plugin.folder}/started`);
  await until("the plugin runs", () => started().then(() => true));
  const child = Number(await started());
  assertEquals(await isRunning(child), true);
  controller.abort("enough");
  assertEquals(await attempt, "enough");
  await until("its child has ended", async () => !(await isRunning(child)));
});

/** Returns whether a process is running. A zombie process does not count. */
async function isRunning(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] })
    .output();
  return /^[^Z\s]/.test(new TextDecoder().decode(stdout).trim());
}
