#!/usr/bin/env -S node --
// The program `deep-storage` of the npm package. It starts Deno, which npm installed as a dependency,
// with the permissions of the command. Without `--` in the first line, Node.js would read --env-file.
import { spawn } from "node:child_process";
import { accessSync, constants as access, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
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
    accessSync(file, access.R_OK);
  } catch (error) {
    const problem = error.code === "ENOENT" ? "there is no such file" : error.message;
    console.error(
      `Cannot read the variables in ${file}: ${problem}. Name a file: --env-file=FILE.`,
    );
    process.exit(2);
  }
}

const { flags, program } = Object.hasOwn(commands, words[0] ?? "") ? commands[words[0]] : other;
/** Whether the terminal sends SIGINT to Deno too, because this process is in its foreground. */
function terminalInterrupts() {
  try {
    const [, , group, , , foreground] = readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /s, "").split(" ");
    return group === foreground;
  } catch {
    return process.stdin.isTTY === true; // not Linux
  }
}

// The handlers come first, so that no signal ends this process alone. They run after the start.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
  process.on(signal, () => {
    if (signal === "SIGINT" && terminalInterrupts()) return;
    child.kill(signal);
  });
}
const child = spawn(
  createRequire(import.meta.url)("deno/install_api.cjs").runInstall(),
  [
    "run",
    `--config=${folder}deno.json`,
    "--no-lock",
    "--no-remote",
    ...flags,
    ...ofDeno,
    folder + program,
    ...words,
  ],
  { stdio: "inherit", env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" } },
);
child.on("error", (error) => {
  console.error(`Cannot start Deno: ${error.message}. Install the package again.`);
  process.exit(3);
});
child.on("exit", (code, signal) => {
  process.exit(signal === null ? code : 128 + constants.signals[signal]);
});
