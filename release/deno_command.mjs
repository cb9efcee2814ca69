// Prints, for the shell, the command that starts Deno with the permissions of a command of the toolkit.
// npm installed Deno as a dependency. The launcher has `--` before this file: without it, Node.js would
// read --env-file.
import { accessSync, constants, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../", import.meta.url));
const { commands, other } = JSON.parse(readFileSync(`${folder}commands.json`, "utf8"));

// Variables from a file are Deno's concern: deep-storage --env-file=.env run
const words = process.argv.slice(2);
const count = words.findIndex((word) => !/^--env-file(=|$)/.test(word));
const ofDeno = words.splice(0, count === -1 ? words.length : count);

for (const word of ofDeno) {
  const file = word.slice("--env-file=".length) || ".env";
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    const problem = error.code === "ENOENT" ? "there is no such file" : error.message;
    end(2, `Cannot read the variables in ${file}: ${problem}. Name a file: --env-file=FILE.`);
  }
}

const { flags, program } = Object.hasOwn(commands, words[0] ?? "") ? commands[words[0]] : other;
const command = [
  findDeno(),
  "run",
  `--config=${folder}deno.json`,
  "--no-lock",
  "--no-remote",
  ...flags,
  ...ofDeno,
  folder + program,
  ...words,
];
console.log(command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" "));

function findDeno() {
  try {
    const deno = createRequire(import.meta.url)("deno/install_api.cjs").runInstall();
    accessSync(deno, constants.X_OK);
    return deno;
  } catch (error) {
    end(3, `Cannot start Deno: ${error.message}. Install the package again.`);
  }
}

function end(exitCode, message) {
  console.error(message);
  process.exit(exitCode);
}
