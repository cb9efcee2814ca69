import { assertEquals } from "./support/assert.ts";

// Examples in doc comments, which `deno task test` runs. Here: that public functions have one.

const ROOT = new URL("../", import.meta.url);

/** The folders whose public functions have an example. */
const FOLDERS = ["pipeline", "checks/network_policy"];

/** Public functions without an example, by the server that an example would need. */
const NEED_A_SERVER: Readonly<Record<string, readonly string[]>> = {
  "Postgres": [
    "pipeline/amend.ts runAmend",
    "pipeline/bronze_window.ts compareBronze",
    "pipeline/outbox/client.ts logIn",
    "pipeline/outbox/day_counts.ts countByDay",
    "pipeline/outbox/fence.ts databaseClock",
    "pipeline/outbox/fence.ts readFence",
    "pipeline/outbox/fence.ts readHolders",
    "pipeline/outbox/postgres_errors.ts showAllRows",
    "pipeline/outbox/schema.ts findTable",
    "pipeline/outbox/schema.ts nearMisses",
    "pipeline/outbox/schema.ts readSchema",
    "pipeline/outbox/source.ts readSource",
    "pipeline/outbox/survey.ts readStrays",
    "pipeline/outbox/survey.ts survey",
    "pipeline/pending.ts findPending",
  ],
  "a Kubernetes API server": [
    "pipeline/cluster/open.ts openCluster",
    "pipeline/cluster/port_forward.ts forwardToService",
    "pipeline/spark/follow_job.ts followJob",
    "pipeline/spark/new_job.ts createJob",
  ],
};

function* sources(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** The folder of {@linkcode FOLDERS} that a file is in, or else its top-level folder. */
function roomOf(file: string): string {
  return FOLDERS.find((folder) => file.startsWith(`${folder}/`)) ?? file.split("/")[0]!;
}

/** The names that files import from other folders, each as `file name`. */
function importedNames(): Set<string> {
  const found = new Set<string>();
  for (const file of ["pipeline", "checks", "tasks"].flatMap((folder) => [...sources(folder)])) {
    const imports =
      /(?:import|export|const)\s+(?:type\s+)?\{([^}]*)\}\s+(?:from\s+|= await import\()"(\.[^"]+)"/g;
    for (const [, names, specifier] of read(file).matchAll(imports)) {
      const target = new URL(specifier!, new URL(file, ROOT)).href.slice(ROOT.href.length);
      if (roomOf(target) === roomOf(file)) continue;
      for (const name of names!.split(",")) {
        found.add(`${target} ${name.trim().replace(/^type /, "").split(" as ")[0]}`);
      }
    }
  }
  return found;
}

/** The exported functions of a file that other folders import, and whether each has an example. */
function publicFunctions(file: string, imported: ReadonlySet<string>): [string, boolean][] {
  const functions = /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?export (?:async )?function\*? (\w+)/g;
  return [...read(file).matchAll(functions)]
    .map(([, doc, name]): [string, boolean] => [
      `${file} ${name}`,
      doc?.includes("@example\n * ```ts") ?? false,
    ])
    .filter(([name]) => imported.has(name));
}

const imported = importedNames();
const functions = FOLDERS.flatMap((folder) => [...sources(folder)])
  .flatMap((file) => publicFunctions(file, imported));

Deno.test("examples: every public function of pipeline and network_policy has one", () => {
  const without = functions.filter(([, hasExample]) => !hasExample).map(([name]) => name);
  assertEquals(without.sort(), Object.values(NEED_A_SERVER).flat().sort());
});

Deno.test("examples: the search finds public functions, and no others", () => {
  const names = functions.map(([name]) => name);
  assertEquals(names.includes("pipeline/contract/window.ts parseDay"), true);
  assertEquals(names.includes("checks/network_policy/matching.ts portNumbers"), false);
});

Deno.test("examples: deno task test runs them", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  const words: string[] = tasks.test.command.split(" ");
  const folders = FOLDERS.map((folder) => `${folder}/`);
  const options = words.slice(words.indexOf("-P"));
  // Long test files are first, and files that take turns. The last folders have all test files and
  // all examples.
  assertEquals(options.filter((word) => !word.endsWith("_test.ts")), [
    "-P",
    "--no-check",
    "--preload=tests/support/running_file.ts",
    "--parallel",
    "--doc",
    "'--ignore=**/cluster/node/**'",
    "tests/",
    ...folders,
  ]);
});
