import { relative } from "node:path/posix";
import type { PermissionSet } from "./executable.ts";

/** How `deno task` starts a command, and how the installed program starts it. */
export interface StartedCommand {
  /** The flags of Deno: the permissions of the command and the settings of V8. */
  readonly flags: readonly string[];
  /** The module, as a path in the package. */
  readonly program: string;
}

/** The parts of deno.json that the package needs. */
export interface DenoConfig {
  readonly version: string;
  readonly tasks: Readonly<Record<string, { readonly command: string }>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly permissions: Readonly<Record<string, PermissionSet>>;
  readonly unstable: readonly string[];
}

/** A task that starts a module of tasks/ with the name of the task. */
const STARTS_COMMAND = /^deno run ((?:-\S+ )+)(tasks\/\S+)\.ts (\S+)$/;

/**
 * Returns the commands of the package: the tasks of deno.json that start a module of tasks/, with the
 * permissions that they have there.
 */
export function commandsOf({ tasks }: DenoConfig): Record<string, StartedCommand> {
  const commands: Record<string, StartedCommand> = {};
  for (const [name, { command }] of Object.entries(tasks)) {
    const [, flags, program, word] = STARTS_COMMAND.exec(command) ?? [];
    if (word === name) {
      commands[name] = { flags: flags!.trim().split(" "), program: `${program}.js` };
    }
  }
  return commands;
}

/**
 * Renders the part of the launcher that sets the flags and the program of a command, which is `$1`.
 *
 * @param other what starts for other words
 */
export function renderStarts(
  commands: Readonly<Record<string, StartedCommand>>,
  other: StartedCommand,
): string {
  const starts = Object.entries({ ...commands, "*": other }).map(([name, { flags, program }]) =>
    `  ${name}) flags='${flags.join(" ")}' program=${program} ;;\n`
  );
  return "case ${1-} in\n" + starts.join("") + "esac\n";
}

/**
 * Makes a transpiled module work in the package: names modules as they are called there, and packages
 * as Node.js finds them. Deno ignores `imports` of deno.json below node_modules.
 *
 * @param file the path of the module in the package
 */
export function rewriteImports(code: string, file: string, imports: DenoConfig["imports"]): string {
  // A module that is loaded by a computed name, such as `./${name}.ts`, is a text as well.
  const modules = code.replaceAll(/(["'`])(\.{1,2}\/[^"'`\n]*)\.ts\1/g, "$1$2.js$1");
  return modules.replaceAll(
    /^((?:import|export|\}).*? from |.*\bimport\(|.*\bimport\.meta\.resolve\()"([^".:][^":]*)"/gm,
    (whole, start: string, specifier: string) => {
      const target = packageOf(specifier, imports);
      if (target === undefined) return whole;
      const inside = target.startsWith("./");
      const path = inside ? relative(file.replace(/[^/]*$/, ""), target.slice(2)) : target;
      return `${start}"${path}"`;
    },
  );
}

/** The place of a package that `imports` names: a path that begins with `./`, or a name for Node.js. */
function packageOf(specifier: string, imports: DenoConfig["imports"]): string | undefined {
  // The longest key comes first, as in an import map.
  const entries = Object.entries(imports).sort(([a], [b]) => b.length - a.length);
  for (const [key, value] of entries) {
    if (specifier !== key && !specifier.startsWith(`${key}/`)) continue;
    const rest = specifier.slice(key.length);
    if (!value.startsWith("npm:")) return value + rest;
    const { name, path } = readNpm(value);
    return name + path + rest;
  }
  return undefined;
}

/** Reads a specifier such as `npm:ajv@8.17.1/dist/2020.js`. */
export function readNpm(specifier: string): { name: string; version: string; path: string } {
  const [, name, version, path = ""] = /^npm:((?:@[^/]+\/)?[^@/]+)@([^/]+)(\/.*)?$/.exec(
    specifier,
  )!;
  return { name: name!, version: version!, path };
}

/**
 * Names commands as the user of the installed program types them: `deep-storage run` instead of
 * `deno task run`. Tasks that the package lacks keep their names.
 *
 * @param others the tasks that the package lacks
 */
export function rewriteCommands(text: string, others: readonly string[]): string {
  const installed = new RegExp(`deno task(?! (?:${others.map(RegExp.escape).join("|")})\\b)`, "g");
  let indent = "";
  return text.split("\n").map((line) => {
    const renamed = line.replaceAll(installed, "deep-storage");
    // A synopsis of several lines is aligned with the end of the command's name.
    if (/^(Usage:| {6}) deno task /.test(line)) indent = " ".repeat(renamed.length - line.length);
    else if (!/^ {16,}\S/.test(line)) indent = "";
    else return indent + renamed;
    return renamed;
  }).join("\n");
}

/** Returns the packages of npm that modules import, with the versions in `imports`. */
export function dependenciesOf(
  modules: readonly string[],
  imports: DenoConfig["imports"],
): Record<string, string> {
  const versions = Object.values(imports).filter((value) => value.startsWith("npm:")).map(readNpm);
  const used = (name: string) =>
    modules.some((code) => new RegExp(`"(?:[./]*node_modules/)?${name}(?:/[^"]*)?"`).test(code));
  return Object.fromEntries(
    versions.filter(({ name }) => used(name)).map(({ name, version }) => [name, version]),
  );
}
