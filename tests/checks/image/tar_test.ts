import { bytesOf, whole } from "../../../checks/image/byte_stream.ts";
import { Malformed } from "../../../checks/image/image_errors.ts";
import { normalizePath, tarEntries } from "../../../checks/image/tar.ts";
import { assertEquals, assertRejects } from "../../support/assert.ts";
import { joined, tarHeader, tarOf } from "../../support/images.ts";

async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield await bytes.subarray(at, at + size);
}

/** Lists the entries of a tar file: type, path, and link target or content. */
async function listed(tar: Uint8Array, size = 1000): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of tarEntries(bytesOf(inPieces(tar, size)))) {
    const body = new TextDecoder().decode(await whole(entry.chunks(), 1e6));
    found.push([entry.type, entry.path, entry.target || body].filter((each) => each).join(" "));
  }
  return found;
}

async function run(dir: string, program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, cwd: dir }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Creates files of all kinds in a new folder. */
async function someFiles(): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "tar-" });
  const deep = `${"a-long-name/".repeat(12)}end`;
  await Deno.mkdir(`${dir}/root/${deep}`, { recursive: true });
  await Deno.writeTextFile(`${dir}/root/${deep}/${"x".repeat(120)}.jar`, "jar");
  await Deno.writeTextFile(`${dir}/root/b-ümläut.py`, "py");
  await Deno.symlink(`/${"y".repeat(150)}`, `${dir}/root/symlink`);
  await Deno.link(`${dir}/root/b-ümläut.py`, `${dir}/root/c-hard`);
  await Deno.writeTextFile(`${dir}/root/empty`, "");
  // More data pieces between holes than fit into one header.
  using sparse = await Deno.open(`${dir}/root/sparse`, { create: true, write: true });
  for (let at = 0; at < 30; at++) {
    await sparse.seek(at * 300_000, Deno.SeekMode.Start);
    await sparse.write(new TextEncoder().encode("data"));
  }
  return dir;
}

for (const form of ["gnu", "posix"]) {
  Deno.test(`tarEntries: reads the ${form} format of the tar program with long names, links and holes`, async () => {
    const dir = await someFiles();
    try {
      const args = ["--sort=name", `--format=${form}`, "--sparse", "-C", "root"];
      await run(dir, "tar", "-cf", "all.tar", ...args, ".");
      const found = (await listed(await Deno.readFile(`${dir}/all.tar`), 700))
        .filter((line) => !line.startsWith("folder"));
      const deep = `${"a-long-name/".repeat(12)}end/${"x".repeat(120)}.jar`;
      assertEquals(found.map((line) => line.replace(/^(file sparse).*/s, "$1")), [
        `file ${deep} jar`,
        "file b-ümläut.py py",
        "hardlink c-hard b-ümläut.py",
        "file empty",
        "file sparse",
        `symlink symlink /${"y".repeat(150)}`,
      ]);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

for (const form of ["ustar", "v7", "oldgnu"]) {
  Deno.test(`tarEntries: reads the ${form} format of the tar program`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "tar-" });
    try {
      const long = form === "v7" ? "short" : `${"folder/".repeat(12)}and/then`;
      await Deno.mkdir(`${dir}/root/${long}`, { recursive: true });
      await Deno.writeTextFile(`${dir}/root/${long}/a.jar`, "jar");
      await run(dir, "tar", "-cf", "all.tar", `--format=${form}`, "-C", "root", ".");
      const found = await listed(await Deno.readFile(`${dir}/all.tar`), 1);
      assertEquals(found.at(-1), `file ${long}/a.jar jar`);
      assertEquals(found.slice(0, -1).every((line) => line.startsWith("folder")), true);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

Deno.test("tarEntries: skips unread content", async () => {
  const tar = tarOf({ a: "1".repeat(5000), "b/": "", c: "2" });
  const names: string[] = [];
  for await (const { path, size } of tarEntries(bytesOf(inPieces(tar, 300)))) {
    names.push(`${path} ${size}`);
  }
  assertEquals(names, ["a 5000", "b 0", "c 1"]);
});

/** Returns a POSIX extended header for the next entry. */
function extended(records: string): Uint8Array {
  const body = new TextEncoder().encode(records);
  return joined([tarHeader("x", "x", body.length), body, new Uint8Array(-body.length & 511)]);
}

Deno.test("tarEntries: applies an extended header to the next entry only", async () => {
  const tar = joined([
    extended("14 path=a=b/c\n15 comment=no\n\n"),
    extended("9 size=3\n"),
    tarHeader("short", "0", 0),
    new TextEncoder().encode("abc".padEnd(512, "\0")),
    extended("14 linkpath=q\n"),
    tarHeader("link", "2", 0, "p"),
    tarHeader("next", "0", 0),
    new Uint8Array(1024),
  ]);
  assertEquals(await listed(tar), ["file a=b/c abc", "symlink link q", "file next"]);
});

Deno.test("tarEntries reads a size in base 256, which GNU tar writes from 8 GiB on", async () => {
  const header = withField(tarHeader("large", "0", 0), 124, `\x80${"\0".repeat(9)}\x01\x02`);
  const content = "x".repeat(258);
  const tar = joined([
    header,
    new TextEncoder().encode(content.padEnd(512, "\0")),
    tarHeader("next", "0", 0),
  ]);
  assertEquals(await listed(tar), [`file large ${content}`, "file next"]);
  const gibibytes = withField(
    tarHeader("huge", "0", 0),
    124,
    `\x80${"\0".repeat(6)}\x02${"\0".repeat(3)}\x01`,
  );
  for await (const { size } of tarEntries(bytesOf(inPieces(gibibytes, 512)))) {
    assertEquals(size, 2 * 2 ** 32 + 1);
    break;
  }
});

Deno.test("tarEntries: reads no content for a link, whatever its size field", async () => {
  const tar = joined([
    tarHeader("a", "2", 600, "b"),
    tarHeader("c/", "5", 9),
    tarHeader("d", "0", 0),
  ]);
  assertEquals(await listed(tar), ["symlink a b", "folder c", "file d"]);
});

Deno.test("tarEntries: reads the ustar prefix of a long path, where GNU stores times", async () => {
  const posix = withField(tarHeader("a.jar", "0", 0), 345, "opt/spark/jars");
  const gnu = withField(
    withField(tarHeader("b.jar", "0", 0), 257, "ustar  \0"),
    345,
    "14000000000",
  );
  assertEquals(await listed(joined([posix, gnu])), ["file opt/spark/jars/a.jar", "file b.jar"]);
});

Deno.test("tarEntries: keeps every path inside the root", () => {
  assertEquals(normalizePath("./a//b/./c/"), "a/b/c");
  assertEquals(normalizePath("/etc/passwd"), "etc/passwd");
  assertEquals(normalizePath("../../a/../../b"), "b");
  assertEquals(normalizePath("./"), "");
});

const FILE = tarOf({ "opt/a.jar": "x".repeat(600) });
const changed = (at: number, ...values: number[]) => {
  const copy = FILE.slice();
  copy.set(values, at);
  return copy;
};

for (
  const [name, tar, words] of [
    ["text", new TextEncoder().encode("no tar ".repeat(100)), "not a tar file, or is damaged"],
    ["a tar file truncated in a header", FILE.subarray(0, 300), "in the middle of a header"],
    ["a tar file truncated in a file", FILE.subarray(0, 700), "in the middle of a file"],
    ["a tar file truncated in the padding", FILE.subarray(0, 1200), "in the middle of a file"],
    ["a header with a changed byte", changed(3, 0x58), "not a tar file, or is damaged"],
    ["an invalid size", withSize("x".repeat(11)), "an entry with an invalid size"],
    ["a size beyond all limits", withSize("\xff".repeat(12)), "an entry with an invalid size"],
    ["a truncated extended header", extended("99 path=a\n"), "damaged extended header"],
    ["an extended header without length", extended("path=a\n"), "damaged extended header"],
    ["an extended header of length 0", extended("0 path=a\n"), "damaged extended header"],
    ["an invalid extended size", extended("11 size=-1\n"), "an entry with an invalid size"],
    [
      "an endless header",
      tarHeader("x", "x", 2 ** 30),
      "an extended header of 1073741824 bytes",
    ],
    ["an endless path", joined([longName(5000), tarHeader("a", "0", 0)]), "a path of more than"],
  ] as const
) {
  Deno.test(`tarEntries: reports ${name}`, async () => {
    await assertRejects(() => listed(tar), Malformed, words);
  });
}

Deno.test("tarEntries: accepts a tar file without its final blocks, and an empty file", async () => {
  assertEquals(await listed(FILE.subarray(0, -1024)), [`file opt/a.jar ${"x".repeat(600)}`]);
  assertEquals(await listed(new Uint8Array(0)), []);
});

function withSize(text: string): Uint8Array {
  return withField(tarHeader("a", "0", 0), 124, text);
}

/** Returns a header with one field changed and a matching checksum. */
function withField(header: Uint8Array, at: number, text: string): Uint8Array {
  header.set([...text].map((each) => each.charCodeAt(0)), at);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return header;
}

function longName(length: number): Uint8Array {
  const size = Math.ceil(length / 512) * 512;
  const body = new Uint8Array(size).fill(0x61, 0, length);
  return joined([tarHeader("././@LongLink", "L", length), body]);
}
