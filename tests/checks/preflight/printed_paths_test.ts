import { gatherManifests } from "../../../checks/facts/manifests.ts";
import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import { applyCommand } from "../../../checks/preflight/manifests/manifest_drift.ts";
import { runChecks } from "../../../checks/runner.ts";
import { DEFAULT_PROJECT, secretsCommand } from "../../../pipeline/contract/project.ts";
import { assert, assertEquals } from "../../support/assert.ts";
import { change, FILES, JOB } from "../healthy/manifests.ts";

// A shell runs each printed command that names a path, and each path is one argument. The folder has
// characters that a shell interprets.

const NAME = `my "lake" $HOME it's`;

/** The programs that printed commands start. Here, they only print their arguments. */
const PROGRAMS = ["deno", "kubectl", "helm", "kustomize"];

const SHELL = `
${PROGRAMS.map((name) => `${name}() { printf '%s\\n' "$@" >&2; }`).join("\n")}
set -e
eval "$1"`;

/** The arguments that a shell makes of a printed command. */
async function argumentsOf(command: string): Promise<string[]> {
  const { code, stderr } = await new Deno.Command("bash", { args: ["-c", SHELL, "-", command] })
    .output();
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 0, `${command}\n${text}`);
  return text.trim().split("\n");
}

/** The command at the end of a fix. */
function commandIn(fix: string): string {
  const at = fix.search(/\b(?:deno task|kubectl|helm template|kustomize build) /);
  return at < 0 ? "" : fix.slice(at);
}

Deno.test("preflight: each printed command that names a path works with any path", async () => {
  const above = await Deno.makeTempDir();
  const directory = `${above}/${NAME}`;
  const label = change(JOB, "        spark-role: driver\n", "");
  const files = {
    ...label,
    "broken.yaml": "a: [\n",
    "invalid.yaml": "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" +
      "metadata: {name: a, namespace: analytics-jobs}\nspec: {podSelector: {a: b}}\n",
    "chart/Chart.yaml": "apiVersion: v2\nname: a\n",
    "chart/templates/a.yaml": "kind: {{ .Values.kind }}\n",
  };
  assert(label[JOB] !== FILES[JOB]);
  for (const [file, text] of Object.entries(files)) {
    const path = `${directory}/${file}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
  const left = { absent: "left out", requested: true } as const;
  const fact = await gatherManifests(directory);
  const results = await runChecks(PREFLIGHT, {
    manifests: () => Promise.resolve(fact),
    cluster: left,
    image: left,
    database: left,
    lake: left,
  }, { timeoutMs: 60_000 });
  const file = `${directory}/deep-storage.json`;
  await Deno.writeTextFile(file, "{}");
  const project = { ...DEFAULT_PROJECT, file };
  const texts = [
    ...results.flatMap(({ findings }) => findings.map(({ problem, fix }) => `${problem}\n${fix}`)),
    applyCommand({ directory, project }),
    secretsCommand(project),
  ];
  const commands = texts.flatMap((text) => text.split("\n")).map(commandIn)
    .filter((command) => command.includes('my "lake"'));
  assert(commands.length >= 5, commands.join("\n"));
  for (const command of new Set(commands)) {
    const paths = (await argumentsOf(command)).filter((each) => each.startsWith(above));
    assert(paths.length > 0, command);
    for (const path of paths) await Deno.stat(path);
  }
  await Deno.remove(above, { recursive: true });
});
