import { Failure } from "../../pipeline/errors.ts";
import { CHECKOUT_TASKS, COMMANDS, GROUPS, loadCommand } from "../../tasks/commands.ts";
import type { Command } from "../../tasks/cli/command.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../support/assert.ts";
import { ROOT, runTask } from "../support/task.ts";

// The table of commands, compared with the modules, with deno.json and with the help.

interface Config {
  readonly version: string;
  readonly tasks: Readonly<Record<string, { readonly description: string; command: string }>>;
  readonly permissions: Readonly<Record<string, object>>;
}

const CONFIG: Config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));

for (const { name, purpose, permissions } of COMMANDS) {
  Deno.test(`commands: ${name} is a module, and a task with the purpose and permissions of the table`, async () => {
    const { command }: { command: Command } = await import(`../../tasks/${name}.ts`);
    assertEquals(command.name, name);
    assertEquals(CONFIG.tasks[name]?.description, purpose);
    assertMatch(
      CONFIG.tasks[name]!.command,
      new RegExp(
        `^deno run -q --no-prompt -P=${permissions} --v8-flags=\\S+ tasks/main\\.ts ${name}$`,
      ),
    );
    assert(CONFIG.permissions[permissions] !== undefined);
  });
}

Deno.test("commands: the table has every task that calls tasks/main.ts", () => {
  const tasks = Object.entries(CONFIG.tasks)
    .filter(([, { command }]) => command.includes("tasks/main.ts"))
    .map(([name]) => name).filter((name) => name !== "help");
  assertEquals(tasks.toSorted(), COMMANDS.map(({ name }) => name).toSorted());
});

Deno.test("commands: every other task of deno.json is one that only a checkout has", async () => {
  const others = Object.entries(CONFIG.tasks)
    .filter(([, { command }]) => !command.includes("tasks/main.ts")).map(([name]) => name);
  assertEquals(others.toSorted(), CHECKOUT_TASKS.toSorted());
  const { code, stderr } = await runTask("help", ["drill"]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "only a checkout of the repository has this command");
});

Deno.test("commands: every group has commands", () => {
  for (const group of GROUPS) assert(COMMANDS.some((entry) => entry.group === group), group);
});

for (const args of [[], ["--help"], ["-h"]]) {
  Deno.test(`help: ${["help", ...args].join(" ")} lists every command by purpose, with examples`, async () => {
    const { code, stdout, stderr } = await runTask("help", args);
    assertEquals([code, stderr], [0, ""]);
    for (const { name, purpose } of COMMANDS) assertStringIncludes(stdout, ` ${name} `, purpose);
    assertStringIncludes(stdout, "\nExamples:\n  deep-storage ");
    assert(stdout.split("\n").every((line) => line.length <= 100), "a line is over 100 characters");
  });
}

Deno.test("help: help bronze is bronze --help", async () => {
  const help = await runTask("help", ["bronze"]);
  assertEquals(help, await runTask("bronze", ["--help"]));
  assertEquals(help.code, 0);
});

Deno.test("loadCommand: says that flags come after the command", async () => {
  const problem = "flags come after the command.";
  await assertRejects(() => loadCommand("-q"), Failure, `${problem} Write the command first.`);
  await assertRejects(
    () => loadCommand("--verison"),
    Failure,
    `${problem} Did you mean --version?`,
  );
});
