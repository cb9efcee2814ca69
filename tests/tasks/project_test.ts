import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { commandOf, environmentOf, ROOT, type TaskOutcome } from "../support/task.ts";

// Where the commands find the project file. The manifests here are those of another platform: ours
// with another namespace.

const FILES = ["00-namespace", "10-quota", "20-network-policies", "30-service-account"];

const MANIFESTS = Object.fromEntries(
  await Promise.all(FILES.map(async (name): Promise<[string, string]> => {
    const text = await Deno.readTextFile(new URL(`manifests/${name}.yaml`, ROOT));
    return [`manifests/${name}.yaml`, text.replaceAll("analytics-jobs", "etl")];
  })),
);

const PROJECT = '{"jobs": {"namespace": "etl"}}';

/** Runs a command in a folder with the manifests and other files. */
async function inFolder(
  files: Readonly<Record<string, string>>,
  args: readonly string[],
  command = "preflight",
): Promise<TaskOutcome> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/manifests`);
    for (const [name, text] of Object.entries({ ...MANIFESTS, ...files })) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const [program, ...words] = commandOf(command, args);
    const options = words.map((word) =>
      word.startsWith("tasks/") ? new URL(word, ROOT).pathname : word
    );
    const [run, ...rest] = options;
    const { code, signal, stdout, stderr } = await new Deno.Command(program!, {
      args: [run!, "--config", new URL("deno.json", ROOT).pathname, ...rest],
      cwd: folder,
      clearEnv: true,
      env: environmentOf({ NO_COLOR: "1" }),
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, signal, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const CHECKS = ["--facts", "manifests", "--only", "manifests-readable,isolation"];

Deno.test("preflight without a project file judges the namespace of our platform", async () => {
  const { stdout } = await inFolder({}, CHECKS);
  assertStringIncludes(stdout, "there is no NetworkPolicy in namespace analytics-jobs");
  assertEquals(stdout.includes("names of the platform"), false);
});

const PLACES: readonly (readonly [file: string, text: string, args?: readonly string[]])[] = [
  ["deep-storage.json", PROJECT],
  ["manifests/deep-storage.json", PROJECT],
  ["deep-storage.yaml", "jobs: {namespace: etl}"],
  ["manifests/deep-storage.yml", "jobs: {namespace: etl}"],
  ["names.json", PROJECT, ["--project", "names.json"]],
  ["manifests/names.yaml", "jobs: {namespace: etl}", ["--project", "./manifests/names.yaml"]],
];

for (const [file, text, args = []] of PLACES) {
  Deno.test(`preflight reads the names of the platform from ${file}`, async () => {
    const { code, stdout } = await inFolder({ [file]: text }, [...CHECKS, ...args]);
    assertMatch(stdout, /PASS +isolation +\d+ policies of namespace etl/);
    assertMatch(stdout, new RegExp(`in 4 files; names of the platform: ${file}\n`));
    assertEquals([code, stdout.includes("ignored")], [0, false]);
  });
}

Deno.test("preflight prefers the project file beside the manifests", async () => {
  const { stdout } = await inFolder({
    "deep-storage.json": '{"jobs": {"namespace": "other"}}',
    "manifests/deep-storage.json": PROJECT,
  }, CHECKS);
  assertStringIncludes(stdout, "names of the platform: manifests/deep-storage.json");
});

Deno.test("preflight takes a Kubernetes object in deep-storage.yaml for a manifest", async () => {
  const object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: etl}\n";
  const { stdout } = await inFolder({
    "manifests/deep-storage.yaml": object,
    "deep-storage.json": PROJECT,
  }, CHECKS);
  assertStringIncludes(stdout, "in 5 files; names of the platform: deep-storage.json");
});

Deno.test("preflight and secrets refuse an invalid project file", async () => {
  const files = { "deep-storage.json": '{"jobs": {"namspace": "etl"}}' };
  const problem =
    "Cannot use deep-storage.json:1: there is no field jobs.namspace. Did you mean jobs.namespace?";
  for (const [command, args] of [["preflight", CHECKS], ["secrets", []]] as const) {
    const invalid = await inFolder(files, args, command);
    assertEquals(invalid.code, 2);
    assertStringIncludes(invalid.stderr, problem);
    const missing = await inFolder({}, [...args, "--project", "gone.json"], command);
    assertEquals(missing.code, 2);
    assertStringIncludes(missing.stderr, "Cannot use gone.json: there is no such file");
  }
});
