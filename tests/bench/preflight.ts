import { clearStatus, print, showStatus } from "../../tasks/cli/terminal.ts";
import { missingParts, startWorld } from "../drill/world.ts";
import { environmentOf, ROOT } from "../support/task.ts";

/** The runs that need no server, by the name in the table. */
const ALONE = {
  "an empty program": ["eval", "''"],
  "deno task preflight --help": ["task", "-q", "preflight", "--help"],
  "manifests alone": ["task", "-q", "preflight", "--facts", "manifests"],
};
/** The runs that need all servers. */
const WITH_SERVERS = { "all facts": ["task", "-q", "preflight", "--strict"] };

/** The seconds of one run. */
interface Times {
  /** From the start of the process to the first byte of its output; undefined without output. */
  readonly firstLine: number | undefined;
  /** From the start of the process to its end. */
  readonly end: number;
}

/** How a command is run. */
interface Setting {
  /** Flags that name the servers. */
  readonly where: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Measures preflight as an operator runs it, and prints medians. The runs that need no server come
 * first, because the servers of this machine need its processors all the time. The kinds of runs take
 * turns. A first round, which fills the caches, does not count.
 *
 * @throws a server is not installed, or a run of preflight does not pass every check
 */
export async function benchPreflight(rounds: number): Promise<void> {
  const missing = await missingParts();
  if (missing.length > 0) throw new Error(`Cannot measure preflight: ${missing.join("; ")}.`);
  const home = await Deno.makeTempDir({ prefix: "operator-" });
  try {
    const alone = await measureInTurn(ALONE, rounds, { where: [], env: {} }, home);
    showStatus("starting the cluster, the registry, Postgres and the object store …");
    await using world = await startWorld();
    const together = await measureInTurn(WITH_SERVERS, rounds, world, home);
    clearStatus();
    print(render(new Map([...alone, ...together]), rounds));
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

async function measureInTurn(
  kinds: Readonly<Record<string, readonly string[]>>,
  rounds: number,
  setting: Setting,
  home: string,
): Promise<Map<string, Times[]>> {
  const runs = new Map<string, Times[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, args] of Object.entries(kinds)) {
      showStatus(round === 0 ? `first run: ${kind}` : `round ${round} of ${rounds}: ${kind}`);
      const times = await measure(kind, args, setting, home);
      if (round > 0) runs.set(kind, [...runs.get(kind) ?? [], times]);
    }
  }
  return runs;
}

async function measure(
  kind: string,
  args: readonly string[],
  { where, env }: Setting,
  home: string,
): Promise<Times> {
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, ...where],
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

function render(runs: ReadonlyMap<string, readonly Times[]>, rounds: number): string {
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
