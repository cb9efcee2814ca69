import { commandsOf, rewriteCommands, rewriteImports } from "../../release/contents.ts";
import { pin, shrinkwrapOf } from "../../release/shrinkwrap.ts";
import { COMMANDS } from "../../tasks/commands.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";

const CONFIG = JSON.parse(
  await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
);

Deno.test("commandsOf: every command has the permissions of its task, and no other task is a command", () => {
  const commands = Object.entries(commandsOf(CONFIG)).map(([name, { flags, program }]) => ({
    name,
    program,
    permissions: flags.filter((flag) => /^-(P|A|-allow)/.test(flag)),
  }));
  const help = { name: "help", permissions: "explain" };
  const expected = [...COMMANDS, help].map(({ name, permissions }) => ({
    name,
    program: "tasks/main.js",
    permissions: [`-P=${permissions}`],
  }));
  const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;
  assertEquals(commands.sort(byName), expected.sort(byName));
});

Deno.test("rewriteImports: modules are JavaScript, and packages have the names that Node.js finds", () => {
  const imports = {
    "pg": "npm:pg@8.23.1",
    "ajv/2020": "npm:ajv@8.17.1/dist/2020.js",
    "yaml": "npm:yaml@2.9.1",
    "yaml/esm": "./node_modules/yaml/browser/index.js",
  };
  const code = `import pg from "pg";
import { a } from "../a.ts";
import Ajv from "ajv/2020";
import { createHash } from "node:crypto";
import { parse } from "yaml/esm";
import { other } from "yaml/util";
const worker = import.meta.resolve("./worker.ts");
const module = await import(\`./\${name}.ts\`);
const text = "pg";
`;
  assertEquals(
    rewriteImports(code, "checks/kubernetes/yaml.js", imports),
    `import pg from "pg";
import { a } from "../a.js";
import Ajv from "ajv/dist/2020.js";
import { createHash } from "node:crypto";
import { parse } from "../../node_modules/yaml/browser/index.js";
import { other } from "yaml/util";
const worker = import.meta.resolve("./worker.js");
const module = await import(\`./\${name}.js\`);
const text = "pg";
`,
  );
});

Deno.test("rewriteCommands: names the commands that the user can type, and keeps a synopsis aligned", () => {
  const text = `Usage: deno task run [DAY]
                     [--keep-going]
       deno task run --pending
                     [--dry-run]

  --pending             every day
                        that is not sealed
Run deno task clean, or prove it with deno task drill and deno task drill --real.
const task = "deno task";`;
  assertEquals(
    rewriteCommands(text, ["drill"]),
    `Usage: deep-storage run [DAY]
                        [--keep-going]
       deep-storage run --pending
                        [--dry-run]

  --pending             every day
                        that is not sealed
Run deep-storage clean, or prove it with deno task drill and deno task drill --real.
const task = "deep-storage";`,
  );
});

Deno.test("shrinkwrapOf: a second version of a package lies in the package that needs it", () => {
  const root = { name: "x", version: "1.0.0", license: "MIT", dependencies: { a: "1.0.0" } };
  const { packages } = shrinkwrapOf(root, {
    "a@1.0.0": { integrity: "sha512-a", dependencies: ["@s/b", "c@1.0.0"] },
    "@s/b@2.0.0": { integrity: "sha512-b", dependencies: ["c@2.0.0"], optionalDependencies: ["d"] },
    "c@1.0.0": { integrity: "sha512-c1" },
    "c@2.0.0": { integrity: "sha512-c2" },
    "d@1.0.0_c@1.0.0": { integrity: "sha512-d", os: ["linux"], scripts: true },
    "unused@1.0.0": { integrity: "sha512-u" },
  });
  assertEquals(packages, {
    "": root,
    "node_modules/@s/b": {
      version: "2.0.0",
      integrity: "sha512-b",
      dependencies: { c: "2.0.0" },
      optionalDependencies: { d: "1.0.0" },
    },
    "node_modules/@s/b/node_modules/c": {
      version: "2.0.0",
      integrity: "sha512-c2",
    },
    "node_modules/a": {
      version: "1.0.0",
      integrity: "sha512-a",
      dependencies: { "@s/b": "2.0.0", c: "1.0.0" },
    },
    "node_modules/c": {
      version: "1.0.0",
      integrity: "sha512-c1",
    },
    "node_modules/d": {
      version: "1.0.0",
      integrity: "sha512-d",
      os: ["linux"],
      hasInstallScript: true,
      optional: true,
    },
  });
});

Deno.test("pin: every package of the outermost folder is a dependency with its exact version", () => {
  const root = { name: "x", version: "1.0.0", license: "MIT", dependencies: { a: "1.0.0" } };
  const locked = {
    "a@1.0.0": { integrity: "sha512-a", dependencies: ["@s/b"], optionalDependencies: ["d"] },
    "@s/b@2.0.0": { integrity: "sha512-b" },
    "d@1.0.0": { integrity: "sha512-d", dependencies: ["e"] },
    "e@1.0.0": { integrity: "sha512-e", dependencies: ["@s/b"] },
  };
  const pinned = pin(shrinkwrapOf(root, locked));
  assertEquals(pinned, {
    ...root,
    dependencies: { "@s/b": "2.0.0", a: "1.0.0" },
    optionalDependencies: { d: "1.0.0", e: "1.0.0" },
  });
  const { "": _, ...packages } = shrinkwrapOf(root, locked).packages;
  const { "": __, ...same } = shrinkwrapOf(pinned, locked).packages;
  assertEquals(same, packages);
});

Deno.test("shrinkwrapOf: refuses a dependency that deno.lock lacks", () => {
  const root = { name: "x", version: "1.0.0", license: "MIT", dependencies: { a: "1.0.0" } };
  assertThrows(() => shrinkwrapOf(root, {}), Error, "deno.lock has no single version of a@1.0.0");
});
