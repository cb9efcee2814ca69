import { CREATE_OUTBOX } from "../tasks/demo/events.ts";
import { assert, assertEquals, assertStringIncludes } from "./support/assert.ts";

const ROOT = new URL("../", import.meta.url);
const FOLDERS = ["docs", "docs/decisions", "runbook", "tests/spark"];

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

function pages(): string[] {
  const inFolder = (folder: string) =>
    [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].map(({ name }) => `${folder}/${name}`);
  return ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...FOLDERS.flatMap(inFolder)]
    .filter((path) => path.endsWith(".md"));
}

/** The commands in the first column of the table of README. */
function commandTable(): string[] {
  const [, section] = /^## Commands\n([^]*?)^## /m.exec(read("README.md"))!;
  const cells = [...section!.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell]) => cell!);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

Deno.test("README fits on 150 lines", () => {
  const lines = read("README.md").trimEnd().split("\n");
  assert(lines.length <= 150, `${lines.length} lines`);
});

Deno.test("README lists every command that deno.json has, except the parts of `ok`", () => {
  const tasks = Object.keys(JSON.parse(read("deno.json")).tasks);
  const parts = ["gate", "doc-lint", "lint:python", "test:node", "cluster:down"];
  const written = [...read("README.md").matchAll(/(?:deno task|^deep-storage) ([a-z][a-z:-]*)/gm)];
  const listed = new Set([...commandTable(), ...written.map((m) => m[1]!)]);
  assertEquals(tasks.filter((task) => !listed.has(task) && !parts.includes(task)), []);
  assertEquals([...listed].filter((task) => !tasks.includes(task)), []);
});

Deno.test("README: every command in its table except `ok` has examples in its help", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  const listed = commandTable();
  assert(listed.includes("fuzz") && listed.includes("ok"));
  for (const task of listed.filter((each) => each !== "ok" && each !== "help")) {
    const [, program, command] = /(\S+)\.ts(?: (\w+))?$/.exec(tasks[task].command)!;
    const module = command === undefined ? program : `tasks/${command}`;
    assertStringIncludes(read(`${module}.ts`), "\nExamples:\n", task);
  }
});

Deno.test("README and the configuration read the same variables", () => {
  const { permissions } = JSON.parse(read("deno.json"));
  const variables: string[] = permissions.pipeline.env.allow;
  const readme = ["README.md", "docs/configuration.md", "docs/command-line.md"].map(read)
    .join("");
  assertEquals(variables.filter((name) => !new RegExp(`\`${name}[\`=]`).test(readme)), []);
});

Deno.test("docs/database.md shows the table that the demo creates", () => {
  assertStringIncludes(read("docs/database.md"), CREATE_OUTBOX.trim());
});

Deno.test("docs: every relative link in the documentation leads to a file", () => {
  const broken: string[] = [];
  for (const page of pages()) {
    const text = read(page).replaceAll(/```[\s\S]*?```/g, "");
    for (const [, link] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      try {
        Deno.statSync(new URL(link!, new URL(page, ROOT)));
      } catch {
        broken.push(`${page}: ${link}`);
      }
    }
  }
  assertEquals(broken, []);
});

Deno.test("docs: every path of the repository that the documentation names exists", () => {
  const missing: string[] = [];
  const folders = /`((?:checks|pipeline|tasks|tests|manifests|runbook|docs)\/[\w./-]*)`/g;
  for (const page of pages().filter((path) => path !== "CHANGELOG.md")) {
    for (const [, path] of read(page).matchAll(folders)) {
      if (/my[_-](platform[_-])?check/.test(path!)) continue; // the names in the template
      try {
        Deno.statSync(new URL(path!, ROOT));
      } catch {
        missing.push(`${page}: ${path}`);
      }
    }
  }
  assertEquals(missing, []);
});

Deno.test("docs/new-check.md: its blocks compile, and the test of the template passes", async () => {
  const blocks = [...read("docs/new-check.md").matchAll(/`([\w./]+)`:\n\n```ts\n([^]*?)```/g)];
  assertEquals(blocks.length, 3);
  const folder = await Deno.makeTempDir();
  try {
    const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
    const own = new Set(blocks.map(([, path]) => nameOf(path!)));
    const files: string[] = [];
    for (const [, path, code] of blocks) {
      // The copies are in another folder, so their imports become absolute.
      const absolute = code!.replaceAll(
        /"(\.\.?\/[^"]+)"/g,
        (_, relative: string) =>
          JSON.stringify(
            own.has(nameOf(relative))
              ? `./${nameOf(relative)}`
              : new URL(relative, new URL(path!, ROOT)).href,
          ),
      );
      const file = `${folder}/${nameOf(path!)}`;
      await Deno.writeTextFile(file, absolute);
      files.push(file);
    }
    const config = new URL("deno.json", ROOT).pathname;
    const deno = async (...args: string[]) => {
      const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT });
      const { code, stdout, stderr } = await command.output();
      const text = new TextDecoder();
      assertEquals(code, 0, text.decode(stdout) + text.decode(stderr));
      return text.decode(stdout);
    };
    await deno("check", "--config", config, ...files);
    const output = await deno("test", "-P", "--no-check", "--config", config, files[1]!);
    assertStringIncludes(output, "2 passed");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("docs/architecture.md follows each thing through no more files than it says", () => {
  const paths = [
    ...read("docs/architecture.md").matchAll(/\(at most (\d+) files\):([^]*?)\.\n(?:\n|$)/g),
  ];
  assertEquals(paths.map(([, limit]) => limit), ["9", "15", "10", "12"]);
  for (const [, limit, list] of paths) {
    const files = list!.match(/`[^`]+`/g)!;
    assert(files.length <= Number(limit), `${files.length} files instead of ${limit}`);
  }
});
