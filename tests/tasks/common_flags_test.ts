import { COMMANDS } from "../../tasks/commands.ts";
import { assert, assertEquals, assertFalse, assertStringIncludes } from "../support/assert.ts";
import { ROOT, runTask } from "../support/task.ts";

// The flags that every command has, tried with every command.

const { version }: { readonly version: string } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
);

for (const { name } of COMMANDS) {
  Deno.test(`${name}: -h is --help, which has the flags of every command and the exit codes`, async () => {
    const [short, long] = await Promise.all([runTask(name, ["-h"]), runTask(name, ["--help"])]);
    assertEquals([short.code, short.stderr], [0, ""]);
    assertEquals(short, long);
    for (const flag of ["-h, --help", "--version", "-q, --quiet", "-v, --verbose", "--no-color"]) {
      assertStringIncludes(short.stdout, flag);
    }
    assertStringIncludes(short.stdout, "\nExit codes: 0 ");
    assert(short.stdout.split("\n").every((line) => line.length <= 100), "a long line");
  });

  Deno.test(`${name}: --version prints the version of deno.json`, async () => {
    const { code, stdout, stderr } = await runTask(name, ["--version"]);
    assertEquals([code, stdout, stderr], [0, `${version}\n`, ""]);
  });

  Deno.test(`${name}: refuses an unknown flag with 2, and suggests a flag for a misspelt one`, async () => {
    const [unknown, misspelt] = await Promise.all([
      runTask(name, ["--no-such-flag"]),
      runTask(name, ["--verbsoe"]),
    ]);
    assertEquals([unknown.code, misspelt.code], [2, 2]);
    assertFalse(unknown.stderr.includes("Did you mean"), unknown.stderr);
    assertStringIncludes(misspelt.stderr, 'Cannot understand "--verbsoe"');
    assertStringIncludes(misspelt.stderr, "Did you mean --verbose?");
  });

  Deno.test(`${name}: refuses --quiet with --verbose`, async () => {
    const { code, stderr } = await runTask(name, ["-qv"]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Cannot use --quiet with --verbose");
  });
}

const MISSPELT: readonly (readonly [string, readonly string[], string])[] = [
  ["help", ["bronce"], "Did you mean bronze?"],
  ["reach", ["-o", "jsn"], "Did you mean json?"],
  ["reach", ["--matrx"], "Did you mean --matrix?"],
  ["preflight", ["--facts", "manifest"], "Did you mean manifests?"],
  ["preflight", ["--only", "lake-confomance"], "Did you mean lake-conformance?"],
  ["preflight", ["--skip", "rback=later"], "Did you mean rbac?"],
  ["preflight", ["--output", "junti"], "Did you mean junit?"],
  ["preflight", ["--credentials", "clustr"], "Did you mean cluster?"],
  ["explain", ["lake-confomance"], "Did you mean lake-conformance?"],
  ["run", ["yesterdya"], "Did you mean yesterday?"],
  ["status", ["--from", "todya"], "Did you mean today?"],
  ["show", ["sliver"], "Did you mean silver?"],
  ["schedule", ["onn"], "Did you mean on?"],
  ["secrets", ["--from", "promt"], "Did you mean prompt?"],
];

for (const [command, args, question] of MISSPELT) {
  Deno.test(`${command}: answers ${args.join(" ")} with: ${question}`, async () => {
    const { code, stderr } = await runTask(command, args);
    assertEquals(code, 2);
    assertStringIncludes(stderr, question);
  });
}

Deno.test("help --version: prints the version, for a shell function that passes flags to help", async () => {
  const { code, stdout } = await runTask("help", ["--version"]);
  assertEquals([code, stdout], [0, (await runTask("bronze", ["--version"])).stdout]);
});

Deno.test("help: refuses a flag that is not its own, so that a run that did not start is no success", async () => {
  for (const args of [["--no-such-flag"], ["-q", "preflight"], ["--env-file=.env", "run"]]) {
    const { code, stdout, stderr } = await runTask("help", args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, `Cannot understand "${args[0]}": flags come after the command.`);
  }
});

for (const page of ["README.md", "docs/command-line.md"]) {
  Deno.test(`${page}: the shell function leaves an environment file to Deno, and other flags to help`, async () => {
    const text = await Deno.readTextFile(new URL(`../../${page}`, import.meta.url));
    const [line] = /^deep-storage\(\) .*$/m.exec(text)!;
    const calls = [[], ["run", "a b"], ["--version"], ["-q", "run"], ["--env-file=a b", "run"]];
    const script = ['deno() { printf "%s|" "$@"; echo; }', line]
      .concat(calls.map((words) => `deep-storage ${words.map((word) => `'${word}'`).join(" ")}`));
    const { stdout } = await new Deno.Command("bash", { args: ["-c", script.join("\n")] }).output();
    assertEquals(new TextDecoder().decode(stdout).trimEnd().split("\n"), [
      "task|-q|help|",
      "task|-q|run|a b|",
      "task|-q|help|--version|",
      "task|-q|help|-q|run|",
      "task|-q|--env-file=a b|run|",
    ]);
  });
}

Deno.test("-o: is --output, with and without a space, and after another short flag", async () => {
  const args = ["--matrix", "--manifests", "manifests"];
  const long = await runTask("reach", [...args, "--output", "ndjson"]);
  assertEquals([long.code, long.stderr], [0, ""]);
  for (const short of [["-o", "ndjson"], ["-ondjson"], ["-o=ndjson"], ["-qo", "ndjson"]]) {
    assertEquals(await runTask("reach", [...args, ...short]), long);
  }
});

Deno.test("--quiet: preflight leaves out the checks that passed, and keeps the exit code", async () => {
  const args = ["--facts", "manifests"];
  const [quiet, whole] = await Promise.all([
    runTask("preflight", [...args, "-q"]),
    runTask("preflight", args),
  ]);
  assertEquals([quiet.code, quiet.stderr], [whole.code, ""]);
  assertEquals(
    quiet.stdout.trimEnd().split("\n").at(-1),
    whole.stdout.trimEnd().split("\n").at(-1),
  );
  assert(whole.stdout.includes("PASS") && !quiet.stdout.includes("PASS"));
});
