import { assertEquals, assertStringIncludes } from "./support/assert.ts";
import { until } from "./cluster/until.ts";

// Two install scripts that make the same thing at once: the second one waits, and finds the result.
// One script plays all programs that build, so nothing is compiled or downloaded.

const ROOT = new URL("../", import.meta.url).pathname;

/** A build notes itself in the file `builds`, and ends when the file `go-on` exists. */
const PROGRAM = `#!/usr/bin/env bash
set -euo pipefail
fake=$(cd "$(dirname "$0")" && until [ -e marker ]; do cd ..; done && pwd)
build() {
  echo "$1" >>"$fake/builds"
  until [ -e "$fake/go-on" ]; do sleep 0.05; done
}
case "\${0##*/} $*" in
  "apt-get install "*) build packages ;;
  "go build "*)
    build go
    while [ "$1" != -o ]; do shift; done
    [ -d "$2" ] || echo built >"$2" ;;
  "openssl "*) build image; exit 1 ;;
  "python3 -m venv "*)
    build python
    mkdir -p "$3"/{bin,lib,pyspark/bin,pyspark/jars}
    cp "$0" "$3/bin/python"
    cp "$0" "$3/pyspark/bin/spark-submit" ;;
  "python -c "*"jars"*) echo "$(dirname "$0")/../pyspark/jars" ;;
  "python -c "*) echo "$(dirname "$0")/../pyspark" ;;
  "spark-submit "*) touch "$(sed -n 's/.*ArchiveClassesAtExit=\\([^ ]*\\).*/\\1/p' <<<"$*")" ;;
  "sha256sum "*) cat >/dev/null && echo sum ;;
  "id -u") echo 0 ;;
esac
`;
const PROGRAMS = "apt-get cargo go id java mmdebstrap mvn openssl python3 sha256sum".split(" ");

interface Script {
  readonly command: readonly string[];
  /** The script that makes what this one needs first. */
  readonly after?: string;
  /** The builds of two scripts, one after the other; default: one. */
  readonly builds?: number;
  /** The exit code of both; default: 0. */
  readonly code?: number;
}

const SCRIPTS: Readonly<Record<string, Script>> = {
  "tests/bench/peers/install.sh": { command: ["tests/bench/peers/install.sh", "duckdb"] },
  "tests/cluster/install.sh": { command: ["tests/cluster/install.sh"] },
  // A build that fails: the second script tries it again.
  "tests/cluster/node/images/install.sh": {
    command: ["tests/cluster/node/images/install.sh"],
    after: "tests/spark/install.sh",
    builds: 2,
    code: 1,
  },
  "tests/cluster/node/install.sh": {
    command: ["tests/cluster/node/install.sh"],
    after: "tests/cluster/install.sh",
    builds: 2, // two calls of Go
  },
  "tests/runbook/kubectl/install.sh": { command: ["tests/runbook/kubectl/install.sh"] },
  "tests/spark/install.sh": { command: ["tests/spark/install.sh"] },
  "tests/spark/lint.sh": { command: ["tests/spark/lint.sh", "--install"] },
  "tests/support/installing.sh": {
    command: [
      "bash",
      "-euc",
      'cache=$DEEP_STORAGE_CACHE; source tests/support/installing.sh; need /none package; install_needed "test"',
    ],
    builds: 2, // apt-get does nothing the second time
  },
};

const WAITING = "Waiting for another process";

/** A folder with programs that only play a build, and an empty cache. */
interface Stage extends AsyncDisposable {
  readonly builds: () => Promise<number>;
  readonly start: (command: readonly string[]) => Running;
  readonly allow: (goesOn: boolean) => Promise<void>;
}

interface Running {
  readonly pid: number;
  readonly stderr: () => string;
  readonly code: Promise<number>;
}

async function openStage(): Promise<Stage> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/bin`);
  await Deno.writeTextFile(`${folder}/marker`, "");
  for (const name of PROGRAMS) {
    await Deno.writeTextFile(`${folder}/bin/${name}`, PROGRAM, { mode: 0o755 });
  }
  const env = {
    DEEP_STORAGE_CACHE: `${folder}/cache`,
    PATH: `${folder}/bin:${Deno.env.get("PATH")}`,
  };
  const ends: Promise<unknown>[] = [];
  const allow = async (goesOn: boolean) => {
    if (goesOn) return await Deno.writeTextFile(`${folder}/go-on`, "");
    await Deno.remove(`${folder}/go-on`);
    await Deno.remove(`${folder}/builds`);
  };
  return {
    allow,
    async builds() {
      const text = await Deno.readTextFile(`${folder}/builds`).catch(() => "");
      return text.split("\n").length - 1;
    },
    start([program, ...args]) {
      const child = new Deno.Command(program!, {
        args,
        cwd: ROOT,
        env,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      let stderr = "";
      const collecting = (async () => {
        for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) stderr += text;
      })();
      const code = Promise.all([child.status, collecting]).then(([status]) => status.code);
      ends.push(code);
      return { pid: child.pid, stderr: () => stderr, code };
    },
    async [Symbol.asyncDispose]() {
      await allow(true);
      await Promise.all(ends);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Starts the second script while the first one builds, until it waits or builds too. */
async function startSecond({ start, builds }: Stage, { command }: Script): Promise<Running> {
  const second = start(command);
  let hasEnded = false;
  second.code.then(() => hasEnded = true);
  await until("the second script waits, builds or has ended", async () => {
    return second.stderr().includes(WAITING) || hasEnded || await builds() > 1;
  });
  assertEquals(await builds(), 1, "the second script does not build at the same time");
  assertStringIncludes(second.stderr(), WAITING);
  return second;
}

for (const [name, script] of Object.entries(SCRIPTS)) {
  Deno.test(`${name}: a second script waits until the first one has ended`, async () => {
    await using stage = await openStage();
    if (script.after !== undefined) {
      await stage.allow(true);
      assertEquals(await stage.start([script.after]).code, 0);
      await stage.allow(false);
    }
    const first = stage.start(script.command);
    await until("the first script builds", async () => await stage.builds() === 1);
    const second = await startSecond(stage, script);
    await stage.allow(true);
    const { code = 0, builds = 1 } = script;
    assertEquals([await first.code, await second.code], [code, code], second.stderr());
    assertEquals(await stage.builds(), builds);
  });
}

Deno.test("install scripts: the test above knows all of them", async () => {
  const found: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await walk(path);
      else if (/install|lint/.test(name) && name.endsWith(".sh")) found.push(path);
    }
  };
  await walk("tests");
  assertEquals(found.sort(), Object.keys(SCRIPTS).sort());
});

Deno.test("install scripts: the turn of a killed script ends with its build", async () => {
  await using stage = await openStage();
  const script = SCRIPTS["tests/cluster/install.sh"]!;
  const first = stage.start(script.command);
  await until("the first script builds", async () => await stage.builds() === 1);
  const second = await startSecond(stage, script);
  Deno.kill(first.pid, "SIGKILL");
  await stage.allow(true);
  assertEquals(await second.code, 0);
  assertEquals(await stage.builds(), 2);
  // The file of the lock stays, and locks nothing.
  const third = stage.start(script.command);
  assertEquals(await third.code, 0);
  assertEquals(third.stderr(), "");
  assertStringIncludes(second.stderr(), "/control-plane-");
});
