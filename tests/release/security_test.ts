import { commandsOf } from "../../release/contents.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { ROOT } from "../support/task.ts";

const read = (file: string) => Deno.readTextFileSync(new URL(file, ROOT));

/** The commands in the table of SECURITY.md, with the other columns. */
function tableRows(): Map<string, readonly string[]> {
  const rows = read("SECURITY.md").split("\n").filter((line) => line.startsWith("| `"));
  return new Map(rows.flatMap((row) => {
    const [names, ...columns] = row.split("|").slice(1, -1).map((cell) => cell.trim());
    return [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => [name!, columns] as const);
  }));
}

Deno.test("SECURITY.md says for every command whether deno.json lets it connect, write and start programs", () => {
  const config = JSON.parse(read("deno.json"));
  const commands = commandsOf(config);
  const rows = tableRows();
  assertEquals([...rows.keys()].sort(), Object.keys(commands).sort());
  for (const [name, { flags }] of Object.entries(commands)) {
    const set = flags.find((flag) => flag.startsWith("-P="))!.slice("-P=".length);
    const { net, write, run, ffi } = config.permissions[set];
    const [network, files, programs] = rows.get(name)!;
    assertEquals([name, network === "none"], [name, net === undefined]);
    assertEquals([name, files!.includes("write")], [name, write === true]);
    assertEquals([name, programs === "none"], [name, run === undefined]);
    assert(ffi === undefined);
  }
});
