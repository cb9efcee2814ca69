// The files that a build copies from its context.

import type { BuildFiles } from "../../facts/build_files.ts";
import { isIgnored } from "../../source_code/docker_ignore.ts";

/** A Dockerfile, and the files that can be in the context of its build. */
export interface Context {
  /** The file of the Dockerfile. */
  readonly dockerfile: string;
  /** The files that builds can read. */
  readonly files: BuildFiles;
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
 * How a source of COPY brings a file into the target:
 *
 * - `there`: it does
 * - `left out`: `.dockerignore` leaves the file out of the build
 * - `missing`: the folder, or the files that match the pattern, do not include the file
 * - `other`: the source is another file
 * - `unknown`: the files do not show it
 */
export type Copied = "there" | "left out" | "missing" | "other" | "unknown";

/**
 * Returns how a source of COPY brings a file into the target.
 *
 * A file that is not there counts as absent only if it is a Python file, and the copied folder has
 * other ones. The files of the whole context are not known, because its folder can be above the
 * manifests.
 *
 * @param below the path of the file below the target
 */
export function howCopied(source: string, below: string, context: Context): Copied {
  const plain = plainSource(source);
  const name = plain.slice(plain.lastIndexOf("/") + 1);
  if (/[*?[]/.test(plain)) return howMatched(plain, below, context);
  const isFile = name === below;
  // A single file can be copied to a name, which is no folder then.
  if (!isFile && FILE.test(name)) return "other";
  const copied = isFile ? plain : plain === "" ? below : `${plain}/${below}`;
  const seen = inContexts(copied, context);
  if (seen === "there") return "there";
  const isAbove = context.files.above.includes(plain.split("/")[0]!);
  if (seen === "left out") return isAbove ? "unknown" : "left out";
  if (isFile) return "there";
  if (plain === "" || isAbove || !below.endsWith(WRITTEN)) return "unknown";
  const others = contextsOf(context).some((each) =>
    each.names.some((file) => file.startsWith(`${plain}/`) && file.endsWith(WRITTEN))
  );
  return others ? "missing" : "unknown";
}

/** A source of COPY without `./` and the slash at its end; empty for the whole context. */
export function plainSource(source: string): string {
  return source.replace(/^\.?\/+/, "").replace(/\/*\.?$/, "");
}

/**
 * Whether a file or folder is in a context of a build: `there`, or `left out` by `.dockerignore` in each
 * context that has it. Undefined if no context is known to have it.
 */
export function inContexts(path: string, context: Context): "there" | "left out" | undefined {
  const isIn = (names: readonly string[]) =>
    names.some((each) => each === path || each.startsWith(`${path}/`));
  const having = contextsOf(context).filter(({ all }) => isIn(all));
  if (having.length === 0) return undefined;
  return having.some(({ names }) => isIn(names)) ? "there" : "left out";
}

/** Returns how a pattern of COPY brings a file into the target. */
function howMatched(pattern: string, below: string, context: Context): Copied {
  const matching = expressionOf(pattern);
  if (matching === undefined) return "unknown";
  const matched = (names: readonly string[]) =>
    names.flatMap((own) => {
      const match = matching.exec(own);
      // The content of a folder is copied, and a file by its name.
      return match === null ? [] : [match[2] ?? own.slice(own.lastIndexOf("/") + 1)];
    });
  const contexts = contextsOf(context);
  const found = contexts.flatMap(({ names }) => matched(names));
  if (found.includes(below)) return "there";
  if (context.files.above.includes(pattern.split("/")[0]!)) return "unknown";
  if (contexts.some(({ all }) => matched(all).includes(below))) return "left out";
  if (!pattern.includes("/") || !below.endsWith(WRITTEN)) return "unknown";
  return found.some((each) => each.endsWith(WRITTEN)) ? "missing" : "unknown";
}

/** The names that a pattern of COPY matches, with the rest of the path; undefined for a wrong pattern. */
function expressionOf(pattern: string): RegExp | undefined {
  const text = pattern.replaceAll(/[.+^${}()|\\]/g, "\\$&").replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  try {
    return new RegExp(`^(${text})(?:/(.+))?$`);
  } catch {
    return undefined;
  }
}

/**
 * Returns how many files and folders a source of COPY matches at least: the number in the context with
 * the fewest of those that have any; 0 without such a context.
 */
export function matchesOf(source: string, context: Context): number {
  const matching = expressionOf(plainSource(source));
  if (matching === undefined) return 0;
  const counts = contextsOf(context).map(({ names }) =>
    new Set(names.flatMap((each) => matching.exec(each)?.[1] ?? [])).size
  );
  return counts.filter((each) => each > 0).sort((a, b) => a - b)[0] ?? 0;
}

/** The contexts that a build can have, each with all its files, and with those that it reads. */
function contextsOf({ dockerfile, files: { listing, texts } }: Context): {
  readonly all: readonly string[];
  readonly names: readonly string[];
}[] {
  const folders = dockerfile.split("/").slice(0, -1);
  const starts = [...folders.map((_, i) => `${folders.slice(0, i + 1).join("/")}/`), ""];
  const textOf = (file: string) => texts.find((each) => each.file === file)?.text;
  return starts.map((start) => {
    const all = listing.filter((each) => each.startsWith(start))
      .map((each) => each.slice(start.length));
    const text = textOf(`${dockerfile}.dockerignore`) ?? textOf(`${start}.dockerignore`);
    return { all, names: text === undefined ? all : all.filter((each) => !isIgnored(each, text)) };
  });
}
