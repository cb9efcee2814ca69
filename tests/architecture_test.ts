import { assertEquals } from "./support/assert.ts";

// The rules of the house, held by reading every import of the product.

const ROOT = new URL("../", import.meta.url);
const ROOMS = ["pipeline", "checks", "tasks"];

interface Import {
  readonly file: string;
  readonly target: string;
  /** When the module is loaded: with the file, later by `import()`, or never, for types alone. */
  readonly loaded?: "with the file" | "later" | "never";
}

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

const IMPORT =
  /^(?:import|export)\s(type\s)?([^;"]*?)\bfrom\s+"([^"]+)"|\bfrom\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

function* imports(folder: string): Generator<Import> {
  for (const file of sources(folder)) {
    // Examples in comments import as well.
    const text = Deno.readTextFileSync(new URL(file, ROOT)).replaceAll(/^ \*.*$/gm, "");
    for (const [, type, names = "", from, other, lazily] of text.matchAll(IMPORT)) {
      const specifier = (from ?? other ?? lazily)!;
      const inside = specifier.startsWith(".");
      const target = inside
        ? new URL(specifier, new URL(file, ROOT)).href.slice(ROOT.href.length)
        : specifier;
      const isType = type !== undefined || /^\{(\s*type\s[^,]*,?)+\s*\}\s*$/.test(names);
      const loaded = lazily !== undefined ? "later" : isType ? "never" : "with the file";
      yield { file, target, loaded };
    }
  }
}

const all = ROOMS.flatMap((room) => [...imports(room)]);

function importers(specifier: RegExp): string[] {
  return [...new Set(all.filter(({ target }) => specifier.test(target)).map(({ file }) => file))]
    .sort();
}

Deno.test("imports run one way: tasks -> checks -> pipeline, and nothing imports tests", () => {
  const wrong = all.filter(({ file, target }) => {
    const from = ROOMS.indexOf(file.split("/")[0]!);
    const to = [...ROOMS, "tests"].indexOf(target.split("/")[0]!);
    return to > from;
  });
  assertEquals(wrong, []);
});

Deno.test("imports: facts and the models of checks import no check and no report", () => {
  const inner = /^checks\/(facts|image|kubernetes|network_policy|source_code|spark)\//;
  const outer = /^checks\/(preflight|postflight|report)\//;
  const wrong = all.filter(({ file, target }) => inner.test(file) && outer.test(target));
  assertEquals(wrong, []);
});

Deno.test("imports: the model of Kubernetes imports no facts, because facts are made with it", () => {
  const isWrong = ({ file, target }: Import) =>
    file.startsWith("checks/kubernetes/") && target.startsWith("checks/facts/");
  assertEquals(isWrong({ file: "checks/kubernetes/a.ts", target: "checks/facts/b.ts" }), true);
  assertEquals(all.filter(isWrong), []);
});

Deno.test("imports: the reader of imports sees them", () => {
  assertEquals(all.length > 50, true);
  assertEquals(importers(/config\.ts$/).includes("tasks/days/command.ts"), true);
});

Deno.test("imports: every dynamic import has a literal specifier, so that these tests see it", () => {
  const others = users(/\bimport\((?!\s*")/).toSorted();
  assertEquals(others, [
    "tasks/cli/cluster_login.ts",
    "tasks/cli/gatherers.ts",
    "tasks/cli/html_report.ts",
    "tasks/commands.ts",
    "tasks/days/command.ts",
  ]);
  assertEquals(all.some(({ loaded }) => loaded === "later"), true);
  // tasks/commands.ts loads the module of a command, which tests/tasks/commands_test.ts reads.
  others.splice(others.indexOf("tasks/commands.ts"), 1);
  // Their functions `load` take the specifier twice: as a type, which these tests see, and as a value.
  for (const other of others) {
    const text = Deno.readTextFileSync(new URL(other, ROOT)).replace("function load<M>", "");
    const loads = [...text.matchAll(/\bload<typeof import\("(.+?)"\)>\(\s*"(.+?)",?\s*\)/g)];
    assertEquals(loads.map(([, type]) => type), loads.map(([, , value]) => value));
    assertEquals(loads.length, text.match(/\bload</g)!.length);
  }
});

Deno.test("imports: no dynamic import has a template literal, for which Deno loads every module of a folder", () => {
  const withTemplate = /\bimport\((\s|\/\*.*?\*\/|\/\/.*)*`/;
  assertEquals(withTemplate.test("await import(\n  `./${name}.ts`)"), true);
  assertEquals(users(withTemplate, [...ROOMS, "release"]), []);
});

Deno.test("imports: a command loads no client library before it needs one", () => {
  const targets = targetsOf(all.filter(({ loaded }) => loaded === "with the file"));
  const clients =
    /^(pg|@aws-sdk\/.*|@kubernetes\/.*|@opentelemetry\/.*|hyparquet|hyparquet-writer|node:zlib)$/;
  const loadedBy = (file: string) =>
    [...reachable(file, targets)].filter((each) => clients.test(each));
  for (const command of ["bronze", "preflight", "reach", "run", "silver", "status"]) {
    assertEquals([command, ...loadedBy(`tasks/${command}.ts`)], [command]);
  }
  assertEquals(loadedBy("tasks/main.ts"), []);
  assertEquals(loadedBy("tasks/days/worker.ts"), []);
  assertEquals(loadedBy("pipeline/bronze.ts").includes("pg"), true);
  assertEquals(loadedBy("pipeline/bronze.ts").includes("@aws-sdk/client-s3"), false);
});

Deno.test("imports: preflight and reach load no part of Node, which takes a tenth of their time", () => {
  const targets = targetsOf(all.filter(({ loaded }) => loaded === "with the file"));
  const node = (file: string) =>
    [...reachable(file, targets)].filter((each) => each.startsWith("node:"));
  for (const command of ["preflight", "reach"]) {
    assertEquals([command, ...node(`tasks/${command}.ts`)], [command]);
  }
  assertEquals(node("tasks/main.ts"), []);
  assertEquals(node("tasks/bronze.ts").includes("node:path"), true);
});

Deno.test("imports: each client library is imported in one place", () => {
  assertEquals(importers(/^pg$/), ["pipeline/outbox/client.ts"]);
  assertEquals(importers(/^@aws-sdk\//), ["pipeline/lake/s3.ts"]);
  assertEquals(importers(/^hyparquet-writer\b/), ["pipeline/lake/page_file.ts"]);
  assertEquals(importers(/^@kubernetes\//), ["pipeline/cluster/login.ts"]);
  assertEquals(importers(/^@opentelemetry\//), ["tasks/cli/telemetry.ts"]);
  assertEquals(importers(/^@duckdb\//), []);
});

function users(of: RegExp, rooms: readonly string[] = ROOMS): string[] {
  return rooms.flatMap((room) => [...sources(room)])
    .filter((file) => of.test(Deno.readTextFileSync(new URL(file, ROOT))));
}

Deno.test("imports: only one module reads the environment", () => {
  assertEquals(users(/Deno\.env|process\.env/), ["pipeline/config/environment.ts"]);
});

Deno.test("imports: pipeline and checks run no program but kustomize and the plugin that a kubeconfig names", () => {
  const runners = users(/Deno\.Command|child_process/, ["pipeline", "checks"]);
  assertEquals(runners, [
    "pipeline/cluster/exec_plugin.ts",
    "checks/facts/render_kustomization.ts",
  ]);
});

/** The files that can be reached from one file through its imports. */
function reachable(file: string, targets: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set<string>();
  const waiting = [file];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const target of targets.get(next) ?? []) {
      if (!seen.has(target)) waiting.push(target);
      seen.add(target);
    }
  }
  return seen;
}

function targetsOf(edges: readonly Import[]): Map<string, string[]> {
  const targets = new Map<string, string[]>();
  for (const { file, target } of edges) targets.set(file, [...targets.get(file) ?? [], target]);
  return targets;
}

Deno.test("imports: no file imports itself through others, not even for a type", () => {
  const targets = targetsOf(all);
  const cyclic = [...targets.keys()].filter((file) => reachable(file, targets).has(file));
  assertEquals(cyclic, []);
});

Deno.test("imports: the search for import cycles finds one", () => {
  const targets = targetsOf([
    { file: "a.ts", target: "b.ts" },
    { file: "b.ts", target: "c.ts" },
    { file: "c.ts", target: "b.ts" },
  ]);
  assertEquals(reachable("b.ts", targets).has("b.ts"), true);
  assertEquals(reachable("a.ts", targets).has("a.ts"), false);
});

Deno.test("imports: no module of pipeline and checks keeps state between calls", () => {
  const state = /^(export )?(let |(const|var) .*= new (WeakMap|WeakSet|(Map|Set)(<.*>)?\(\)))/m;
  assertEquals(users(state, ["pipeline", "checks"]), []);
});

Deno.test("tests: no file changes the variables, the folder or the umask of the process that all share", () => {
  assertEquals(users(CHANGE, ["tests"]), []);
});

/** A change of the variables, the folder or the umask of the process. */
const CHANGE = new RegExp(
  [
    /Deno\.(env\.(set|delete)|chdir|umask)\(|process\.(chdir|umask|loadEnvFile)\(/,
    /\bprocess\.env(\.\w+|\[[^\]]*\])\s*(\?\?|\|\||&&|\+)?=(?![=>])/,
    /\bdelete process\.env\b|\b(assign|defineProperty|defineProperties)\(\s*process\.env\b/,
  ].map(({ source }) => source).join("|"),
);

Deno.test("tests: the search for changes of the process finds each way to make one", () => {
  // The names are not whole here, because the search reads this file too.
  const [deno, process] = ["Deno", "process"];
  const changes = [
    `${deno}.env.set("X", "1")`,
    `${deno}.env.delete("X")`,
    `${deno}.chdir("/")`,
    `${deno}.umask(0)`,
    `${process}.chdir("/")`,
    `${process}.umask(0)`,
    `${process}.env.X = "1"`,
    `${process}.env.X ??= "1"`,
    `${process}.env.X += "1"`,
    `${process}.env[name]="1"`,
    `${process}.env["X"] = "1"`,
    `delete ${process}.env.X`,
    `delete ${process}.env[name]`,
    `Object.assign(${process}.env, { X: "1" })`,
  ];
  assertEquals(changes.filter((each) => !CHANGE.test(each)), []);
  const harmless = [
    // Another object takes the place of the variables, in this thread only.
    `${process}.env = {}`,
    `${deno}.env.get("X")`,
    `${process}.env.X === "1"`,
    `${process}.env[name] == "1"`,
    `const env = { ...${process}.env };`,
    `${process}.cwd()`,
  ];
  assertEquals(harmless.filter((each) => CHANGE.test(each)), []);
});
