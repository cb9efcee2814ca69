import type { TarEntry } from "./tar.ts";

/**
 * What is wrong with a jar: it has no bytes, it is not a ZIP file, such as a page of HTML, or a part
 * of it is missing, as after a download that stopped.
 */
export type JarDamage = "empty" | "no-zip" | "cut";

/** The length of the record at the end of a ZIP file, without its comment. */
const END_RECORD = 22;

/** The longest end of a ZIP file: the record with the longest comment. */
const MOST_END = END_RECORD + 0xffff;

/** Looks at the beginning and the end of a jar, which is a ZIP file with its directory at the end. */
export async function damageIn(
  { path, type, size, chunks }: TarEntry,
): Promise<JarDamage | undefined> {
  if (type !== "file" || !path.endsWith(".jar")) return undefined;
  if (size === 0) return "empty";
  const start: number[] = [];
  const end = new Uint8Array(Math.min(size, MOST_END));
  const before = size - end.length;
  let at = 0;
  for await (const part of chunks()) {
    start.push(...part.subarray(0, 2 - start.length));
    if (start.length === 2 && (start[0] !== 0x50 || start[1] !== 0x4b)) return "no-zip";
    const skipped = Math.max(before - at, 0);
    if (skipped < part.length) end.set(part.subarray(skipped), at + skipped - before);
    at += part.length;
  }
  if (start.length < 2) return "no-zip";
  return hasDirectory(end, before) ? undefined : "cut";
}

/** Returns whether the end of a ZIP file has a record whose directory is before the record. */
function hasDirectory(end: Uint8Array, before: number): boolean {
  const view = new DataView(end.buffer);
  for (let at = end.length - END_RECORD; at >= 0; at--) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    const [size, offset] = [view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
    // A large file has these numbers in a record before this one.
    const isLarge = size === 0xffffffff || offset === 0xffffffff;
    if (isLarge || offset + size <= before + at) return true;
  }
  return false;
}
