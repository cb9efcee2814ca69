import type { CommandLine } from "./program.ts";

/** What one run cost. */
export interface Usage {
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** User and system time of the process tree. A process counts if its parent waited for it. */
  readonly cpuSeconds: number;
  /**
   * The largest sum of the resident set sizes of the tree's processes, sampled every 20 ms, or the
   * largest high-water mark of one process if that is more. Null without /proc.
   */
  readonly peakBytes: number | null;
  /** CPU time of the process tree of `beside` in the meantime. Null without /proc. */
  readonly besideCpuSeconds: number | null;
}

/** The end of a run. */
export interface Measured {
  readonly usage: Usage;
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command to measure, as JSON on the first line of the measurer's standard input. */
export interface MeasuredCommand extends CommandLine {
  /** The id of another process, such as a server, whose tree is measured at the same time. */
  readonly beside?: number;
}

/**
 * Runs a command to its end, and measures the command and all its descendants. Deno shows the other
 * processes in /proc only to a process with all permissions, so a process of its own measures. The
 * measured processes end with this process, however it ends.
 *
 * @throws the reason of the signal, after the whole process tree is killed
 */
export async function measure(command: MeasuredCommand, signal?: AbortSignal): Promise<Measured> {
  signal?.throwIfAborted();
  const measurer = new URL("measurer.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", measurer],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    detached: true, // Ctrl-C must not reach the measurer before it has killed the tree
  }).spawn();
  const input = child.stdin.getWriter();
  const close = () => void input.close().catch(() => {});
  signal?.addEventListener("abort", close);
  try {
    await input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
    const [{ success }, stdout] = await Promise.all([
      child.status,
      new Response(child.stdout).text(),
    ]);
    signal?.throwIfAborted();
    if (!success) throw new Error(`Cannot measure ${command.command}: the measurer failed.`);
    return JSON.parse(stdout);
  } finally {
    signal?.removeEventListener("abort", close);
    if (!signal?.aborted) close();
  }
}
