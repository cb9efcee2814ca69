import { POSTFLIGHT } from "../../checks/postflight/catalog.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { duckdb } from "../support/duckdb.ts";
import { runTask, spawnTask } from "../support/task.ts";
import { atTerminal, startOnTerminal } from "../support/terminal.ts";

/** The number of checks after a run. */
const CHECKS = POSTFLIGHT.length;

async function inNewFolder(use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "demo-" });
  await Deno.chmod(path, 0o777); // the server of a superuser runs as another user
  try {
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("demo: turns two events into one execution, and stops its Postgres", async () => {
  await inNewFolder(async (path) => {
    const { code, stdout, stderr } = await runTask("demo", ["--lake", `${path}/lake`], {
      TMPDIR: path,
    });
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "2 events to 1 execution");
    assertStringIncludes(stdout, `${CHECKS} checks: ${CHECKS} pass`);
    assertMatch(stdout, /status +EXECUTED/);
    assertMatch(stdout, /triggered_at +2025-12-28T14:03:11\.204518Z/);
    assertMatch(stdout, /executed_at +2025-12-28T14:03:11\.873046Z/);
    assertEquals(namesIn(path), ["lake"]); // Postgres ends before its folder is removed
    // The printed command also works with DuckDB.
    const sql = /duckdb -c "(.*)"/.exec(stdout)![1]!;
    assertEquals((await duckdb(sql)).length, 1);
  });
});

Deno.test("demo --events 3000: creates 3000 events of all types, and all checks pass", async () => {
  await inNewFolder(async (path) => {
    const { code, stdout } = await runTask("demo", ["--events", "3000", "--lake", path]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "3,000 events on 2025-12-28");
    assertMatch(
      stdout,
      new RegExp(`${CHECKS} checks: \\d+ pass, \\d+ warn, 0 fail, 0 skip, 0 error`),
    );
  });
});

Deno.test("demo --lake: refuses a directory that is not empty, and changes nothing there", async () => {
  await inNewFolder(async (path) => {
    await Deno.mkdir(`${path}/bronze`);
    const { code, stdout, stderr } = await runTask("demo", ["--lake", path]);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, `Cannot use --lake ${path}: the directory is not empty`);
    assertEquals(namesIn(path), ["bronze"]);
  });
});

Deno.test("demo --lake: exits with 2 and no stack trace if the directory cannot be written", async () => {
  await inNewFolder(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "");
    for (const lake of [`${path}/file`, `${path}/file/lake`, "/proc/lake"]) {
      const { code, stdout, stderr } = await runTask("demo", ["--lake", lake]);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^Cannot use --lake .*\. Give an empty or a new directory [^\n]*\n$/);
    }
  });
});

Deno.test("demo: exits with 2 and names TMPDIR if there is no temporary directory", async () => {
  const { code, stdout, stderr } = await runTask("demo", [], { TMPDIR: "/proc/none" });
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^Cannot create a temporary directory: .* Set TMPDIR to [^\n]*\n$/);
});

atTerminal(Deno.test)(
  "demo --stay: keeps an open day and a late event until Ctrl-C, for other commands",
  async () => {
    await inNewFolder(async (path) => {
      const file = `${path}/the demo's.env`;
      const demo = startOnTerminal("demo", ["--stay", file, "--lake", `${path}/the demo's lake`], {
        TMPDIR: path,
      });
      await demo.until("Press Enter here to let slow-writer commit");
      assertEquals(Deno.statSync(file).mode! & 0o777, 0o600);
      // The printed commands use the demo also in a shell with another login.
      const command = /\((set -a; .*; )deno task status --to 2025-12-29\)/.exec(demo.shown())![1]!;
      const { stdout } = await new Deno.Command("sh", {
        args: ["-c", `${command}env`],
        env: {
          DJANGO_DB_HOST: "db.example.com",
          LAKE_URL: "file:///lake",
          PGSSLROOTCERT: "system",
          SEAL_GRACE_MINUTES: "9999999",
        },
      }).output();
      const env = Object.fromEntries(
        new TextDecoder().decode(stdout).matchAll(/^([A-Z_]+)=(.*)$/gm).map(([, ...pair]) => pair)
          .filter(([name]) => /^(DJANGO_DB_|LAKE_URL|OUTBOX_TABLE|PGSSL|SEAL_GRACE)/.test(name!)),
      );
      assertEquals(env.DJANGO_DB_HOST, "127.0.0.1");
      assert(!demo.shown().includes(env.DJANGO_DB_PASSWORD), "the password is shown");
      const status = async () => (await runTask("status", ["--to", "2025-12-29"], env)).stdout;
      const before = await status();
      assertMatch(before, /2025-12-28 +sealed .* \+1 late\n +next: deno task amend/);
      assertMatch(before, /2025-12-29 +open .*\n +prepared transaction slow-writer/);
      assertEquals((await runTask("amend", ["2025-12-28", "--yes"], env)).code, 0);
      await demo.type("\r");
      await demo.until("slow-writer has committed");
      assertEquals((await runTask("run", ["2025-12-29"], env)).code, 0);
      assertStringIncludes(await status(), "2 days: 2 sealed; 0 of 2 need a command; 5 events");
      await demo.type("\x03");
      assertEquals(await demo.outcome, { code: 0, restored: true });
      assertEquals(namesIn(path), ["the demo's lake"]); // Postgres ends before its folder is removed
    });
  },
);

Deno.test("demo --stay: exits with 2 for a file that exists or cannot be written, and keeps it", async () => {
  await inNewFolder(async (path) => {
    await Deno.writeTextFile(`${path}/file`, "mine");
    for (const file of [`${path}/file`, `${path}/none/file`]) {
      const { code, stdout, stderr } = await runTask("demo", ["--stay", file]);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^Cannot use --stay .*\. [^\n]* a new file[^\n]*\n$/);
    }
    assertEquals(await Deno.readTextFile(`${path}/file`), "mine");
  });
});

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`demo: ${signal} prints a line, and leaves no empty directory and no file of --stay`, async () => {
    await inNewFolder(async (path) => {
      const child = spawnTask("demo", ["--stay", `${path}/demo.env`], { TMPDIR: path });
      const reader = child.stdout.getReader();
      await reader.read(); // the first heading: Postgres starts
      reader.releaseLock();
      child.kill(signal);
      const { code, stderr } = await child.output();
      assertEquals(code, exitCode);
      assertStringIncludes(new TextDecoder().decode(stderr), "Interrupted. The demo can be");
      assertEquals(
        namesIn(path).filter((name) => /^(deep-storage-lake-|demo\.env)/.test(name)),
        [],
      );
    });
  });
}

Deno.test("demo --events: exits with 2 without a number", async () => {
  for (const text of ["0", "-1", "1.5", "many", "1e3"]) {
    const { code, stderr } = await runTask("demo", [`--events=${text}`]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "--events");
  }
});

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name);
}
