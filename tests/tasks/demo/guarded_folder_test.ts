import { until } from "../../cluster/until.ts";
import { assertEquals, assertThrows } from "../../support/assert.ts";
import { guardedFolder } from "../../../tasks/demo/guarded_folder.ts";
import { lakeDirectory } from "../../../tasks/demo/lake_directory.ts";

const TASKS = new URL("../../../tasks/", import.meta.url);

/** Starts a module that this text is, and returns its process. */
function startModule(text: string, env: Readonly<Record<string, string>> = {}): Deno.ChildProcess {
  const args = ["eval", "--no-check", text];
  return new Deno.Command(Deno.execPath(), {
    args,
    cwd: new URL("../", TASKS),
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** Runs a test in a folder that every user may write: the server of a superuser is another user. */
async function inNewFolder(use: (path: string) => Promise<void>): Promise<void> {
  // The folder of TMPDIR can be below a folder that only we may enter.
  const path = await Deno.makeTempDir({ dir: "/tmp", prefix: "guarded-" });
  await Deno.chmod(path, 0o777);
  try {
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name);
}

Deno.test("guardedFolder: removes the folder at the end of the block, unless it is kept", async () => {
  await inNewFolder(async (path) => {
    {
      await using folder = guardedFolder("a-", path);
      await Deno.writeTextFile(`${folder.path}/file`, "");
    }
    assertEquals(namesIn(path), []);
    let kept: string;
    {
      await using folder = guardedFolder("b-", path);
      kept = folder.path;
      await folder.keep();
    }
    assertEquals(namesIn(path).map((name) => `${path}/${name}`), [kept]);
  });
});

Deno.test("guardedFolder: the folder of a process that is killed is removed, also at once", async () => {
  await inNewFolder(async (path) => {
    for (let round = 0; round < 5; round++) {
      const child = startModule(`
        import { guardedFolder } from ${JSON.stringify(new URL("demo/guarded_folder.ts", TASKS))};
        guardedFolder("c-", ${JSON.stringify(path)});
        setInterval(() => {}, 1000);
      `);
      let ended = false;
      child.status.then(() => ended = true);
      // Kills the process as soon as the folder exists: it looks all the time for ten milliseconds,
      // and then lets the status of the process arrive.
      while (!ended && namesIn(path).length === 0) {
        const end = performance.now() + 10;
        while (namesIn(path).length === 0 && performance.now() < end);
        if (namesIn(path).length === 0) await new Promise((resolve) => setTimeout(resolve));
      }
      assertEquals(ended, false, "the process ended by itself");
      child.kill("SIGKILL");
      await child.output();
      await until("the folder is removed", () => Promise.resolve(namesIn(path).length === 0));
    }
  });
});

Deno.test("startPostgres: a process that is killed during initdb leaves no folder, also if initdb still writes", async () => {
  await inNewFolder(async (path) => {
    await Deno.mkdir(`${path}/native/bin`, { recursive: true });
    await Deno.mkdir(`${path}/native/share/postgresql`, { recursive: true });
    // Writes into its folder, and then a file that says so, a second after it was asked to end.
    const initdb = `#!/bin/sh
trap 'sleep 1; mkdir -p "$2/late"; : >"${path}/ended"; exit 1' TERM
: >"${path}/started"
while :; do sleep 0.1; done
`;
    for (const [name, script] of [["initdb", initdb], ["postgres", "#!/bin/sh\n"]] as const) {
      await Deno.writeTextFile(`${path}/native/bin/${name}`, script, { mode: 0o755 });
    }
    const child = startModule(
      `
      import { startPostgres } from ${JSON.stringify(new URL("demo/embedded_postgres.ts", TASKS))};
      await startPostgres({ native: ${JSON.stringify(`${path}/native`)} });
      `,
      { TMPDIR: path },
    );
    const has = (name: string) => Promise.resolve(namesIn(path).includes(name));
    await until("initdb runs", () => has("started"));
    child.kill("SIGKILL");
    await child.output();
    await until("initdb has ended", () => has("ended"));
    await until(
      "the folder of Postgres is removed",
      () => Promise.resolve(!namesIn(path).some((name) => name.startsWith("postgres-"))),
    );
  });
});

Deno.test("lakeDirectory: returns without waiting, so that no interrupt comes before the caller", () => {
  const directory = lakeDirectory(undefined);
  assertEquals(Deno.statSync(directory.path).isDirectory, true);
  directory[Symbol.dispose]();
  assertThrows(() => Deno.statSync(directory.path), Deno.errors.NotFound);
});
