import { clearStatus, print, showStatus } from "../../tasks/cli/terminal.ts";
import { missingParts, startWorld, type World } from "../drill/world.ts";
import { environmentOf, ROOT } from "../support/task.ts";

/** The runs to measure, by the name in the table. */
const KINDS = {
  "an empty program": ["eval", "''"],
  "deno task preflight --help": ["task", "-q", "preflight", "--help"],
  "manifests alone": ["task", "-q", "preflight", "--facts", "manifests"],
  "all facts": ["task", "-q", "preflight", "--strict"],
} as const;
type Kind = keyof typeof KINDS;

/** The seconds of one run. */
interface Times {
  /** From the start of the process to the first byte of its output; undefined without output. */
  readonly firstLine: number | undefined;
  /** From the start of the process to its end. */
  readonly end: number;
}

/**
 * Measures preflight as an operator runs it, on real servers of this machine, and prints medians. The
 * kinds run in turn. A first round, which fills the caches, does not count.
 *
 * @throws a server is not installed, or a run of preflight does not pass every check
 */
export async function benchPreflight(rounds: number): Promise<void> {
  const missing = await missingParts();
  if (missing.length > 0) throw new Error(`Cannot measure preflight: ${missing.join("; ")}.`);
  showStatus("starting the cluster, the registry, Postgres and the object store …");
  await using world = await startWorld();
  const home = await Deno.makeTempDir({ prefix: "operator-" });
  try {
    const runs = new Map<Kind, Times[]>();
    for (let round = 0; round <= rounds; round++) {
      for (const kind of Object.keys(KINDS) as Kind[]) {
        showStatus(round === 0 ? `first run: ${kind}` : `round ${round} of ${rounds}: ${kind}`);
        const times = await measure(kind, world, home);
        if (round > 0) runs.set(kind, [...runs.get(kind) ?? [], times]);
      }
    }
    clearStatus();
    print(render(runs, rounds));
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

async function measure(kind: Kind, { where, env }: World, home: string): Promise<Times> {
  const args: readonly string[] = KINDS[kind];
  const needsWorld = args.includes("--facts") || args.includes("--strict");
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, ...(needsWorld ? where : [])],
    cwd: ROOT,
    clearEnv: true,
    env: { ...environmentOf(env), XDG_CACHE_HOME: home, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let firstLine: number | undefined;
  let text = "";
  const stderr = new Response(child.stderr).text();
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    firstLine ??= (performance.now() - started) / 1000;
    text += chunk;
  }
  const { code } = await child.status;
  const end = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`"${kind}" exited with ${code}:\n${text}${await stderr}`);
  await stderr;
  return { firstLine, end };
}

function render(runs: ReadonlyMap<Kind, readonly Times[]>, rounds: number): string {
  const width = Math.max(...[...runs.keys()].map((kind) => kind.length));
  const lines = [...runs].map(([kind, times]) => {
    const first = median(times.map(({ firstLine, end }) => firstLine ?? end));
    return [kind.padEnd(width), first, median(times.map(({ end }) => end))]
      .map((cell) => typeof cell === "number" ? `${cell.toFixed(2)} s`.padStart(12) : cell).join(
        "",
      );
  });
  return [
    `preflight, medians of ${rounds} rounds, ${navigator.hardwareConcurrency} processors`,
    `${"".padEnd(width)}${"first line".padStart(12)}${"end".padStart(12)}`,
    ...lines,
  ].join("\n");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
