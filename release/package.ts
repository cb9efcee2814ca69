import { parseArgs } from "node:util";
import {
  commandsOf,
  type DenoConfig,
  dependenciesOf,
  renderStarts,
  rewriteCommands,
  rewriteImports,
} from "./contents.ts";
import { compile, unionOf } from "./executable.ts";
import { REFERENCE_PAGES } from "../tasks/explain/pages.ts";
import { type LockedPackages, pin, shrinkwrapOf } from "./shrinkwrap.ts";

// Makes the package for npm: the commands as JavaScript, because Deno does not run TypeScript below
// node_modules, and what they read.

const ROOT = new URL("../", import.meta.url);
const NAME = "@ldamasio/deep-storage";

/** Folders with TypeScript that a command may load. */
const CODE = ["checks", "pipeline", "tasks"];
/** What users read, in addition to all schemas in docs/. */
const FILES = [
  ...["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md"],
  ...[...REFERENCE_PAGES.keys()].map((name) => `docs/${name}.md`),
];
/** Folders whose files a command reads. */
const FOLDERS = ["manifests", "runbook"];

const { output, repository, executable, help } = parseArgs({
  options: {
    output: { type: "string", default: "dist" },
    repository: { type: "string" },
    executable: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
}).values;
if (help) {
  console.log(
    `Makes the package for npm and its list of components (SBOM, in CycloneDX), and prints the files.

Usage: deno task package [--output FOLDER] [--repository URL] [--executable]

  --output FOLDER    where to write the files; default: dist
  --repository URL   where the source is, for the provenance of a release
  --executable       make an executable for this machine instead; Deno downloads its runtime

Examples:
  deno task package                    writes dist/ldamasio-deep-storage-VERSION.tgz
  npm install -g ./dist/*.tgz          installs it, without a checkout`,
  );
  Deno.exit(0);
}
const temporary = await Deno.makeTempDir({ prefix: "deep-storage-package-" });
try {
  const folder = `${temporary}/deep-storage`; // the SBOM has the name of the folder
  await Deno.mkdir(folder);
  const config: DenoConfig = JSON.parse(await read("deno.json"));
  await build(config, folder);
  await Deno.mkdir(output, { recursive: true });
  const target = await Deno.realPath(output);
  if (executable) {
    const { os, arch } = Deno.build;
    const name = `deep-storage-${config.version}-${os}-${arch}`;
    await compile(folder, `${target}/${name}`);
    console.log(`${output}/${name}`);
  } else {
    const [file] = (await run("npm", ["pack", "--silent", `--pack-destination=${target}`], folder))
      .split("\n");
    const sbom = await run(
      "npm",
      ["sbom", "--package-lock-only", "--sbom-format=cyclonedx"],
      folder,
    );
    const sbomFile = file!.replace(/tgz$/, "cdx.json");
    await Deno.writeTextFile(`${target}/${sbomFile}`, sbom);
    console.log(`${output}/${file}\n${output}/${sbomFile}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
} finally {
  await Deno.remove(temporary, { recursive: true });
}

async function build(config: DenoConfig, folder: string): Promise<void> {
  const commands = commandsOf(config);
  const others = ["COMMAND", ...Object.keys(config.tasks).filter((name) => !(name in commands))];
  const modules = await transpile(folder);
  const codes: string[] = [];
  for (const file of modules) {
    const path = `${folder}/${file}`;
    const code = rewriteImports(await Deno.readTextFile(path), file, config.imports);
    codes.push(code);
    await Deno.writeTextFile(path, rewriteCommands(code, others));
  }
  const folders = [...FOLDERS, ...CODE].flatMap((name) => [...filesIn(name)]);
  const schemas = [...filesIn("docs")].filter((file) => file.endsWith(".schema.json"));
  for (const file of [...FILES, ...schemas, ...folders.filter((file) => !file.endsWith(".ts"))]) {
    await Deno.mkdir(`${folder}/${file}`.replace(/\/[^/]*$/, ""), { recursive: true });
    if (/\.(md|yaml)$/.test(file) && file !== "CHANGELOG.md") {
      await write(file, rewriteCommands(await read(file), others));
    } else await Deno.copyFile(new URL(file, ROOT), `${folder}/${file}`);
  }
  const { version, permissions, unstable } = config;
  const used = new Set(Object.values(commands).flatMap(({ flags }) => flags));
  const sets = Object.entries(permissions).filter(([name]) => used.has(`-P=${name}`));
  await writeJson("deno.json", {
    version,
    nodeModulesDir: "manual",
    permissions: {
      ...Object.fromEntries(sets),
      ...(executable ? { executable: unionOf(sets.map(([, set]) => set)) } : {}),
    },
    unstable,
  });
  await Deno.mkdir(`${folder}/bin`);
  // Help, the version and an unknown command need what `explain` needs: to read a file.
  await write("bin/commands.sh", renderStarts(commands, commands["explain"]!));
  await Deno.copyFile(new URL("release/launcher.sh", ROOT), `${folder}/bin/deep-storage.sh`);
  await Deno.chmod(`${folder}/bin/deep-storage.sh`, 0o755);

  const dependencies = dependenciesOf(codes, config.imports);
  const denoProgram: LockedPackages = JSON.parse(await read("release/deno_program.json"));
  const [deno] = Object.keys(denoProgram).filter((key) => key.startsWith("deno@"));
  const root = {
    name: NAME,
    version,
    license: "MIT",
    type: "module",
    description: "Copies the stop-loss events of Robson into Parquet, exactly, and checks it",
    ...(repository === undefined ? {} : { repository }),
    engines: { node: ">=20" },
    os: ["linux", "darwin"],
    bin: { "deep-storage": "bin/deep-storage.sh" },
    dependencies: { ...dependencies, deno: deno!.slice("deno@".length) },
  };
  const locked: LockedPackages = {
    ...JSON.parse(await read("deno.lock")).npm,
    ...denoProgram,
  };
  const pinned = pin(shrinkwrapOf(root, locked));
  await writeJson("package.json", pinned);
  await writeJson("npm-shrinkwrap.json", shrinkwrapOf(pinned, locked));

  function write(file: string, text: string): Promise<void> {
    return Deno.writeTextFile(`${folder}/${file}`, text);
  }
  function writeJson(file: string, value: unknown): Promise<void> {
    return write(file, `${JSON.stringify(value, null, 2)}\n`);
  }
}

/** Transpiles the modules of the commands, and returns their paths in the package. */
async function transpile(folder: string): Promise<string[]> {
  const modules = CODE.flatMap((name) => [...filesIn(name)]).filter((file) => /\.ts$/.test(file));
  const flags = ["--quiet", "--no-check", "--source-map=none", `--outdir=${folder}`];
  await run(Deno.execPath(), ["transpile", ...flags, ...modules], ROOT.pathname);
  return modules.map((file) => file.replace(/\.ts$/, ".js"));
}

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(`${folder}/`, ROOT))) {
    if (name === "__pycache__" || name.startsWith(".")) continue;
    if (isDirectory) yield* filesIn(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

function read(file: string): Promise<string> {
  return Deno.readTextFile(new URL(file, ROOT));
}

async function run(program: string, args: string[], cwd: string): Promise<string> {
  const { success, stdout } = await new Deno.Command(program, { args, cwd, stderr: "inherit" })
    .output();
  if (!success) throw new Error(`${program} ${args[0]} failed. Its messages are above.`);
  return new TextDecoder().decode(stdout);
}
