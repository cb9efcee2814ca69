import type { Access } from "../../cluster/kubeconfig.ts";
import { READS_ALL, user } from "../../cluster/users.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { clusterTest, controlPlane } from "../../support/control_plane.ts";
import { kubeconfigText } from "./kubeconfigs.ts";

// The Deno permissions that a process needs to open a cluster: the network, files, four environment
// variables, and --allow-run only for an exec plugin.

const SCRIPT = new URL("ask_version.ts", import.meta.url).pathname;
const VARIABLES = ["KUBECONFIG", "HOME", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"];
const LEAST = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--ignore-env",
  `--allow-env=${VARIABLES.join(",")}`,
];

/** Runs the script with a kubeconfig, and returns the output. */
async function ask(kubeconfig: string, permissions: readonly string[]): Promise<string> {
  const file = await Deno.makeTempFile({ prefix: "kubeconfig-" });
  await Deno.writeTextFile(file, kubeconfig);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", ...permissions, SCRIPT],
    env: { KUBECONFIG: file, NO_COLOR: "1" },
  }).output();
  await Deno.remove(file);
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

function clusterOf({ server, ca }: Access) {
  return { server, "certificate-authority-data": btoa(ca) };
}

clusterTest(
  "openCluster: a client certificate needs the network, files and four variables",
  async () => {
    const { admin, kubeconfig } = controlPlane();
    assertMatch(await ask(await Deno.readTextFile(kubeconfig), LEAST), /^v\S+\n$/);
    assertEquals(admin.server.startsWith("https:"), true);
  },
);

clusterTest("openCluster: an exec plugin also needs --allow-run", async () => {
  const reader = await user(controlPlane().admin, "reader", [READS_ALL]);
  const token = "token" in reader.login ? reader.login.token : "";
  const folder = await Deno.makeTempDir({ prefix: "plugin-" });
  const apiVersion = "client.authentication.k8s.io/v1";
  const printed = JSON.stringify({ apiVersion, kind: "ExecCredential", status: { token } });
  await Deno.writeTextFile(`${folder}/plugin`, `#!/bin/sh\necho '${printed}'\n`, { mode: 0o700 });
  const exec = { apiVersion, command: `${folder}/plugin` };
  const config = kubeconfigText({ cluster: clusterOf(reader), user: { exec } });
  const refused = await ask(config, LEAST);
  assertStringIncludes(
    refused,
    "Deno has no permission to run it. Run the command with --allow-run.",
  );
  assertMatch(await ask(config, [...LEAST, "--allow-run"]), /^v\S+\n$/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("openCluster: does not pass on the output of an exec plugin that fails", async () => {
  const folder = await Deno.makeTempDir({ prefix: "plugin-" });
  const lines = "#!/bin/sh\necho s3cr3t; echo s3cr3t >&2; exit 1\n";
  await Deno.writeTextFile(`${folder}/plugin`, lines, { mode: 0o700 });
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: `${folder}/plugin` };
  const cluster = { server: "https://127.0.0.1:6443" };
  const said = await ask(kubeconfigText({ cluster, user: { exec } }), [...LEAST, "--allow-run"]);
  assertStringIncludes(said, "it failed with exit code 1.");
  assertEquals(said.includes("s3cr3t"), false);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("openCluster: names a missing permission", async () => {
  const config = kubeconfigText({ cluster: { server: "https://127.0.0.1:6443" } });
  const without = (flag: string) => ask(config, LEAST.filter((each) => !each.startsWith(flag)));
  assertStringIncludes(
    await without("--allow-net"),
    "Run the command with --allow-net for that address.",
  );
  assertStringIncludes(await without("--allow-env"), "there is no kubeconfig");
  assertStringIncludes(await without("--allow-read"), "Deno has no permission to read it");
});

Deno.test("openCluster: a host name that does not exist", async () => {
  const server = "https://no-such-host.invalid:6443";
  const said = await ask(kubeconfigText({ cluster: { server } }), LEAST);
  assertStringIncludes(said, `the host name does not exist at ${server} (context "suite").`);
});
