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

/** An account without rights, if this process may start programs as another user. */
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

/** A package in the SBOM. */
interface Component {
  readonly "bom-ref": string;
  readonly scope: string;
  readonly hashes?: readonly unknown[];
}

/** Validates a list of components with the library and the schemas of CycloneDX. */
const VALIDATE = `
const { Spec, Validation } = require("@cyclonedx/cyclonedx-library");
const text = require("node:fs").readFileSync(process.argv[2], "utf8");
const validator = new Validation.JsonStrictValidator(Spec.Version["v1dot5"]);
validator.validate(text).then((error) => console.log(JSON.stringify(error)));
`;

/** Installs packages of npm, with what npm needs to reach its registry, and nothing else. */
async function npmInstall(args: readonly string[], home: string): Promise<void> {
  const env = Object.entries(Deno.env.toObject()).filter(([name]) => REGISTRY.test(name));
  // A registry that is away for a moment is no failure. By default, npm would retry for minutes.
  const retries = [
    "--fetch-retries=5",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
  ];
  const { code, stderr } = await execute("npm", ["install", ...retries, ...args], {
    cwd: home,
    clearEnv: true,
    env: { ...Object.fromEntries(env), HOME: home },
  });
  const needs = "npm cannot install. This test needs the registry of npm, and fails without it: " +
    "try `npm ping`. npm says:";
  assertEquals(code, 0, `${needs}\n${stderr}`);
}

/** Returns the name and the version of each package in a node_modules. */
async function installedIn(modules: string): Promise<string[]> {
  const find = ["-path", "*/node_modules/*/package.json", "-print"];
  const { stdout } = await execute("find", [modules, ...find], {});
  const files = stdout.split("\n").filter((file) =>
    /\/node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(file)
  );
  return files.map((file) => {
    const { name, version } = JSON.parse(Deno.readTextFileSync(file));
    return `${name}@${version}`;
  }).sort();
}

/** The program of the installed package. */
interface Installed extends AsyncDisposable {
  /** The folder in which the program runs. Its user may write there. */
  readonly folder: string;
  /** The SBOM of the package. */
  readonly sbom: string;
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
  const [file] = packed.stdout.split("\n") as [string];
  assertEquals(file, `${root}/packed/ldamasio-deep-storage-${version}.tgz`);
  await npmInstall(
    ["-g", "--ignore-scripts", "--prefix", prefix, "--cache", `${root}/cache`, file],
    home,
  );
  await execute("chmod", ["-R", "a-w,a+rX", root], {});
  await execute("chmod", ["u+w", root, folder, home], {});
  if (USER.uid !== undefined) await execute("chown", ["-R", "65534:65534", folder, home], {});
  return {
    folder,
    sbom: file.replace(/tgz$/, "cdx.json"),
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

  await t.step("the SBOM is valid CycloneDX, and lists what npm installed", async () => {
    const folder = await Deno.makeTempDir();
    const validator = ["@cyclonedx/cyclonedx-library@10.3.0", "ajv@8.17.1", "ajv-formats@3.0.1"];
    await npmInstall(
      ["--legacy-peer-deps", ...validator, "ajv-formats-draft2019@1.6.1"],
      folder,
    );
    await Deno.writeTextFile(`${folder}/validate.cjs`, VALIDATE);
    const errorIn = async (text: string) => {
      await Deno.writeTextFile(`${folder}/sbom.json`, text);
      const args = [`${folder}/validate.cjs`, `${folder}/sbom.json`];
      const { stdout, stderr } = await execute("node", args, {});
      assertEquals(stderr, "");
      return JSON.parse(stdout);
    };
    const text = await Deno.readTextFile(program.sbom);
    assertEquals(await errorIn(text), null);
    assert(await errorIn(text.replace('"alg": "SHA-512"', '"alg": "SHA-0"')) !== null);
    const { metadata, components } = JSON.parse(text);
    assertEquals(metadata.component["bom-ref"], `@ldamasio/deep-storage@${version}`);
    const listed: readonly Component[] = components;
    const names = listed.map((each) => each["bom-ref"]);
    const required = listed.filter(({ scope }) => scope === "required");
    const installed = await installedIn(`${program.files}/node_modules`);
    assertEquals(installed.filter((each) => !names.includes(each)), []);
    assertEquals(required.filter((each) => !installed.includes(each["bom-ref"])), []);
    assertEquals(listed.filter(({ hashes }) => !hashes?.length), []);
    await Deno.remove(folder, { recursive: true });
  });

  await t.step("the help of every command names commands that the user can type", async () => {
    for (const { name } of COMMANDS) {
      const { code, stdout, stderr } = await program.start([name, "--help"]);
      assertEquals([name, code, stderr], [name, 0, ""]);
      assertStringIncludes(stdout, `Usage: deep-storage ${name}`);
      assertEquals(stdout.match(/(?:docs|runbook)\/\S+\.md/g), null, name);
      for (const [, other] of stdout.matchAll(/deno task (\S+)/g)) {
        assert(!COMMANDS.some((each) => each.name === other), `${name}: deno task ${other}`);
      }
    }
  });

  await t.step(
    "explain prints a reference page, and a task of a checkout is named as such",
    async () => {
      const { code, stdout } = await program.start(["explain", "monitoring"]);
      assertEquals(code, 0);
      assertStringIncludes(stdout, "deep-storage exporter");
      const drill = await program.start(["drill"]);
      assertEquals(drill.code, 2);
      assertStringIncludes(drill.stderr, "only a checkout of the repository has this command");
    },
  );

  await t.step("the comments of the manifests name commands that the user can type", async () => {
    const schedule = await Deno.readTextFile(`${program.files}/manifests/70-schedule.yaml`);
    assertStringIncludes(schedule, "#   deep-storage schedule on ");
    assert(!schedule.includes("deno task"));
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
    assertEquals(ran.code, 0, ran.stderr);
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
