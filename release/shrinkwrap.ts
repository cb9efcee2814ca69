/** What deno.lock records about a package of npm. */
interface LockedPackage {
  readonly integrity: string;
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  /** Whether the package has an install script. */
  readonly scripts?: boolean;
}

/** The packages of a deno.lock, by name and version. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

/** A package at its place in node_modules, as npm records it. npm takes it from its registry. */
interface PlacedPackage {
  readonly version: string;
  readonly integrity: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly hasInstallScript?: true;
  optional?: true;
}

/** The content of npm-shrinkwrap.json. */
export interface Shrinkwrap {
  readonly name: string;
  readonly version: string;
  readonly lockfileVersion: 3;
  readonly requires: true;
  readonly packages: Readonly<Record<string, Root | PlacedPackage>>;
}

/** The fields of package.json that npm-shrinkwrap.json repeats. */
export interface Root {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** The exact version of each dependency. */
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

/**
 * Makes the npm-shrinkwrap.json of a package, so that npm installs the versions of deno.lock and
 * verifies their digests.
 *
 * A package is placed in the outermost folder, or inside the package that needs it if the outermost
 * folder has another version.
 *
 * @throws {Error} deno.lock lacks a dependency
 */
export function shrinkwrapOf(root: Root, locked: LockedPackages): Shrinkwrap {
  const placed = new Map<string, PlacedPackage>();
  const keys = Object.keys(locked);

  const keyOf = (wanted: string): string => {
    if (wanted in locked) return wanted;
    const [key, second] = keys.filter((each) =>
      nameOf(each) === wanted || each.startsWith(`${wanted}_`)
    );
    if (key !== undefined && second === undefined) return key;
    throw new Error(`deno.lock has no single version of ${wanted}. Run deno install.`);
  };

  /** Returns where a package that lies in `folder` finds `name`. */
  const find = (folder: string, name: string): string | undefined => {
    for (let at = folder;; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
      const path = join(at, name);
      if (placed.has(path)) return path;
      if (at === "") return undefined;
    }
  };

  const waiting: { folder: string; wanted: string; optional: boolean }[] = [];
  const need = (folder: string, list: readonly string[], optional: boolean) => {
    for (const wanted of list) waiting.push({ folder, wanted, optional });
  };
  const listed = (of: Root["dependencies"] = {}) =>
    Object.entries(of).map((pair) => pair.join("@"));
  need("", listed(root.dependencies), false);
  need("", listed(root.optionalDependencies), true);
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const key = keyOf(next.wanted);
    const [name, version] = [nameOf(key), versionOf(key)];
    const found = find(next.folder, name);
    if (found !== undefined && placed.get(found)!.version === version) {
      if (next.optional || placed.get(found)!.optional === undefined) continue;
      // A package that is not optional needs this one, so its dependencies are not optional either.
      delete placed.get(found)!.optional;
      need(found, locked[key]!.dependencies ?? [], false);
      continue;
    }
    const path = join(found === undefined ? "" : next.folder, name);
    const optionals = locked[key]!.optionalDependencies ?? [];
    const dependencies = (locked[key]!.dependencies ?? []).filter((each) =>
      !optionals.includes(each)
    );
    placed.set(path, {
      ...packageOf(key, locked[key]!, dependencies.map(keyOf), optionals.map(keyOf)),
      ...(next.optional ? { optional: true } : {}),
    });
    need(path, dependencies, next.optional);
    need(path, optionals, true);
  }
  const packages = [...placed].sort(([a], [b]) => a < b ? -1 : 1);
  const { name, version } = root;
  return {
    name,
    version,
    lockfileVersion: 3,
    requires: true,
    packages: { "": root, ...Object.fromEntries(packages) },
  };
}

/**
 * Makes every package of the outermost folder a dependency, with its exact version. npm reads the
 * npm-shrinkwrap.json of a package from a registry, but not of a file. With these dependencies, it
 * installs the versions of deno.lock from a file, too.
 */
export function pin({ packages }: Shrinkwrap): Root {
  const { dependencies: _, ...root } = packages[""] as Root;
  const required: Record<string, string> = {};
  const optional: Record<string, string> = {};
  for (const [path, placed] of Object.entries(packages)) {
    const [, name, ...inside] = path.split(/(?:^|\/)node_modules\//);
    if (name === undefined || inside.length > 0) continue;
    const list = (placed as PlacedPackage).optional ? optional : required;
    list[name] = placed.version;
  }
  return { ...root as Root, dependencies: required, optionalDependencies: optional };
}

function packageOf(
  key: string,
  { integrity, os, cpu, scripts }: LockedPackage,
  dependencies: readonly string[],
  optionals: readonly string[],
): PlacedPackage {
  return {
    version: versionOf(key),
    integrity,
    ...(dependencies.length > 0 ? { dependencies: versionsOf(dependencies) } : {}),
    ...(optionals.length > 0 ? { optionalDependencies: versionsOf(optionals) } : {}),
    ...(os === undefined ? {} : { os }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(scripts ? { hasInstallScript: true } : {}),
  };
}

function versionsOf(keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [nameOf(key), versionOf(key)]));
}

function join(folder: string, name: string): string {
  return `${folder}${folder === "" ? "" : "/"}node_modules/${name}`;
}

/** The name in a key such as `@aws-sdk/core@3.981.0`. */
function nameOf(key: string): string {
  return key.slice(0, key.indexOf("@", 1));
}

/** The version in a key. After `_`, deno.lock names the versions of peers. */
function versionOf(key: string): string {
  return key.slice(key.indexOf("@", 1) + 1).split("_")[0]!;
}
