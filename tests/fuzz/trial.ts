import type { Unexpected, Work } from "./try_inputs.ts";
import { OVER_CPU_LIMIT } from "./limits.ts";

/** Stop after this many broken inputs per target. */
const MOST_BROKEN = 5;
const PROGRAM = new URL("try_inputs.ts", import.meta.url).href;

/** An input that broke a parser. */
export interface Broken {
  /** Name of the parser. */
  readonly target: string;
  /** Number of the input. */
  readonly input: number;
  /** What happened. */
  readonly problem: string;
}

/** The result of trying one target. */
export interface Trial {
  /** Number of inputs tried. */
  readonly tried: number;
  /** The inputs that broke the target. */
  readonly broken: readonly Broken[];
}

/**
 * Tries inputs on a target in a separate process. If the process ends early, a new one continues
 * with the next input.
 */
export async function tryTarget(work: Work): Promise<Trial> {
  const broken: Broken[] = [];
  let from = work.from;
  while (from < work.to && broken.length < MOST_BROKEN) {
    const { begun, unexpected, ended } = await run({ ...work, from });
    broken.push(...unexpected.map(({ input, error: problem }) => ({
      target: work.target,
      input,
      problem,
    })));
    from += begun;
    if (ended === undefined) break;
    broken.push({ target: work.target, input: from - 1, problem: ended });
  }
  return { tried: from - work.from, broken };
}

/** Runs a process until it exits. The process exits early if an input takes too long. */
async function run(work: Work) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-check", "--v8-flags=--max-old-space-size=1024"]
      .concat(PROGRAM, JSON.stringify(work)),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let begun = 0;
  const counting = (async () => {
    for await (const bytes of child.stdout) begun += bytes.length;
  })();
  const [said, { success, code, signal }] = await Promise.all([
    new Response(child.stderr).text(),
    child.status,
    counting,
  ]);
  const lines = said.split("\n").filter((line) => line !== "");
  const unexpected = lines.filter((line) => line.startsWith('{"input":'))
    .map((line): Unexpected => JSON.parse(line));
  const last = lines.slice(-3).join(" | ").slice(0, 500);
  const ended = success
    ? undefined
    : lines.includes(OVER_CPU_LIMIT)
    ? OVER_CPU_LIMIT
    : `its process ended with ${signal ?? code}: ${last}`;
  if (begun === 0 && ended !== undefined) throw new Error(`Cannot try ${work.target}: ${ended}`);
  return { begun, unexpected, ended };
}
