import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { PREFLIGHT } from "../../checks/preflight/catalog.ts";
import { Failure } from "../../pipeline/errors.ts";
import { readFlags } from "../../tasks/cli/flags.ts";
import { COMMANDS as ENTRIES } from "../../tasks/commands.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";

// The examples in the output of --help. Those that need no server run on the manifests of this
// repository. Of the others, the flags and the objects that they name are tested.

const ROOT = new URL("../../", import.meta.url);
const TASKS: Record<string, { command: string }> =
  JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).tasks;
const COMMANDS = ENTRIES.map(({ name }) => name);

/** The checks that `--only` and `--skip` accept. */
const IDS = [...PREFLIGHT, ...POSTFLIGHT].map(({ id }) => id);

/** The examples that need no server, and the exit codes that each may have. */
const RUNNABLE: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^reach .* --to robson\//, [3]], // no manifest declares the workload
  [/^reach /, [0, 1]],
  [/^explain( |$)/, [0]],
  [/^preflight --facts manifests$/, [0]],
];

async function run(command: string, args: readonly string[]) {
  const [program, ...own] = TASKS[command]!.command.split(" ");
  assertEquals(program, "deno");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...own, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Returns the examples of a help text, each as the words of a command line. */
function examplesIn(help: string): string[][] {
  const [, section = ""] = /^Examples?:\n((?: {2}.*\n)+)/m.exec(help) ?? [];
  return section.split("\n").filter((line) => line.trim() !== "").map((line) => {
    // A comment stands after several spaces.
    const [text] = line.trim().split(/ {2,}/);
    const [, own] = /(?:^|\| )deno task (.*)$/.exec(text!.replace(/ > \S+$/, "")) ?? [];
    assert(own !== undefined, `${line} does not run a task`);
    return [...own.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ""));
  });
}

let count = 0;
for (const command of COMMANDS) {
  Deno.test(`${command} --help: every example is a command that works`, async () => {
    const help = await run(command, ["--help"]);
    assertEquals([help.code, help.err], [0, ""]);
    const { command: spec } = await import(`../../tasks/${command}.ts`);
    for (const [name, ...args] of examplesIn(`${help.out}\n`)) {
      count++;
      const line = [name, ...args].join(" ");
      assertEquals(name, command, line);
      // The last flag is the only one that the command does not know.
      const read = () => readFlags([...args, "--no-such-flag"], spec);
      assertThrows(read, Failure, 'Cannot understand "--no-such-flag"', line);
      for (const flag of ["--only", "--skip"]) {
        const value = args[args.indexOf(flag) + 1];
        if (!args.includes(flag) || !["preflight", "postflight"].includes(command)) continue;
        for (const id of value!.split("=")[0]!.split(",")) {
          assert(IDS.includes(id), `${line}: ${id}`);
        }
      }
      const codes = RUNNABLE.find(([pattern]) => pattern.test(line))?.[1];
      if (codes === undefined) continue;
      const { code, err } = await run(command, args);
      assert(codes.includes(code), `${line} ended with ${code}: ${err}`);
      assertEquals(err, "", line);
    }
  });
}

Deno.test("help: the examples were found", () => {
  assert(count >= 20, `only ${count} examples were found`);
});
