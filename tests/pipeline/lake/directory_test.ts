import { Failure } from "../../../pipeline/errors.ts";
import { openDirectory } from "../../../pipeline/lake/directory.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { temporaryLake } from "../../support/lakes.ts";

const DIRECTORY_MODULE = new URL("../../../pipeline/lake/directory.ts", import.meta.url).href;
const BODY = new TextEncoder().encode("body");

/** Kills a process while it puts 64 MiB under a key. */
async function killWriter(path: string, key: string): Promise<void> {
  const writer = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--ext=ts",
      `import { openDirectory } from ${JSON.stringify(DIRECTORY_MODULE)};
      const lake = openDirectory(${JSON.stringify({ kind: "directory", path })});
      for (;;) await lake.put(${JSON.stringify(key)}, new Uint8Array(64 << 20), { etag: "none" });`,
    ],
  }).spawn();
  const deadline = Date.now() + 120_000;
  while ((await unpublished(path)).every(({ size }) => size === 0)) {
    assert(Date.now() < deadline, "the writer writes nothing");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  writer.kill("SIGKILL");
  assertEquals((await writer.status).signal, "SIGKILL");
  // On a busy machine, it can be killed between two puts.
  const left = await unpublished(path);
  if (left.some(({ size }) => size > 0)) return;
  for (const each of left) await Deno.remove(each.path);
  await killWriter(path, key);
}

/** The files of `.tmp`, apart from the lock. */
async function unpublished(root: string): Promise<{ path: string; size: number }[]> {
  const files = [];
  try {
    for await (const { name } of Deno.readDir(`${root}/.tmp`)) {
      const path = `${root}/.tmp/${name}`;
      if (name !== "lock") files.push({ path, size: (await Deno.stat(path)).size });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files;
}

Deno.test("directory: shows readers nothing from a killed writer", async () => {
  await using lake = await temporaryLake();
  await lake.put("day/old", BODY);
  await killWriter(lake.path, "day/new");
  assertEquals((await lake.list("")).map(({ key }) => key), ["day/old"]);
  assertEquals(await lake.get("day/new"), undefined);
  assertEquals(await lake.put("day/new", BODY, "absent"), "stored");
});

Deno.test("directory: removes the leftovers of a killed writer after an hour, and not earlier", async () => {
  await using lake = await temporaryLake();
  await killWriter(lake.path, "day/new");
  const [left, ...more] = await unpublished(lake.path);
  assert(left !== undefined && left.size > 0);
  assertEquals(more, []);

  await openDirectory({ kind: "directory", path: lake.path }).put("a", BODY);
  assertEquals((await unpublished(lake.path)).length, 1);
  const twoHoursAgo = Date.now() / 1000 - 7200;
  await Deno.utime(left.path, twoHoursAgo, twoHoursAgo);
  await openDirectory({ kind: "directory", path: lake.path }).put("a", BODY);
  assertEquals(await unpublished(lake.path), []);
});

Deno.test("directory: leaves no temporary file and no empty directory after a put", async () => {
  await using lake = await temporaryLake();
  await lake.put("a/b/c", BODY);
  assertEquals(await lake.put("a/b/c", BODY, "absent"), "conflict");
  assertEquals(await unpublished(lake.path), []);
  await lake.remove("a/b/c");
  assertEquals((await Array.fromAsync(Deno.readDir(lake.path))).map(({ name }) => name), [".tmp"]);
});

Deno.test("directory: frees a body when it is stored, if the caller allows this", async () => {
  await using lake = await temporaryLake();
  const body = new Uint8Array(1000).fill(7);
  const expected = body.slice();
  await lake.put("a", body);
  assertEquals(body, expected);
  await lake.put("b", body, undefined, true);
  assertEquals(body.length, 0);
  for (const key of ["a", "b"]) assertEquals((await lake.get(key))?.bytes, expected);
});

Deno.test("directory: refuses keys that lead outside the directory, and keys that list would not return", async () => {
  await using lake = await temporaryLake();
  for (const key of ["", "/a", "a/", "a//b", "../a", "a/../../b", "a/./b", ".tmp/lock", "a\0b"]) {
    for (const run of [() => lake.get(key), () => lake.put(key, BODY), () => lake.remove(key)]) {
      const failure = await assertRejects(run, Failure, "Use another key.");
      assertEquals(failure.kind, "configuration");
    }
  }
  await assertRejects(() => lake.list("../"), Failure);
  assertEquals(await lake.list(""), []);
});

Deno.test("directory: does not list names that begin with a dot", async () => {
  await using lake = await temporaryLake();
  await lake.put("day/part.parquet", BODY);
  await Deno.writeFile(lake.file("day/.part.parquet.crc"), BODY);
  assertEquals((await lake.list("day/")).map(({ key }) => key), ["day/part.parquet"]);
});

Deno.test("directory: treats a directory that does not exist as empty", async () => {
  await using parent = await temporaryLake();
  const lake = openDirectory({ kind: "directory", path: `${parent.path}/not/yet` });
  assertEquals(await lake.list(""), []);
  assertEquals(await lake.get("a"), undefined);
  await lake.remove("a");
  assertEquals(await parent.list(""), []);
  assertEquals(await lake.put("a", BODY, "absent"), "stored");
});

Deno.test("directory: reports a path that leads through a file", async () => {
  await using parent = await temporaryLake();
  await parent.put("file", BODY);
  const lake = openDirectory({ kind: "directory", path: `${parent.path}/file/lake` });
  for (
    const run of [
      () => lake.get("a"),
      () => lake.put("a", BODY),
      () => lake.put("a", BODY, "absent"),
      () => lake.list(""),
      () => lake.remove("a"),
    ]
  ) {
    const { kind, message } = await assertRejects(run, Failure);
    assertEquals(kind, "configuration");
    assertStringIncludes(message, lake.name);
    assertStringIncludes(message, "set LAKE_URL to another directory");
  }
});

Deno.test("directory: refuses a name that is too long, and leaves nothing behind", async () => {
  await using lake = await temporaryLake();
  const failure = await assertRejects(() => lake.put("n".repeat(300), BODY), Failure, "too long");
  assertEquals(failure.kind, "configuration");
  assertEquals(await unpublished(lake.path), []);
});

/** Holds the lock of a lake until the caller releases it. */
async function holdLock(root: string): Promise<Disposable> {
  await Deno.mkdir(`${root}/.tmp`, { recursive: true });
  const file = await Deno.open(`${root}/.tmp/lock`, { write: true, create: true });
  await file.lock(true);
  return { [Symbol.dispose]: () => file.close() };
}

Deno.test("directory: reports once that a writer waits for another one, and then continues", async () => {
  await using lake = await temporaryLake();
  const lock = await holdLock(lake.path);
  const said: string[] = [];
  const onWait = (text: string) => {
    said.push(text);
    lock[Symbol.dispose]();
  };
  const waiting = openDirectory({ kind: "directory", path: lake.path }, undefined, onWait, {
    tell: 50,
    giveUp: 60_000,
  });
  assertEquals(await waiting.put("day/a", BODY, "absent"), "stored");
  assertEquals(said, [`waiting for another run to release ${lake.path}/.tmp/lock`]);
});

Deno.test("directory: gives up on a lock that stays held, names the lock, and leaves nothing behind", async () => {
  await using lake = await temporaryLake();
  await lake.put("day/a", BODY);
  using _ = await holdLock(lake.path);
  const hasty = openDirectory({ kind: "directory", path: lake.path }, undefined, undefined, {
    tell: 10,
    giveUp: 30,
  });
  for (const run of [() => hasty.put("day/b", BODY, "absent"), () => hasty.remove("day/a")]) {
    const { kind, message } = await assertRejects(run, Failure, `lsof ${lake.path}/.tmp/lock`);
    assertEquals(kind, "unreachable", message);
  }
  assertEquals(await unpublished(lake.path), []);
  assertEquals((await lake.list("")).map(({ key }) => key), ["day/a"]);
});

Deno.test("directory: gives up on many puts at the same time, and stores them in one wait after the release", async () => {
  await using lake = await temporaryLake();
  await lake.put("day/a", BODY);
  const said: string[] = [];
  const open = (giveUp: number) =>
    openDirectory({ kind: "directory", path: lake.path }, undefined, (text) => said.push(text), {
      tell: 0,
      giveUp,
    });
  const keys = Array.from({ length: 32 }, (_, i) => `day/${i}`);
  {
    using _ = await holdLock(lake.path);
    const hasty = open(30);
    const results = await Promise.allSettled(keys.map((key) => hasty.put(key, BODY)));
    assertEquals(results.map(({ status }) => status), keys.map(() => "rejected"));
  }
  said.length = 0;
  const patient = open(60_000);
  await Promise.all(keys.map((key) => patient.put(key, BODY)));
  // A put waits for no other put of the same run. It can wait for a process that another test starts:
  // until the program of this process is loaded, it has all files of this one, and so the lock.
  assert(said.length < keys.length / 2, `${said.length} puts waited`);
  assertEquals((await lake.list("day/")).length, 33);
});

Deno.test("directory: does not count the time in which another put of the same run holds the lock", async () => {
  await using lake = await temporaryLake();
  const directory = { kind: "directory", path: lake.path } as const;
  const writer = openDirectory(directory, undefined, undefined, { tell: 500, giveUp: 1_000 });
  await writer.put("day/first", BODY);
  // One put holds the lock until the other one waits, for two seconds. Then another run has the lock.
  const bothWait = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  let [calls, now] = [0, 0];
  using _clock = replaced(Date, "now", () => {
    if (++calls === 2) bothWait.resolve();
    return now;
  });
  const answers = [true, false, true];
  using _lock = replaced(Deno.FsFile.prototype, "tryLock", async () => {
    asked.resolve();
    await bothWait.promise;
    now = 2_000;
    return answers.shift()!;
  });
  const first = writer.put("day/a", BODY, "absent");
  await asked.promise; // two puts that wait at the same time take the lock together
  assertEquals(await writer.put("day/b", BODY, "absent"), "stored");
  assertEquals(await first, "stored");
  assertEquals(answers, []);
});

Deno.test("directory: puts that wait take the lock together, and one that fails stops no other one", async () => {
  await using lake = await temporaryLake();
  const writer = openDirectory({ kind: "directory", path: lake.path });
  await writer.put("day/there", BODY);
  await writer.put("day/folder/a", BODY);
  const keys = ["day/a", "day/there", "day/folder", "day/b", "day/c"];
  // The put that comes first holds the lock until the others wait.
  const allWait = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  let [calls, locks] = [0, 0];
  const { now } = Date;
  using _clock = replaced(Date, "now", () => {
    if (++calls === keys.length) allWait.resolve();
    return now();
  });
  const { tryLock } = Deno.FsFile.prototype;
  using _lock = replaced(Deno.FsFile.prototype, "tryLock", async function (this: Deno.FsFile, own) {
    locks++;
    asked.resolve();
    await allWait.promise;
    return await tryLock.call(this, own);
  });
  const put = (key: string) => writer.put(key, BODY, "absent");
  const first = put(keys[0]!);
  await asked.promise;
  const results = await Promise.allSettled([first, ...keys.slice(1).map(put)]);
  assertEquals(
    results.map((result) => result.status === "fulfilled" ? result.value : "failed"),
    ["stored", "conflict", "failed", "stored", "stored"],
  );
  assertEquals(locks, 2);
  assertEquals(await unpublished(lake.path), []);
});

/** Replaces a method until the end of the block. */
function replaced<T, K extends keyof T>(object: T, name: K, method: T[K]): Disposable {
  const original = object[name];
  object[name] = method;
  return { [Symbol.dispose]: () => void (object[name] = original) };
}

Deno.test("directory: stops a waiting writer when the signal aborts", async () => {
  await using lake = await temporaryLake();
  using _ = await holdLock(lake.path);
  const stop = new AbortController();
  const late = new Failure({
    kind: "unreachable",
    task: "wait any longer",
    problem: "the deadline has passed",
    remedy: "Run again.",
  });
  const onWait = () => stop.abort(late);
  const waiting = openDirectory({ kind: "directory", path: lake.path }, stop.signal, onWait, {
    tell: 20,
    giveUp: 60_000,
  });
  assertEquals(await assertRejects(() => waiting.put("a", BODY), Failure), late);
});

Deno.test("directory: names a folder in the place of an object, and does not report another run", async () => {
  await using lake = await temporaryLake();
  await Deno.mkdir(lake.file("day/_commit.json"), { recursive: true });
  for (const condition of [undefined, "absent", { etag: "0" }] as const) {
    const { kind, message } = await assertRejects(
      () => lake.put("day/_commit.json", BODY, condition),
      Failure,
      `Move ${lake.path}/day/_commit.json away`,
    );
    assertEquals(kind, "configuration", message);
  }
  assertEquals(await lake.get("day/_commit.json"), undefined);
  assertEquals(await unpublished(lake.path), []);
});

/** Uses a lake as a user without write permission, in another process, because root may write anywhere. */
async function asStranger(path: string): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "stranger-" });
  const pipeline = new URL("../../../pipeline/", import.meta.url);
  await Deno.mkdir(`${folder}/pipeline/lake`, { recursive: true });
  for (
    const name of [
      "errors.ts",
      "shell.ts",
      "lake/directory.ts",
      "lake/directory_errors.ts",
      "lake/object_memory.ts",
    ]
  ) {
    await Deno.copyFile(new URL(name, pipeline), `${folder}/pipeline/${name}`);
  }
  await Deno.writeTextFile(
    `${folder}/main.ts`,
    `import { openDirectory } from "./pipeline/lake/directory.ts";
    const lake = openDirectory({ kind: "directory", path: Deno.args[0] });
    const body = new Uint8Array(1);
    const works = [() => lake.put("day/b", body), () => lake.put("day/b", body, "absent"),
      () => lake.remove("day/a"), () => lake.get("day/a"), () => lake.list("")];
    for (const work of works) {
      await work().then(() => console.log("done"), (e) => console.log(e.name, e.kind, e.message));
    }`,
  );
  const stranger = Deno.uid() === 0 ? { uid: 65534, gid: 65534 } : {};
  if (Deno.uid() === 0) await Deno.chown(folder, 65534, 65534);
  // The stranger cannot run a file below a home that only its owner can enter.
  const deno = `${folder}/deno`;
  await Deno.copyFile(Deno.execPath(), deno);
  const { stdout, stderr } = await new Deno.Command(deno, {
    args: ["run", "-q", "-A", "--no-check", "--no-config", `${folder}/main.ts`, path],
    env: { DENO_DIR: `${folder}/cache`, HOME: folder },
    cwd: folder,
    ...stranger,
  }).output();
  await Deno.remove(folder, { recursive: true });
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return said.trim().split("\n");
}

Deno.test("directory: says what to do when the user may not write to the directory", async () => {
  await using lake = await temporaryLake();
  await lake.put("day/a", BODY);
  const folders = [lake.path, lake.file("day"), lake.file(".tmp")];
  for (const folder of folders) await Deno.chmod(folder, 0o555);
  const [put, create, remove, get, list] = await asStranger(lake.path);
  for (const said of [put, create, remove]) {
    assertStringIncludes(said!, "Failure configuration Cannot ");
    assertStringIncludes(said!, "permission denied (EACCES). Give this user write permission");
  }
  assertEquals([get, list], ["done", "done"]);
  // The inner folders first: only root reaches them when the outer one is closed.
  for (const folder of folders.toReversed()) await Deno.chmod(folder, 0o000);
  for (const said of await asStranger(lake.path)) {
    assertStringIncludes(said, "Failure configuration Cannot ");
  }
  for (const folder of folders) await Deno.chmod(folder, 0o755);
});
