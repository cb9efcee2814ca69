import { dirname } from "node:path";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { clusterTest, controlPlane } from "../support/control_plane.ts";
import { openApi } from "./api.ts";
import { binaryPath } from "./binary.ts";
import { endKept, findKept, type Kept, placeOf } from "./kept.ts";
import { until } from "./until.ts";

// How long a control plane runs, and that nothing remains after its processes exit or are killed.

const KEPT = new URL("kept.ts", import.meta.url).href;
/** Starts a control plane that stops with the process, prints its location, and waits. */
const STARTER = `
  import { keep } from ${JSON.stringify(KEPT)};
  const kept = await keep(Deno.args[0], { whileProcess: Deno.pid }).catch(({ message }) => ({ problem: message }));
  console.log(JSON.stringify(kept));
  await Deno.stdin.readable.pipeTo(new WritableStream());
`;

interface Starter extends AsyncDisposable {
  readonly said: Kept & { readonly problem?: string };
  kill(): Promise<void>;
}

async function starter(name: string, env: Record<string, string> = {}): Promise<Starter> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", STARTER, name],
    env: { DEEP_STORAGE_CACHE: dirname(await binaryPath()), ...env },
    stdin: "piped", // the starter exits when this process does
    stdout: "piped",
  }).spawn();
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.endsWith("\n")) break;
  }
  let killing: Promise<void> | undefined;
  const kill = () =>
    killing ??= (async () => {
      child.kill("SIGKILL");
      await child.status;
      await child.stdin.close().catch(() => {});
    })();
  return { said: JSON.parse(text), kill, [Symbol.asyncDispose]: kill };
}

/** Returns the PID and arguments of every process with the given text among its arguments. */
async function processesWith(text: string): Promise<string[]> {
  const script = `if [ -d /proc/self ]
    then for p in /proc/[0-9]*; do echo "\${p#/proc/} $(tr '\\0\\n' '  ' <$p/cmdline)"; done
    else ps -Aww -o pid=,args=; fi 2>/dev/null`;
  const { stdout } = await new Deno.Command("/bin/sh", { args: ["-c", script] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes(text));
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function nothingIsLeft({ folder }: Kept): Promise<void> {
  await until("no process is left", async () => (await processesWith(folder)).length === 0);
  await until("the folder is gone", async () => !(await isThere(folder)));
}

clusterTest(
  "keep: stops the control plane when its process is killed",
  async () => {
    const name = `killed-${Deno.pid}`;
    await using starting = await starter(name);
    const { said } = starting;
    assertEquals((await findKept(name))?.admin, said.admin);
    using api = openApi(said.admin);
    assertEquals((await api.get("/version")).gitVersion, "v1.36.3");
    const running = await processesWith(said.folder);
    for (const program of ["etcd", "apiserver", "controller-manager", "scheduler", "kwok"]) {
      assert(running.some((line) => line.includes(` ${program} --`)), program);
    }
    await starting.kill();
    await nothingIsLeft(said);
    await until("it is not found", async () => (await findKept(name)) === undefined);
    await until("its files are gone", async () => {
      return !(await isThere(await placeOf(name))) && !(await isThere(said.kubeconfig));
    });
  },
);

clusterTest("keep: leaves nothing when its keeper is killed, and starts another one", async () => {
  const name = `orphan-${Deno.pid}`;
  await using first = await starter(name);
  Deno.kill(first.said.pid, "SIGKILL");
  await nothingIsLeft(first.said);
  assertEquals(await findKept(name), undefined);
  await using second = await starter(name);
  assert(second.said.folder !== first.said.folder);
});

clusterTest("keep: returns the same control plane to two concurrent callers", async () => {
  const name = `shared-${Deno.pid}`;
  const both = await Promise.all([starter(name), starter(name)]);
  try {
    assertEquals(both[0].said, both[1].said);
    assert(await endKept(name));
    await nothingIsLeft(both[0].said);
    assertEquals(await endKept(name), false);
  } finally {
    for (const each of both) await each.kill();
  }
});

clusterTest("keep: stops the whole control plane when one program exits", async () => {
  await using starting = await starter(`broken-${Deno.pid}`);
  const { said } = starting;
  const running = await processesWith(said.folder);
  const [scheduler] = running.flatMap((line) => /^(\d+) \S+ scheduler /.exec(line)?.[1] ?? []);
  assert(scheduler !== undefined);
  Deno.kill(Number(scheduler), "SIGKILL");
  await nothingIsLeft(said);
});

clusterTest("keep: reports why a control plane did not start, and leaves nothing", async () => {
  const cache = await Deno.makeTempDir();
  const tmp = await Deno.makeTempDir();
  const binary = `${cache}/${(await binaryPath()).split("/").at(-1)}`;
  await Deno.writeTextFile(binary, "#!/bin/sh\necho no room here >&2\nexit 1\n", { mode: 0o755 });
  await using starting = await starter("hopeless", { DEEP_STORAGE_CACHE: cache, TMPDIR: tmp });
  assertStringIncludes(
    starting.said.problem!,
    "Cannot start the control plane: no room here",
  );
  assertEquals([...Deno.readDirSync(tmp)], []);
  await until("it is forgotten", async () => {
    return (await Array.fromAsync(Deno.readDir(`${cache}/clusters`))).length === 0;
  });
  for (const folder of [cache, tmp]) await Deno.remove(folder, { recursive: true });
});

clusterTest("controlPlane: belongs to one test file at a time", async () => {
  // Another file waits for this lock before its first test.
  using turn = await Deno.open(`${controlPlane().folder}/turn`, { write: true });
  assertEquals(await turn.tryLock(true), false);
});
