import { parseArgs } from "node:util";
import { sectionOf } from "./changelog.ts";
import { FILES_WITH_IMAGE, tagProblems } from "./image_tag.ts";

// Checks that the working directory can be released, and tags it. The workflow
// .github/workflows/release.yml does the rest, when the tag is pushed.

const { check, notes, help } = parseArgs({
  options: {
    check: { type: "boolean" },
    notes: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
}).values;
if (help) {
  console.log(
    `Checks that this version can be released, and tags it: the working tree is clean, the branch is
main, the version in deno.json has no tag, CHANGELOG.md describes it, the manifests use the image
of this version, and the gate is green.

Usage: deno task release [--check | --notes]

  --check   check only
  --notes   print the section of CHANGELOG.md and nothing else

Examples:
  deno task release --check
  deno task release            tags v1.0.0; then push the tag, which starts the release workflow

Exit codes: 0 success; 1 a check failed.`,
  );
  Deno.exit(0);
}

const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
const tag = `v${version}`;
const section = sectionOf(await Deno.readTextFile("CHANGELOG.md"), version);
if (notes) {
  if (typeof section === "string") fail([section]);
  console.log(section.text);
  Deno.exit(0);
}

const problems: string[] = [];
const changes = await git("status", "--porcelain");
if (changes !== "") problems.push(`The working tree has changes. Commit them:\n${changes}`);
const branch = await git("branch", "--show-current");
if (branch !== "main") {
  problems.push(`The branch is ${branch || "none"}. Releases are made from main: git switch main`);
}
if (await git("tag", "--list", tag) !== "") {
  problems.push(`The tag ${tag} exists. Increase the version: deno bump-version patch`);
}
if (typeof section === "string") problems.push(section);
for (const file of FILES_WITH_IMAGE) {
  problems.push(...tagProblems(file, await Deno.readTextFile(file), version));
}
if (problems.length > 0) fail(problems);
console.log(
  `The tree, the tag, the manifests and CHANGELOG.md are ready for ${tag}. Running the gate.`,
);
const gate = await new Deno.Command(Deno.execPath(), { args: ["task", "-q", "gate"] })
  .spawn().status;
if (!gate.success) fail(["The gate failed. Its messages are above."]);
if (check) {
  console.log(`${tag} can be released.`);
} else {
  await git("tag", "--annotate", tag, `--message=Version ${version}`);
  console.log(`Tagged ${tag}. Start the release workflow with: git push origin ${tag}`);
}

async function git(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", { args }).output();
  if (!success) fail([`git ${args[0]} failed: ${new TextDecoder().decode(stderr).trim()}`]);
  return new TextDecoder().decode(stdout).trimEnd();
}

function fail(problems: readonly string[]): never {
  for (const problem of problems) console.error(problem);
  Deno.exit(1);
}
