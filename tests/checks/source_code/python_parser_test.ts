import { visitPython } from "../../../checks/source_code/python_parser.ts";
import { assert, assertEquals } from "../../support/assert.ts";

/** Evaluates code in a new process that has loaded the parser, and returns what the code prints. */
async function afterLoading(code: string): Promise<string> {
  const parser = new URL("../../../checks/source_code/python_parser.ts", import.meta.url).href;
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "-q", `--config=${config}`, `import ${JSON.stringify(parser)}; ${code}`],
    stdin: "null",
    stderr: "inherit",
  }).output();
  assert(success);
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("visitPython visits the nodes, and leaves out the children of a refused node", () => {
  const seen = (refused: string) => {
    const names: string[] = [];
    visitPython("f(1)\n", ({ name }) => (names.push(name), name === refused ? false : undefined));
    return names;
  };
  assertEquals(seen("").slice(0, 4), [
    "Script",
    "ExpressionStatement",
    "CallExpression",
    "VariableName",
  ]);
  assertEquals(seen("CallExpression"), ["Script", "ExpressionStatement", "CallExpression"]);
});

Deno.test("visitPython leaves the global process as it was", async () => {
  const code = "console.log(typeof process, process.pid === Deno.pid)";
  assertEquals(await afterLoading(code), "object true");
});
