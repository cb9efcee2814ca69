import { startPostgres } from "../../../tasks/demo/embedded_postgres.ts";
import {
  canRun,
  copyBinaries,
  nativeFolder,
  serverAccount,
} from "../../../tasks/demo/postgres_binaries.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../../support/assert.ts";
import { session } from "../../support/pg_session.ts";
import type { DatabaseConfig } from "../../../pipeline/config.ts";

/** Returns the only value in the result of a statement. */
async function ask(config: DatabaseConfig, sql: string): Promise<string | null | undefined> {
  const client = await session(config);
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

async function isRunning(pid: number): Promise<boolean> {
  const command = new Deno.Command("/bin/sh", { args: ["-c", `kill -0 ${pid}`], stderr: "null" });
  return (await command.output()).success;
}

/** Returns whether the server lets its owner in. Another server may have its port by now. */
async function letsIn(config: DatabaseConfig): Promise<boolean> {
  return await ask(config, "SELECT 1").then(() => true, () => false);
}

async function eventually(condition: () => Promise<boolean>, withinMs = 120_000): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!await condition()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

Deno.test("embedded_postgres: starts a real Postgres with an empty rbsdb, and leaves nothing after its end", async () => {
  const server = await startPostgres();
  try {
    assertMatch(server.version, /^18\.\d+$/);
    const { config } = server;
    assertEquals([config.host, config.name, config.user], ["127.0.0.1", "rbsdb", "robson"]);
    assertEquals(await ask(config, "SELECT current_database()"), "rbsdb");
    assertEquals(await ask(config, "SHOW server_encoding"), "UTF8");
    assertEquals(await ask(config, "SELECT usesuper FROM pg_user WHERE usename = 'robson'"), "t");
    assertEquals(await ask(config, "SHOW max_prepared_transactions"), "10");
    assertEquals(await ask(config, "SELECT count(*) FROM pg_stat_user_tables"), "0");
    assertEquals((await Deno.stat(server.folder)).mode! & 0o777, 0o700);
    assert(!await exists(`${server.folder}/password`), "the password file stays");
    assert(await isRunning(server.pid));
  } finally {
    await server.stop();
  }
  assert(!await exists(server.folder), "the folder stays");
  assert(!await letsIn(server.config), "the server stays");
  assert(!await isRunning(server.pid), "the process stays");
});

Deno.test("embedded_postgres: requires its password", async () => {
  const server = await startPostgres();
  try {
    await assertRejects(
      () => session({ ...server.config, password: "guessed" }),
      Error,
      "password authentication failed",
    );
  } finally {
    await server.stop();
  }
});

Deno.test("embedded_postgres: applies settings, and stops while a client is connected", async () => {
  const server = await startPostgres({ settings: { statement_timeout: "7s" } });
  const client = await session(server.config);
  try {
    assertEquals((await client.query("SHOW statement_timeout")).rows, [{
      statement_timeout: "7s",
    }]);
    await client.query("BEGIN");
  } finally {
    await server.stop();
    await client.end();
  }
  assert(!await exists(server.folder));
});

Deno.test("embedded_postgres: runs two servers side by side", async () => {
  const [one, two] = await Promise.all([startPostgres(), startPostgres()]);
  try {
    assert(one.config.port !== two.config.port);
    assert(one.config.password !== two.config.password);
    await ask(one.config, "CREATE TABLE mine ()");
    assertEquals(await ask(one.config, "SELECT to_regclass('mine')"), "mine");
    assertEquals(await ask(two.config, "SELECT to_regclass('mine')"), null);
  } finally {
    await Promise.all([one.stop(), two.stop()]);
  }
});

Deno.test("embedded_postgres: reports why a server cannot start, and leaves nothing", async () => {
  const error = await assertRejects(() => startPostgres({ settings: { shared_buffers: "many" } }));
  assert(error instanceof Error);
  assertMatch(error.message, /^Cannot start the embedded Postgres: it ended\. .*\n.*"many"/);
});

Deno.test("embedded_postgres: stops when its parent process is killed, and leaves nothing", async () => {
  const module = import.meta.resolve("../../../tasks/demo/embedded_postgres.ts");
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-all",
      "--no-prompt",
      "--config",
      new URL(import.meta.resolve("../../../deno.json")).pathname,
      "-",
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const script = `
    import { startPostgres } from ${JSON.stringify(module)};
    const { pid, folder, config } = await startPostgres();
    const client = await Deno.connect({ port: config.port }); // it accepts one
    console.log(JSON.stringify({ pid, folder, config }));
    setInterval(() => {}, 1000);`;
  let line = "";
  try {
    await new Blob([script]).stream().pipeTo(child.stdin);
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      line += text;
      if (line.endsWith("\n")) break; // the loop's end closes the stream
    }
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
  const { pid, folder, config } = JSON.parse(line);
  assert(await eventually(async () => !await isRunning(pid)), "the process stays");
  assert(await eventually(async () => !await exists(folder)), "the folder stays");
  assert(!await letsIn(config), "the server stays");
});

Deno.test("embedded_postgres: copies binaries that the server's user cannot run", async (t) => {
  const home = await Deno.makeTempDir(); // only for us, as a home is
  const native = `${home}/native`;
  const user = await serverAccount();
  try {
    await copyBinaries(nativeFolder(), native, undefined);
    await t.step({
      name: "binaries of root below a folder with mode 700",
      ignore: user === undefined,
      fn: async () => {
        assert(!await canRun(native, user));
        await startsFrom(native);
      },
    });
    await t.step("binaries without linked libraries", async () => {
      for await (const { name, isSymlink } of Deno.readDir(`${native}/lib`)) {
        if (isSymlink) await Deno.remove(`${native}/lib/${name}`);
      }
      await Deno.chmod(home, 0o755);
      assert(!await canRun(native, user));
      assert(await exists(`${native}/pg-symlinks.json`));
      await startsFrom(native);
    });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

async function startsFrom(native: string): Promise<void> {
  const server = await startPostgres({ native });
  try {
    assertEquals(await ask(server.config, "SELECT 1"), "1");
    assert(await exists(`${server.folder}/native/bin/postgres`), "no copy was made");
  } finally {
    await server.stop();
  }
  assert(!await exists(server.folder), "the copy stays");
}
