import { assert, assertEquals } from "../support/assert.ts";
import { lock } from "./keeper.ts";

// The lock of a keeper: at most one keeper per name, also when another one has just ended.

interface Place extends AsyncDisposable {
  readonly path: string;
  /** Opens the file and locks it, as a keeper or as a process that only looks. */
  hold(exclusive: boolean): Promise<Deno.FsFile>;
}

async function place(): Promise<Place> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/clusters/one.json`;
  return {
    path,
    async hold(exclusive) {
      const file = await Deno.open(path, { read: true });
      assert(await file.tryLock(exclusive));
      return file;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Runs `before` each time before a file is locked, until the end of the block. */
function beforeEachLock(before: (time: number) => Promise<void>): Disposable {
  const { tryLock } = Deno.FsFile.prototype;
  let times = 0;
  Deno.FsFile.prototype.tryLock = async function (exclusive) {
    await before(++times);
    return await tryLock.call(this, exclusive);
  };
  return { [Symbol.dispose]: () => void (Deno.FsFile.prototype.tryLock = tryLock) };
}

Deno.test("lock: one keeper has it until its file is closed, and a leftover file has no effect", async () => {
  await using one = await place();
  const first = await lock(one.path);
  assert(first !== undefined);
  assertEquals(await lock(one.path), undefined);
  first.close();
  using second = await lock(one.path);
  assert(second !== undefined);
});

Deno.test("lock: a process that only looks at the lock for a moment does not stop a keeper", async () => {
  await using one = await place();
  (await lock(one.path))!.close();
  const looking = await one.hold(false);
  // The process looks during the first three attempts.
  using _ = beforeEachLock(async (time) => {
    if (time === 4) await Promise.resolve(looking.close());
  });
  using file = await lock(one.path);
  assert(file !== undefined);
});

Deno.test("lock: is on the file at this path, not on the one that the previous keeper removed", async () => {
  await using one = await place();
  (await lock(one.path))!.close();
  // The previous keeper removes the file after this one has opened it.
  using _ = beforeEachLock(async (time) => {
    if (time === 1) await Deno.remove(one.path);
  });
  using file = await lock(one.path);
  assert(file !== undefined);
  assertEquals((await Deno.stat(one.path)).ino, (await file.stat()).ino);
  assertEquals(await lock(one.path), undefined);
});
