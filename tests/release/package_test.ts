import { COMMANDS } from "../../tasks/commands.ts";
import { RUNBOOK_EVENTS } from "../../tasks/demo/events.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { outbox } from "../support/postgres.ts";
import { environment, ROOT, runTask } from "../support/task.ts";

// The package, packed and then installed with npm alone: into an empty prefix, with an empty home
// and an empty cache. The commands run in another folder, as a user who may not write to the prefix.

const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));

/** What npm needs to reach its registry on a machine with a proxy or its own certificates. */
const REGISTRY = /^(PATH|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|https?_proxy|no_proxy|npm_config_.*)$/i;

/** The user `nobody`, if this process may start programs as another user. */
const USER = Deno.uid() === 0 ? { uid: 65_534, gid: 65_534 } : {};

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function execute(
  program: string,
  args: readonly string[],
  options: Omit<Deno.CommandOptions, "args">,
): Promise<Outcome> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null", ...options });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** The program of the installed package. */
interface Installed extends AsyncDisposable {
  /** The folder in which the program runs. Its user may write there. */
  readonly folder: string;
  /** Where npm installed the package. */
  readonly files: string;
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome>;
}

async function install(): Promise<Installed> {
  const root = await Deno.makeTempDir({ prefix: "deep-storage install " });
  const [prefix, home, folder] = ["the prefix", "home", "a user's folder"]
    .map((name) => `${root}/${name}`) as [string, string, string];
  for (const path of [prefix, home, folder]) await Deno.mkdir(path);
  const packed = await runTask("package", ["--output", `${root}/packed`]);
  assertEquals(packed.code, 0, packed.stderr);
  const file = packed.stdout.trim();
  assertEquals(file, `${root}/packed/ldamasio-deep-storage-${version}.tgz`);
  const env = Object.entries(Deno.env.toObject()).filter(([name]) => REGISTRY.test(name));
  const { code, stderr } = await execute(
    "npm",
    ["install", "-g", "--prefix", prefix, "--cache", `${root}/cache`, file],
    { cwd: home, clearEnv: true, env: { ...Object.fromEntries(env), HOME: home } },
  );
  assertEquals(code, 0, stderr);
  await execute("chmod", ["-R", "a-w,a+rX", root], {});
  await execute("chmod", ["u+w", root, folder, home], {});
  if (USER.uid !== undefined) await execute("chown", ["-R", "65534:65534", folder, home], {});
  return {
    folder,
    files: `${prefix}/lib/node_modules/@ldamasio/deep-storage`,
    start: (args, env = {}) =>
      execute(`${prefix}/bin/deep-storage`, args, {
        cwd: folder,
        clearEnv: true,
        env: { PATH: Deno.env.get("PATH")!, HOME: home, NO_COLOR: "1", ...env },
        ...USER,
      }),
    async [Symbol.asyncDispose]() {
      await execute("chmod", ["-R", "u+w", root], {});
      await Deno.remove(root, { recursive: true });
    },
  };
}

Deno.test("package: installed by npm alone, every command works in another folder", async (t) => {
  await using program = await install();

  await t.step("--version prints the version of deno.json", async () => {
    assertEquals(await program.start(["--version"]), {
      code: 0,
      stdout: `${version}\n`,
      stderr: "",
    });
  });

  await t.step("the prefix cannot be written", async () => {
    const { code } = await execute("touch", [`${program.files}/new`], USER);
    assertEquals(code, 1);
  });

  await t.step("the help of every command names commands that the user can type", async () => {
    for (const { name } of COMMANDS) {
      const { code, stdout, stderr } = await program.start([name, "--help"]);
      assertEquals([name, code, stderr], [name, 0, ""]);
      assertStringIncludes(stdout, `Usage: deep-storage ${name}`);
      for (const [, other] of stdout.matchAll(/deno task (\S+)/g)) {
        assert(!COMMANDS.some((each) => each.name === other), `${name}: deno task ${other}`);
      }
    }
  });

  await t.step("explain prints a page of the runbook, also without a home", async () => {
    const { code, stdout } = await program.start(["explain", "row-counts"], { HOME: "/none" });
    assertEquals(code, 0);
    assertStringIncludes(stdout, "deep-storage ");
    assert(!stdout.includes("deno task"), stdout);
  });

  await t.step("preflight checks manifests, and writes each format", async () => {
    const manifests = new URL("manifests", ROOT).pathname;
    const { code, stdout, stderr } = await program.start([
      "preflight",
      "--facts=manifests",
      `--manifests=${manifests}`,
      "--output=junit=a b.xml",
      "--output=html=report.html",
    ]);
    const expected = await runTask("preflight", ["--facts=manifests", `--manifests=${manifests}`]);
    const summary = /^preflight: .*/m;
    assertEquals([code, stderr], [expected.code, ""]);
    assertEquals(summary.exec(stdout)?.[0], summary.exec(expected.stdout)![0]);
    const read = (file: string) => Deno.readTextFile(`${program.folder}/${file}`);
    assertStringIncludes(await read("a b.xml"), "<testsuites");
    assertStringIncludes(await read("report.html"), "<!doctype html>");
  });

  await t.step(
    "a failure ends with its exit code and a command that the user can type",
    async () => {
      const { code, stderr } = await program.start(["amend"]);
      assertEquals(code, 2);
      assertStringIncludes(stderr, "deep-storage amend 2025-12-28");
    },
  );

  await t.step("run copies a day into a lake, in workers without other permissions", async () => {
    await using db = await outbox({ events: [RUNBOOK_EVENTS] });
    const lake = `${program.folder}/lake`;
    await Deno.mkdir(lake);
    if (USER.uid !== undefined) await Deno.chown(lake, USER.uid, USER.gid);
    const env = environment(db.config, lake);
    const ran = await program.start(["run", "2025-12-28", "--verbose"], env);
    assertEquals([ran.code, ran.stderr], [0, ""], ran.stdout);
    assertStringIncludes(ran.stdout, `read ${lake}; write ${lake}`);
    assertStringIncludes(ran.stdout, " 0 fail");
    const status = await program.start(["status"], env);
    assertEquals(status.code, 0, status.stderr);
    assertStringIncludes(status.stdout, "2025-12-28");
    // The same day, made from the checkout, has the same rows.
    const again = await runTask("bronze", ["2025-12-28"], env);
    assertEquals(again.code, 0, again.stderr);
    assertStringIncludes(again.stdout, "already sealed");
  });

  await t.step("demo starts the Postgres of the package", async () => {
    const { code, stdout } = await program.start(["demo", "--lake=demo lake"]);
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, "1 execution in 1 part");
  });
});
