/** A permission set of deno.json. */
export type PermissionSet = Readonly<Record<string, Permission>>;

type Permission =
  | boolean
  | readonly string[]
  | { readonly allow: readonly string[]; readonly ignore: boolean };

/**
 * Returns the permissions of a program that has several commands. Each command then drops what it does
 * not need, as it does when it is started with its own permissions.
 */
export function unionOf(sets: readonly PermissionSet[]): PermissionSet {
  const union: Record<string, Permission> = {};
  for (const set of sets) {
    for (const [name, permission] of Object.entries(set)) {
      const other = union[name];
      union[name] = other === undefined ? permission : both(name, other, permission);
    }
  }
  return union;
}

function both(name: string, a: Permission, b: Permission): Permission {
  if (a === true || b === true) return true;
  if (Array.isArray(a) && Array.isArray(b)) return [...new Set([...a, ...b])];
  if (isList(a) && isList(b) && a.ignore === b.ignore) {
    return { allow: [...new Set([...a.allow, ...b.allow])].sort(), ignore: a.ignore };
  }
  throw new Error(`The permission sets of deno.json write ${name} in different ways.`);
}

function isList(value: Permission): value is { allow: readonly string[]; ignore: boolean } {
  return typeof value === "object" && "allow" in value;
}

/**
 * Compiles the package in a folder to an executable for this machine.
 *
 * @param file the executable
 * @throws {Error} it cannot be compiled, for example because Deno's runtime cannot be downloaded
 */
export async function compile(folder: string, file: string): Promise<void> {
  // Only the runtime for executables is downloaded here; npm verifies the digests of the libraries.
  await run("npm", ["ci", "--silent", "--no-audit", "--no-fund"], folder);
  const included = ["checks", "pipeline", "tasks", "manifests", "runbook", "docs", "deno.json"];
  const args = [
    "compile",
    "--quiet",
    "--no-lock",
    "--no-remote",
    "--config=deno.json",
    "-P=executable",
    "--v8-flags=--no-lazy,--heap-growing-percent=50,--min-semi-space-size=4,--max-semi-space-size=8",
    ...included.map((name) => `--include=${name}`),
    `--output=${file}`,
    "tasks/main.js",
  ];
  await run(Deno.execPath(), args, folder).catch((cause) => {
    throw new Error(
      "Cannot make the executable. If the message above is about a download, denort is missing: " +
        "the runtime that Deno downloads for executables. Run this where its host can be " +
        "reached, as .github/workflows/release.yml does, or install the npm package instead.",
      { cause },
    );
  });
}

async function run(program: string, args: string[], cwd: string): Promise<void> {
  const { success } = await new Deno.Command(program, { args, cwd, stdin: "null" }).spawn().status;
  if (!success) throw new Error(`${program} ${args[0]} failed.`);
}
