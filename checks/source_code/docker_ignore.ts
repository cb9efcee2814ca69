/**
 * Returns whether a file `.dockerignore` leaves a path out of the context of a build. The last pattern
 * that matches the path or a folder above it decides.
 *
 * @param path the path in the context of the build, as in `jobs/etl.py`
 * @param text the text of the file: a pattern in each line
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isIgnored } from "./docker_ignore.ts";
 * assertEquals(isIgnored("jobs/etl.py", "jobs\n!jobs/etl.py"), false);
 * assertEquals(isIgnored("jobs/other.py", "jobs\n!jobs/etl.py"), true);
 * ```
 */
export function isIgnored(path: string, text: string): boolean {
  let isLeftOut = false;
  for (const line of text.split(/\r?\n/)) {
    const pattern = line.trim();
    if (pattern === "" || pattern.startsWith("#")) continue;
    const isKept = pattern.startsWith("!");
    if (matches(pattern.slice(isKept ? 1 : 0).trim(), path)) isLeftOut = !isKept;
  }
  return isLeftOut;
}

/** Returns whether a pattern matches a path or a folder above it. */
function matches(pattern: string, path: string): boolean {
  const plain = pattern.replace(/^\.?\/+/, "").replace(/\/+$/, "");
  if (plain === "" || plain === ".") return false;
  const parts = plain.match(/\*\*\/?|\*|\?|\[[^\]]*\]|\\.|[^*?[\\]+/g) ?? [];
  const text = parts.map((part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.startsWith("[")) return part;
    return part.replace(/^\\(.)$/, "$1").replaceAll(/[.+^${}()|\\\]]/g, "\\$&");
  }).join("");
  try {
    return new RegExp(`^${text}(?:/.*)?$`).test(path);
  } catch {
    return false;
  }
}
