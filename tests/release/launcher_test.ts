import { renderStarts } from "../../release/contents.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { atTerminal } from "../support/terminal.ts";

// The program of the npm package, with a shell script instead of Deno.

const RELEASE = new URL("../../release/", import.meta.url);
const DECODER = new TextDecoder();

/** An installed package in a folder with a space, whose Deno is the script. */
async function installed(script: string): Promise<AsyncDisposable & { readonly bin: string }> {
  const root = await Deno.makeTempDir({ prefix: "deep-storage launcher " });
  const folder = `${root}/package`;
  await Deno.mkdir(`${folder}/bin`, { recursive: true });
  await Deno.mkdir(`${folder}/node_modules/@deno/here`, { recursive: true });
  await Deno.copyFile(new URL("launcher.sh", RELEASE), `${folder}/bin/deep-storage.sh`);
  const deno = `${folder}/node_modules/@deno/here/deno`;
  await Deno.writeTextFile(deno, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const program = "tasks/main.js";
  const commands = { run: { flags: ["-q", "-P=engines"], program } };
  const starts = renderStarts(commands, { flags: ["-q", "-P=explain"], program });
  await Deno.writeTextFile(`${folder}/bin/commands.sh`, starts);
  const link = `${root}/deep-storage`; // npm makes a link too
  await Deno.symlink(`${folder}/bin/deep-storage.sh`, link);
  await Deno.chmod(`${folder}/bin/deep-storage.sh`, 0o755);
  return { bin: link, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

async function start(bin: string, args: string[]): Promise<{ code: number; lines: string[] }> {
  const { code, stdout } = await new Deno.Command(bin, { args, stdin: "null" }).output();
  return { code, lines: DECODER.decode(stdout).trimEnd().split("\n") };
}

Deno.test("launcher: a command gets its own permissions and all arguments", async () => {
  await using program = await installed(`echo "update check: $DENO_NO_UPDATE_CHECK"
for each in "$@"; do echo "$each"; done`);
  const folder = `${program.bin.replace(/\/[^/]*$/, "")}/package/`;
  const common = ["update check: 1", "run", `--config=${folder}deno.json`, "--no-lock"];
  const main = `${folder}tasks/main.js`;
  const words = ["run", "2025-12-28", "a  b", "$HOME", "--output", "json"];
  const { lines } = await start(program.bin, words);
  assertEquals(lines, [...common, "--no-remote", "-q", "-P=engines", main, ...words]);
  for (const words of [["--version"], ["unknown", "run"], ["toString"], []]) {
    const { lines } = await start(program.bin, words);
    assertEquals(lines, [...common, "--no-remote", "-q", "-P=explain", main, ...words]);
  }
});

Deno.test("launcher: an environment file before the command is for Deno", async () => {
  await using program = await installed('for each in "$@"; do echo "$each"; done');
  const files = [`${program.bin} a.env`, `${program.bin} b's $HOME.env`];
  for (const file of files) await Deno.writeTextFile(file, "DJANGO_DB_HOST=db.example\n");
  const words = files.map((file) => `--env-file=${file}`);
  const { lines } = await start(program.bin, [...words, "run", "today"]);
  const [main] = lines.filter((line) => line.endsWith("main.js"));
  assertEquals(lines.slice(-5), [...words, main, "run", "today"]);
});

Deno.test("launcher: an environment file that cannot be read is wrong usage, and Deno does not start", async () => {
  await using program = await installed("echo started");
  const cwd = program.bin.replace(/\/[^/]*$/, "");
  for (
    const [word, file, problem] of [
      ["--env-file=no file", "no file", "there is no such file"],
      ["--env-file", ".env", "there is no such file"],
      ["--env-file=package", "package", "it is a directory"], // Deno would ignore it
    ]
  ) {
    const { code, stdout, stderr } = await new Deno.Command(program.bin, {
      args: [word!, "run", "today"],
      cwd,
      stdin: "null",
    }).output();
    assertEquals([code, DECODER.decode(stdout), DECODER.decode(stderr)], [
      2,
      "",
      `Cannot read the variables in ${file}: ${problem}. Name a file: --env-file=FILE.\n`,
    ]);
  }
});

Deno.test("launcher: an environment file after the command is for the command", async () => {
  await using program = await installed('for each in "$@"; do echo "$each"; done');
  const { code, lines } = await start(program.bin, ["run", "--env-file=none"]);
  assertEquals([code, lines.slice(-2)], [0, ["run", "--env-file=none"]]);
});

Deno.test("launcher: ends with the exit code of Deno, and with 128 and the signal that ended Deno", async () => {
  await using program = await installed('[ "$8" = run ] && exit "$9"; kill -s KILL $$');
  for (const code of [0, 1, 2, 3, 130]) {
    assertEquals((await start(program.bin, ["run", String(code)])).code, code);
  }
  assertEquals((await start(program.bin, ["other"])).code, 128 + 9);
});

Deno.test("launcher: names what to do if Deno cannot be started", async () => {
  await using program = await installed("exit 0");
  const folder = `${program.bin.replace(/\/[^/]*$/, "")}/package`;
  await Deno.remove(`${folder}/node_modules/@deno/here/deno`);
  const { code, stderr } = await new Deno.Command(program.bin, { args: ["run"] }).output();
  assertEquals(code, 3);
  assertEquals(
    DECODER.decode(stderr),
    `Cannot start Deno: it is not below ${folder}. Install the package with: npm install -g FILE.tgz\n`,
  );
});

Deno.test("launcher: names what to do if it cannot find its own folder", async () => {
  await using program = await installed("echo started");
  const { code, stdout, stderr } = await new Deno.Command(program.bin, {
    args: ["run"],
    env: { PATH: `${program.bin}.d` },
    stdin: "null",
  }).output();
  assertEquals([code, DECODER.decode(stdout), DECODER.decode(stderr).split("\n").at(-2)], [
    3,
    "",
    "Cannot find the files of the package: readlink failed. Add its directory to the PATH.",
  ]);
});

Deno.test("launcher: a working directory that was removed is wrong usage", async () => {
  await using program = await installed("echo started; exit 1");
  const gone = `${program.bin}.gone`;
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "$0" run', program.bin, gone],
    stdin: "null",
  }).output();
  assertEquals([code, DECODER.decode(stdout), DECODER.decode(stderr).split("\n").at(-2)], [
    2,
    "",
    "Cannot start: the working directory does not exist any more. Change to another directory.",
  ]);
});

const TRAPS = `count() { n=$((n + 1)); echo "$1 $n"; }
trap 'count INT' INT
trap 'count TERM; exit 7' TERM
echo ready
while :; do read -r word || sleep 0.05; done`;

Deno.test("launcher: signals that only the program gets reach Deno, each once", async () => {
  await using program = await installed(TRAPS);
  const child = new Deno.Command(program.bin, { args: ["run"], stdin: "null", stdout: "piped" })
    .spawn();
  const { until, rest } = reader(child.stdout);
  await until("ready");
  child.kill("SIGINT");
  await until("INT 1");
  child.kill("SIGTERM");
  assertEquals((await child.status).code, 7);
  assertEquals(await rest(), "ready\nINT 1\nTERM 2\n");
});

atTerminal(Deno.test)(
  "launcher: in a terminal, Ctrl-C and a signal to the program reach Deno once",
  async () => {
    await using program = await installed(`echo "pid $$"\n${TRAPS}`);
    const child = new Deno.Command("script", {
      args: ["-q", "-e", "-f", "-c", `trap : INT; '${program.bin}' run; exit $?`, "/dev/null"],
      env: { SHELL: "/bin/sh", TERM: "xterm" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const keyboard = child.stdin.getWriter();
    const { until, rest, shown } = reader(child.stdout);
    await until("ready");
    await keyboard.write(new TextEncoder().encode("\x03"));
    await until("INT 1");
    const pid = Number(/pid (\d+)/.exec(shown())![1]);
    Deno.kill(pid, "SIGINT");
    await until("INT 2");
    Deno.kill(pid, "SIGTERM");
    await until("TERM 3");
    assertEquals((await child.status).code, 7);
    const signals = [...(await rest()).matchAll(/(INT|TERM) \d/g)].map(([line]) => line);
    assertEquals(signals, ["INT 1", "INT 2", "TERM 3"]);
    await keyboard.close().catch(() => {});
  },
);

/** Reads the output of a program while it runs. */
function reader(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const texts = stream.pipeThrough(new TextDecoderStream()).getReader();
  let shown = "";
  return {
    async until(text: string): Promise<void> {
      while (!shown.includes(text)) {
        const { value, done } = await texts.read();
        assert(!done, `no ${text} in ${shown}`);
        shown += value;
      }
    },
    shown: () => shown,
    /** Returns the whole output, when the program has ended. */
    async rest(): Promise<string> {
      for (;;) {
        const { value, done } = await texts.read();
        if (done) return shown;
        shown += value;
      }
    },
  };
}
