// The files that a build copies from its context.

/** A Dockerfile, and the files that can be in the context of its build. */
export interface Context {
  /** The file of the Dockerfile. */
  readonly dockerfile: string;
  /** The files of the manifests' directory, relative to the working directory. */
  readonly names: readonly string[];
}

/** The ending of a single file. */
const FILE =
  /\.(py|jar|egg|whl|zip|tar|tgz|gz|bz2|xz|zst|R|sh|sql|ya?ml|json|txt|toml|conf|cfg|properties|xml|avsc|jks|pem)$/;

/**
 * The files whose absence a folder can show, because people write them. A build makes archives, and
 * configuration is often not in the repository.
 */
const WRITTEN = ".py";

/**
 * Returns whether a source of COPY brings a file into the target.
 *
 * A file that is not there counts as absent only if it is a Python file, and the copied folder has
 * other ones. The files of the whole context are not known, because its folder can be above the
 * manifests.
 *
 * @param below the path of the file below the target
 * @returns undefined if the files do not show it
 */
export function isCopied(source: string, below: string, context: Context): boolean | undefined {
  const plain = source.replace(/^\.?\/+/, "").replace(/\/*\.?$/, "");
  const name = plain.slice(plain.lastIndexOf("/") + 1);
  if (/[*?[]/.test(plain)) return isMatched(plain, below, context);
  if (name === below) return true;
  // A single file can be copied to a name, which is no folder then.
  if (FILE.test(name)) return false;
  const copied = contextsOf(context.dockerfile).map((each) =>
    `${each}${plain === "" ? "" : `${plain}/`}`
  );
  const { names } = context;
  if (copied.some((start) => names.includes(`${start}${below}`))) return true;
  if (plain === "" || !below.endsWith(WRITTEN)) return undefined;
  const others = copied.some((start) =>
    names.some((each) => each.startsWith(start) && each.endsWith(WRITTEN))
  );
  return others ? false : undefined;
}

/** Returns whether a pattern matches a file; undefined if the files do not show it. */
function isMatched(
  pattern: string,
  below: string,
  { dockerfile, names }: Context,
): boolean | undefined {
  const text = pattern.replaceAll(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  let matching: RegExp;
  try {
    matching = new RegExp(`^(?:${text})(?:/(.+))?$`);
  } catch {
    return undefined;
  }
  const found = contextsOf(dockerfile).flatMap((context) =>
    names.filter((each) => each.startsWith(context)).flatMap((each) => {
      const own = each.slice(context.length);
      const match = matching.exec(own);
      // The content of a folder is copied, and a file by its name.
      return match === null ? [] : [match[1] ?? own.slice(own.lastIndexOf("/") + 1)];
    })
  );
  if (found.includes(below)) return true;
  if (!pattern.includes("/") || !below.endsWith(WRITTEN)) return undefined;
  return found.some((each) => each.endsWith(WRITTEN)) ? false : undefined;
}

/** The folders that a build can read: that of the Dockerfile, and those above it. */
function contextsOf(dockerfile: string): string[] {
  const folders = dockerfile.split("/").slice(0, -1);
  return [...folders.map((_, i) => `${folders.slice(0, i + 1).join("/")}/`), ""];
}
