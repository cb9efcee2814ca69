import { assertEquals, assertMatch } from "../support/assert.ts";
import { commandOf, environmentOf, ROOT, type TaskOutcome } from "../support/task.ts";

// Where preflight gets its manifests from: a directory, the standard input, or kustomize.

const MANIFESTS = ["00-namespace", "10-quota", "20-network-policies", "30-service-account"];

/** Our manifests as one stream, as Helm and kustomize print them. */
const STREAM = (await Promise.all(
  MANIFESTS.map((name) => Deno.readTextFile(new URL(`manifests/${name}.yaml`, ROOT))),
)).join("---\n");

/** Runs `preflight --facts manifests` with a standard input. */
async function preflight(
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TaskOutcome> {
  const [program, ...rest] = commandOf("preflight", ["--facts", "manifests", ...args]);
  return await runWithInput(program!, rest, input, env);
}

async function runWithInput(
  program: string,
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TaskOutcome> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    clearEnv: true,
    env: environmentOf(env),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that ends early closes the pipe.
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const { code, signal, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, signal, stdout: text(stdout), stderr: text(stderr) };
}

/** Creates a folder with files, of which programs can be executed. */
async function withFolder(
  files: Readonly<Record<string, string>>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o755 });
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("preflight reads a stream of manifests from the standard input", async () => {
  for (const args of [["--manifests", "-"], ["--manifests=-"]]) {
    const { code, stdout } = await preflight(args, STREAM);
    assertMatch(stdout, /^PASS {3}manifests-readable +\d+ objects in 1 file$/m);
    assertEquals(code, 0);
  }
});

Deno.test("preflight without the cluster prints YAML for the files, not commands that change a cluster", async () => {
  const job = await Deno.readTextFile(new URL("manifests/50-bronze-ingest.yaml", ROOT));
  const policies = STREAM.split("---\n");
  const withoutDns = policies.filter((text) => !text.includes("name: allow-dns-egress"));
  assertEquals(withoutDns.length, policies.length - 1);
  const input = [...withoutDns, job].join("---\n");
  const { code, stdout } = await preflight(["--manifests", "-", "--only", "dns-egress"], input);
  assertEquals(code, 1, stdout);
  assertMatch(
    stdout,
    /\n {11}fix {6}Add to the manifests, in a new file or below a line ---:\n {20}apiVersion: networking\.k8s\.io\/v1\n {20}kind: NetworkPolicy\n/,
  );
  assertEquals(stdout.includes("kubectl"), false, stdout);
  // What was printed repairs the manifests.
  const printed = /Add to the manifests, .*:\n((?: {20}.*\n)+)/.exec(stdout)![1]!.replace(
    /^ {20}/gm,
    "",
  );
  const again = ["--manifests", "-", "--only", "dns-egress"];
  assertEquals((await preflight(again, `${input}---\n${printed}`)).code, 0);
});

Deno.test("preflight names the line of a fault in the standard input", async () => {
  const unlabelled = STREAM
    .replace("name: analytics-jobs\n  labels:\n", "name: analytics-jobs\n  annotations:\n")
    .replace("              name: robson\n", "              name: analytics-jobs\n");
  const { code, stdout } = await preflight(["--manifests", "-"], unlabelled);
  assertMatch(stdout, /\(stdin:\d+\)/);
  assertMatch(stdout, /^FAIL {3}namespace-labels/m);
  assertEquals(code, 1);
});

Deno.test("preflight is no pass for an empty standard input, or for one that is not YAML of objects", async () => {
  const empty = await preflight(["--manifests", "-"], "");
  assertMatch(empty.stdout, /^ERROR {2}manifests-readable +the standard input contains no Kube/m);
  assertEquals(empty.code, 3);
  const values = await preflight(["--manifests", "-"], "image:\n  tag: 3\n");
  assertMatch(values.stdout, /not a Kubernetes object, but fields without apiVersion and kind/);
  assertEquals(values.code, 1);
  const error = await preflight(["--manifests", "-"], "Error: chart not found\n");
  assertEquals(error.code, 1);
});

Deno.test("preflight names what to install or to run without kustomize and kubectl", async () => {
  await withFolder(
    { "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": STREAM },
    async (folder) => {
      const { code, stdout } = await preflight(["--manifests", folder], "", { PATH: folder });
      assertMatch(
        stdout,
        /^ERROR {2}manifests-readable .*neither kustomize nor kubectl is on the PATH/m,
      );
      assertMatch(stdout, /Install kustomize, or render it/);
      assertMatch(
        stdout,
        new RegExp(`kustomize build ${folder} \\| deno task preflight --manifests -`),
      );
      assertEquals(code, 3);
    },
  );
});

Deno.test("preflight gives kustomize no variables, and no proxy that works", async () => {
  const program =
    '#!/bin/sh\necho "# $*"\n/usr/bin/env >&2\n/bin/cat "$2/rendered"\n[ -z "$HOME" ]\n';
  const files = {
    "kustomization.yaml": "resources: [a.yaml]\n",
    "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: raw}\n",
    rendered: STREAM,
    kustomize: program,
  };
  await withFolder(files, async (folder) => {
    const { code, stdout } = await preflight(["--manifests", folder], "", {
      PATH: folder,
      HOME: folder,
    });
    assertMatch(stdout, /^PASS {3}manifests-readable/m);
    assertEquals(code, 0);
  });
  const failing = { ...files, kustomize: '#!/bin/sh\necho "$HTTPS_PROXY $HOME." >&2\nexit 1\n' };
  await withFolder(failing, async (folder) => {
    const { code, stdout } = await preflight(["--manifests", folder], "", { PATH: folder });
    assertMatch(stdout, /kustomize cannot render the kustomization: http:\/\/127.0.0.1:9 \./);
    assertEquals(code, 1);
  });
});

Deno.test("reach reads the standard input, and names the command that renders a kustomization", async () => {
  const reach = async (args: readonly string[], input: string) => {
    const [program, ...rest] = commandOf("reach", args);
    return await runWithInput(program!, rest, input);
  };
  const pod =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n";
  assertEquals((await reach(["--manifests", "-", "--matrix"], pod)).code, 0);
  await withFolder(
    { "kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": pod },
    async (folder) => {
      const { code, stderr } = await reach(["--manifests", folder, "--matrix"], "");
      assertEquals(code, 3);
      assertMatch(stderr, /may not start programs/);
      assertMatch(
        stderr,
        new RegExp(`kustomize build ${folder} \\| deno task reach --manifests -`),
      );
    },
  );
});
