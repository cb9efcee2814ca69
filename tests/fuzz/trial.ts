import type { Unexpected, Work } from "./try_inputs.ts";
import { SPINS } from "./limits.ts";

/** Of one target, so many broken inputs are enough to know. */
const ENOUGH = 5;
const PROGRAM = new URL("try_inputs.ts", import.meta.url).href;

/** An input that broke a parser. */
export interface Broken {
  /** The parser. */
  readonly target: string;
  /** The input's number. */
  readonly input: number;
  /** What happened. */
  readonly problem: string;
}

/** How a target came through. */
export interface Trial {
  /** Inputs that were tried. */
  readonly tried: number;
  /** Those that broke it. */
  readonly broken: readonly Broken[];
}

/** Tries a target with inputs, in a process of its own; one that ends is started again behind. */
export async function tryTarget(work: Work): Promise<Trial> {
  const broken: Broken[] = [];
  let from = work.from;
  while (from < work.to && broken.length < ENOUGH) {
    const { begun, unexpected, ended } = await run({ ...work, from });
    broken.push(...unexpected.map(({ input, error: problem }) => ({
      target: work.target,
      ...{ input, problem },
    })));
    from += begun;
    if (ended === undefined) break;
    broken.push({ target: work.target, input: from - 1, problem: ended });
  }
  return { tried: from - work.from, broken };
}

/** Runs a process to its end, which is early where an input takes too long. */
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
    : lines.includes(SPINS)
    ? SPINS
    : `its process ended with ${signal ?? code}: ${last}`;
  if (begun === 0 && ended !== undefined) throw new Error(`Cannot try ${work.target}: ${ended}`);
  return { begun, unexpected, ended };
}
