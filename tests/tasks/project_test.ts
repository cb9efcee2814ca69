import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { ROOT, runTaskIn, type TaskOutcome } from "../support/task.ts";

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
  env: Readonly<Record<string, string>> = {},
): Promise<TaskOutcome> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/manifests`);
    for (const [name, text] of Object.entries({ ...MANIFESTS, ...files })) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    return await runTaskIn(folder, command, args, env);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const DAY = "2025-12-28";

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

/** Every command that knows a name, with the least arguments. */
const COMMANDS: readonly (readonly [command: string, ...args: string[]])[] = [
  ["preflight", ...CHECKS],
  ["secrets"],
  ["apply"],
  ["reach", "--matrix"],
  ["explain", "rbac"],
  ["bronze", DAY],
  ["silver", DAY],
  ["run", DAY],
  ["postflight", DAY],
  ["status"],
  ["show", "bronze", DAY],
  ["amend", DAY],
  ["clean", DAY],
];

for (const [command, ...args] of COMMANDS) {
  Deno.test(`${command} reads the project file of the working directory, and refuses an invalid one`, async () => {
    const text = '{"jobs": {"namspace": "etl"}}';
    const problem = "there is no field jobs.namspace. Did you mean jobs.namespace?";
    const found = await inFolder({ "deep-storage.json": text }, args, command);
    assertEquals([found.code, found.stdout], [2, ""]);
    assertStringIncludes(found.stderr, `Cannot use deep-storage.json:1: ${problem}`);
    const named = [...args, "--project", "./other names.json"];
    const invalid = await inFolder({ "other names.json": text }, named, command);
    assertEquals([invalid.code, invalid.stdout], [2, ""]);
    assertStringIncludes(invalid.stderr, `Cannot use ./other names.json:1: ${problem}`);
    const missing = await inFolder({}, named, command);
    assertEquals([missing.code, missing.stdout], [2, ""]);
    assertMatch(
      missing.stderr,
      /Cannot use \.\/other names\.json: there is no such file\. The working directory is \/.*\. Use a JSON/,
    );
  });
}

Deno.test("preflight and apply refuse manifests with another namespace than the project file", async () => {
  const job = await Deno.readTextFile(new URL("manifests/50-bronze-ingest.yaml", ROOT));
  const files = { "deep-storage.json": PROJECT, "manifests/50-bronze-ingest.yaml": job };
  const problem =
    "1 job of the manifests is in the namespace analytics-jobs, and no job is in etl, " +
    "which is jobs.namespace of deep-storage.json";
  const checked = await inFolder(files, CHECKS);
  assertEquals(checked.code, 1);
  assertStringIncludes(checked.stdout, problem);
  // Without a cluster: the command has not asked a server before it refuses.
  const applied = await inFolder(files, ["--yes", "--kubeconfig", "absent"], "apply");
  assertEquals([applied.code, applied.stdout], [2, ""]);
  assertStringIncludes(
    applied.stderr,
    `Cannot apply manifests: manifests/50-bronze-ingest.yaml:7: ${problem}`,
  );
  assertStringIncludes(applied.stderr, "grep -rnwF analytics-jobs manifests");
});

Deno.test("preflight refuses a directory and a Kubernetes object as the project file", async () => {
  for (
    const [file, problem] of [
      ["manifests", "it is a directory"],
      ["manifests/10-quota.yaml", "it is a Kubernetes object"],
    ]
  ) {
    const { code, stderr } = await inFolder({}, [...CHECKS, "--project", file!]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, `Cannot use ${file}: ${problem}`);
  }
});

Deno.test("explain writes the names of the project file into a page", async () => {
  const project = JSON.stringify({
    jobs: { namespace: "etl" },
    database: { namespace: "shop", table: 'shop."Stop Events"' },
    nodes: { taint: "spark:NoExecute" },
  });
  const page = async (id: string) =>
    (await inFolder({ "deep-storage.json": project }, [id], "explain")).stdout;
  assertStringIncludes(await page("table-name"), "export TABLE='shop.\"Stop Events\"'\n");
  assertStringIncludes(await page("node-pool"), "export NODE_TAINT=spark:NoExecute\n");
  const guide = await page("guide");
  assertStringIncludes(guide, "export JOBS_NAMESPACE=etl\n");
  assertStringIncludes(guide, '"namespace": "shop",');
});

// Each printed command is followed by a shell, which has to read the same project file.
const NAMED = "my names.json";
const REPEATED = "--project 'my names.json'";

const PRINTING: readonly (readonly [command: string, args: readonly string[], text: string])[] = [
  ["amend", [], `deno task amend ${REPEATED} 2025-12-28`],
  [
    "preflight",
    ["--facts", "manifests"],
    `         runbook: deno task explain ${REPEATED} manifests-readable\n`,
  ],
  ["preflight", ["--context=kind"], `\nrunbook: deno task explain ${REPEATED} cluster-login\n`],
  [
    "status",
    ["--from", DAY, "--to", "2025-12-29"],
    `deno task run ${REPEATED} --from ${DAY} --to 2025-12-29`,
  ],
  ["status", ["--output", "json", DAY], `"next":"deno task run ${REPEATED} --date ${DAY}"`],
];

for (const [command, args, text] of PRINTING) {
  Deno.test(`${command} ${args.join(" ")}: repeats --project in the next command`, async () => {
    const files = { [NAMED]: PROJECT, "manifests/broken.yaml": "a: [" };
    const lake = await Deno.makeTempDir();
    const env = { LAKE_URL: `file://${lake}`, DJANGO_DB_HOST: "127.0.0.1" };
    const { stdout, stderr } = await inFolder(files, [...args, "--project", NAMED], command, env);
    await Deno.remove(lake, { recursive: true });
    assertStringIncludes(stdout + stderr, text);
  });
}

Deno.test("the image of the toolkit has the project file of the repository, and no similar file", async () => {
  const dockerfile = await Deno.readTextFile(new URL("manifests/image/toolkit/Dockerfile", ROOT));
  const sources = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, all]) =>
    all!.split(" ")
  );
  const isCopied = (file: string) =>
    sources.some((source) =>
      new RegExp(`^${source.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`).test(file)
    );
  const names = ["json", "yaml", "yml", "env"].map((extension) => `deep-storage.${extension}`);
  assertEquals(names.map(isCopied), [true, true, true, false]);
  // A pattern without a match is no error, but a missing file is one.
  const plain = sources.filter((source) => !/[*[]/.test(source));
  for (const source of plain) assert(await Deno.stat(new URL(source, ROOT)), source);
  assertEquals(plain.filter((source) => source.startsWith("deep-storage")), []);
});
