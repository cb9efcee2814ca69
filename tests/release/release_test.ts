import { dirname } from "node:path";
import { sectionOf } from "../../release/changelog.ts";
import { unionOf } from "../../release/executable.ts";
import { FILES_WITH_IMAGE, tagProblems } from "../../release/image_tag.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { commandOf, ROOT } from "../support/task.ts";

const CHANGELOG = `# Changelog

## 1.2.0 (2026-02-28)

- What is new.

## 1.1.0 (2026-01-31)

- What was new.
`;

Deno.test("sectionOf: finds the date and the text of a version", () => {
  assertEquals(sectionOf(CHANGELOG, "1.2.0"), { date: "2026-02-28", text: "- What is new." });
  assertEquals(sectionOf(CHANGELOG, "1.1.0"), { date: "2026-01-31", text: "- What was new." });
  const leap = sectionOf("## 1.0.0 (2028-02-29)\n\n- x\n", "1.0.0");
  assertEquals(leap, { date: "2028-02-29", text: "- x" });
});

Deno.test("sectionOf: names what is missing", () => {
  const problem = (text: string) => sectionOf(text, "1.2.0");
  assertEquals(
    problem("## Unreleased\n\n- New.\n"),
    'CHANGELOG.md has no section for 1.2.0. Rename "## Unreleased" to "## 1.2.0 (YYYY-MM-DD)".',
  );
  for (
    const title of ["## 1.2.0", "## 1.2.0 (2026-02-30)", "## 1.2.0 (2027-02-29)", "## 1.2.0 (soon)"]
  ) {
    assertEquals(
      problem(`${title}\n\n- New.\n`),
      `CHANGELOG.md has the heading "${title}", without a date. Write "## 1.2.0 (YYYY-MM-DD)".`,
    );
  }
  assertEquals(
    problem("## 1.2.0 (2026-02-28)\n\n## 1.1.0 (2026-01-31)\n\n- Old.\n"),
    "CHANGELOG.md says nothing about 1.2.0. Describe what changed.",
  );
  assertStringIncludes(problem("## 11.2.0 (2026-02-28)\n\n- x\n") as string, "no section");
});

Deno.test("unionOf: allows what one of the sets allows, and nothing else", () => {
  assertEquals(
    unionOf([
      { net: ["127.0.0.1"], read: true, env: { allow: ["TMPDIR"], ignore: true } },
      { net: true, env: { allow: ["HOME", "TMPDIR"], ignore: true }, sys: ["ca"] },
      { sys: ["uid", "ca"] },
    ]),
    {
      net: true,
      read: true,
      env: { allow: ["HOME", "TMPDIR"], ignore: true },
      sys: ["ca", "uid"],
    },
  );
  const sets = [{ env: ["HOME"] }, { env: { allow: ["HOME"], ignore: true } }];
  assertThrows(() => unionOf(sets), Error, "write env in different ways");
});

Deno.test("tagProblems: the manifests, the Dockerfile and the runbook use the image of the version in deno.json", async () => {
  const read = (file: string) => Deno.readTextFile(new URL(file, ROOT));
  const { version } = JSON.parse(await read("deno.json"));
  for (const file of FILES_WITH_IMAGE) {
    assertEquals(tagProblems(file, await read(file), version), []);
  }
});

Deno.test("tagProblems: names each other tag, and a file without the image", () => {
  const image = "image: ghcr.io/ldamasio/deep-storage";
  assertEquals(tagProblems("a.yaml", `${image}:1\n${image}:1.2.0\n${image}\n`, "1.2.0"), [
    "a.yaml has the image of the toolkit with the tag 1. Write 1.2.0.",
    "a.yaml has the image of the toolkit with the tag none. Write 1.2.0.",
  ]);
  assertEquals(
    tagProblems("a.md", "s{ghcr.io/ldamasio/deep-storage:1.2.0}{$ENV{IMAGE}}g;", "1.2.0"),
    [],
  );
  assertEquals(tagProblems("a.yaml", "image: ghcr.io/ldamasio/other:1\n", "1.2.0"), [
    "a.yaml does not name the image of the toolkit. Name it there.",
  ]);
});

/** A repository with a version, a gate, a changelog and manifests, and the task `release` in it. */
async function repository(gate: string, changelog = CHANGELOG, imageTag = "1.2.0") {
  const folder = await Deno.makeTempDir({ prefix: "deep-storage release " });
  const execute = async (program: string, args: readonly string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      cwd: folder,
      env: {
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_AUTHOR_NAME: "test",
        GIT_AUTHOR_EMAIL: "test@example.com",
        GIT_COMMITTER_NAME: "test",
        GIT_COMMITTER_EMAIL: "test@example.com",
        NO_COLOR: "1",
      },
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  };
  const git = async (...args: string[]) => {
    const { code, stdout, stderr } = await execute("git", args);
    assertEquals(code, 0, stderr);
    return stdout.trim();
  };
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    JSON.stringify({ version: "1.2.0", tasks: { gate } }),
  );
  await Deno.writeTextFile(`${folder}/CHANGELOG.md`, changelog);
  for (const file of FILES_WITH_IMAGE) {
    await Deno.mkdir(`${folder}/${dirname(file)}`, { recursive: true });
    const image = `image: ghcr.io/ldamasio/deep-storage:${imageTag}\n`;
    await Deno.writeTextFile(`${folder}/${file}`, image);
  }
  await git("init", "-q", "-b", "main");
  await git("add", "-A");
  await git("commit", "-q", "-m", "Begin");
  const [program, run, ...words] = commandOf("release", []);
  const rest = words.map((word) => word.endsWith(".ts") ? new URL(word, ROOT).pathname : word);
  const config = `--config=${new URL("deno.json", ROOT).pathname}`;
  return {
    folder,
    git,
    release: (...flags: string[]) => execute(program!, [run!, config, ...rest, ...flags]),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("release: tags the version after a green gate, and not with --check", async () => {
  await using repo = await repository("echo the gate ran");
  const checked = await repo.release("--check");
  assertEquals(checked.code, 0, checked.stderr);
  assertStringIncludes(checked.stdout, "the gate ran");
  assertEquals(await repo.git("tag"), "");
  const { code, stdout, stderr } = await repo.release();
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "git push origin v1.2.0");
  assertEquals(await repo.git("tag"), "v1.2.0");
  assertEquals(await repo.git("cat-file", "-t", "v1.2.0"), "tag"); // annotated
  assertEquals(await repo.git("rev-parse", "v1.2.0^{}"), await repo.git("rev-parse", "HEAD"));
});

Deno.test("release: a red gate prevents the tag", async () => {
  await using repo = await repository("echo the gate ran; exit 1");
  const { code, stderr } = await repo.release();
  assertEquals([code, stderr.includes("The gate failed.")], [1, true]);
  assertEquals(await repo.git("tag"), "");
});

Deno.test("release: names everything that prevents a release, before the gate runs", async () => {
  const unreleased = "# Changelog\n\n## Unreleased\n\n- x\n";
  await using repo = await repository("echo the gate ran", unreleased, "1.1.0");
  await repo.git("tag", "v1.2.0");
  await repo.git("switch", "-q", "-c", "other");
  await Deno.writeTextFile(`${repo.folder}/new file`, "");
  const { code, stdout, stderr } = await repo.release();
  assertEquals([code, stdout], [1, ""]);
  for (
    const problem of [
      'The working tree has changes. Commit them:\n?? "new file"',
      "The branch is other.",
      "The tag v1.2.0 exists.",
      "CHANGELOG.md has no section for 1.2.0.",
      "manifests/70-schedule.yaml has the image of the toolkit with the tag 1.1.0. Write 1.2.0.",
      "monitoring/kubernetes/exporter.yaml has the image of the toolkit with the tag 1.1.0.",
    ]
  ) assertStringIncludes(stderr, problem);
});

Deno.test("release: --notes prints the section of the version", async () => {
  await using repo = await repository("exit 1");
  const { code, stdout } = await repo.release("--notes");
  assert(code === 0);
  assertEquals(stdout, "- What is new.\n");
});
