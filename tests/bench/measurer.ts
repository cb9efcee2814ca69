import type { Measured, MeasuredCommand } from "./measure.ts";

// Runs the command that it reads from standard input, and prints the measurement as JSON. The end of
// standard input is the order to kill the process tree.

/** Milliseconds between two samples of the memory. */
const SAMPLE_MS = 20;
/** The search for new processes reads much of /proc, so it is rare: each second after the start. */
const SEARCH_EVERY = 50;
/** The unit of the times in /proc, the same on all platforms of Deno. */
const TICKS_PER_SECOND = 100;
const RUSAGE_CHILDREN = -1;

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** CPU time of the process and of the children that it has waited for. */
  readonly ticks: number;
}

const order = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
let text = "";
while (!text.includes("\n")) {
  const { value, done } = await order.read();
  if (done) Deno.exit(1);
  text += value;
}
const measured = await run(JSON.parse(text));
console.log(JSON.stringify(measured));
Deno.exit(0);

async function run({ command, args, env = {}, input = "", beside }: MeasuredCommand) {
  const before = beside === undefined ? null : treeCpuSeconds(beside);
  const started = performance.now();
  const child = new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  order.read().then(() => {
    killTree(child.pid);
    Deno.exit(1);
  });
  const memory = watchMemory(child.pid);
  const [{ success }, stdout, stderr] = await Promise.all([
    child.status,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    write(child.stdin, input),
  ]);
  const seconds = (performance.now() - started) / 1000;
  const after = beside === undefined ? null : treeCpuSeconds(beside);
  const usage = {
    seconds,
    cpuSeconds: childrenCpuSeconds(),
    peakBytes: memory.stop(),
    besideCpuSeconds: before === null || after === null ? null : after - before,
  };
  return { usage, success, stdout, stderr } satisfies Measured;
}

async function write(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
  } catch (error) {
    // A program that reads no input may end first.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/**
 * Samples the memory of a process tree.
 *
 * @returns a function that ends this, and returns the peak in bytes
 */
function watchMemory(root: number): { stop(): number | null } {
  let pids = [root];
  let samples = 0;
  let peak = 0;
  const timer = setInterval(() => {
    samples++;
    const search = samples % SEARCH_EVERY === 0 || Number.isInteger(Math.log2(samples));
    if (search) pids = treeOf(root).map(({ pid }) => pid);
    let sum = 0;
    for (const pid of pids) {
      const status = readProc(`${pid}/status`);
      if (status === undefined) continue;
      sum += bytesOf(status, "VmRSS");
      peak = Math.max(peak, bytesOf(status, "VmHWM"));
    }
    peak = Math.max(peak, sum);
  }, SAMPLE_MS);
  return {
    stop() {
      clearInterval(timer);
      return peak === 0 ? null : peak;
    },
  };
}

function bytesOf(status: string, field: string): number {
  const at = status.indexOf(`${field}:`);
  return at < 0 ? 0 : parseInt(status.slice(at + field.length + 1)) * 1024; // a process that has ended has none
}

function killTree(root: number): void {
  for (const { pid } of treeOf(root)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // The process has ended.
    }
  }
}

/** Returns the CPU time of a process tree, with the processes that it has waited for. */
function treeCpuSeconds(root: number): number | null {
  const tree = treeOf(root);
  if (tree.every(({ ticks }) => ticks === 0)) return null;
  return tree.reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/** Returns a process and its descendants. Without /proc, only the process. */
function treeOf(root: number): ProcessEntry[] {
  const all = processes();
  const tree = [all.find(({ pid }) => pid === root) ?? { pid: root, parent: 0, ticks: 0 }];
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

function processes(): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  for (const name of procEntries()) {
    const stat = /^\d+$/.test(name) ? readProc(`${name}/stat`) : undefined;
    if (stat === undefined) continue;
    // The second field is the name of the program, which can contain blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const ticks = fields[11]! + fields[12]! + fields[13]! + fields[14]!;
    found.push({ pid: Number(name), parent: fields[1]!, ticks });
  }
  return found;
}

function procEntries(): string[] {
  try {
    return [...Deno.readDirSync("/proc")].map(({ name }) => name);
  } catch {
    return []; // /proc exists only on Linux
  }
}

function readProc(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${path}`);
  } catch {
    return undefined; // the process has ended
  }
}

/** Returns the CPU time of all children that this process has waited for, with their own children. */
function childrenCpuSeconds(): number {
  const library = Deno.build.os === "darwin" ? "libSystem.dylib" : "libc.so.6";
  const libc = Deno.dlopen(library, {
    getrusage: { parameters: ["i32", "buffer"], result: "i32" },
  });
  const usage = new DataView(new ArrayBuffer(256));
  const failed = libc.symbols.getrusage(RUSAGE_CHILDREN, usage.buffer) !== 0;
  libc.close();
  if (failed) throw new Error("Cannot read the CPU time of the children: getrusage failed.");
  const time = (at: number) =>
    Number(usage.getBigInt64(at, true)) + usage.getInt32(at + 8, true) / 1e6;
  return time(0) + time(16);
}
