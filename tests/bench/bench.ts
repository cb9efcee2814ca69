import { runCommand } from "../../tasks/main.ts";
import { choice, type Flags } from "../../tasks/cli/flags.ts";
import { print, printError, showStatus } from "../../tasks/cli/terminal.ts";
import { Failure } from "../../pipeline/errors.ts";
import { OWN, type Program } from "./program.ts";
import { PEERS } from "./peers.ts";
import { exitCodeOf, renderJson, renderMarkdown, renderText, type Report } from "./table.ts";

const EVENTS = 200_000;
const ROUNDS = 5;

await runCommand({
  name: "bench",
  values: ["events", "other-days", "rounds", "output"],
  repeatable: ["peer"],
  switches: ["peers", "preflight"],
  cleansUp: true,
  help: `
Measures bronze, silver and postflight on a day of generated events, on a Postgres of its own. Each
round runs the programs in turn, so that a slow phase of the machine affects all of them.

Usage: deno task bench [--events N] [--rounds N] [--other-days N] [--peers | --peer NAME …]
                       [--output text|json|markdown]
       deno task bench --preflight [--rounds N]

  --events N       events of the day; default ${EVENTS}. With 2, the two events of the runbook
  --rounds N       default ${ROUNDS}
  --other-days N   events of other days in the same table; default 0
  --peers          compare with the programs of others. Installs them from the package registries
                   into a cache folder. A peer that cannot run is listed with the reason
  --peer NAME      compare with one peer, which must run. Can be repeated
  --output json    print one JSON document with every run
  --preflight      measure preflight instead: the seconds to the first line and to the end, for the
                   manifests alone and for all facts, with every server on this machine

Peers: ${PEERS.map(({ name }) => name).join(", ")}

Examples:
  deno task bench                                     our own commands alone
  deno task bench --events 1000000 --rounds 3
  deno task bench --events 1000000 --peers            the tables of docs/performance.md
  deno task bench --peer duckdb --peer duckdb-replay
  deno task bench --events 2 --peers                  the cost of a small day
  deno task bench --events 2 --other-days 1000000     a small day in a large table

The columns:
  seconds             the whole process
  of that, work       without the start of the process and the load of its libraries
  times the baseline  work of this program divided by work of the baseline, round by round: the
                      median, the smallest and the largest
  CPU s               user and system time of the process tree
  server CPU s        the same of Postgres in the meantime
  peak MB             largest resident memory of the process tree
  values              the values of the first round, compared with Postgres's own text

Ctrl-C stops Postgres and removes all files.

Exit codes: 0 success; 1 bronze or silver has wrong values; 2 wrong usage; 3 a program of --peer did
not run, or an unexpected error.
`,
  async run(flags, interrupted) {
    if (flags.on("preflight")) {
      const { benchPreflight } = await import("./preflight.ts");
      await benchPreflight(whole(flags, "rounds", ROUNDS));
      return 0;
    }
    const output = choice(flags, "output", ["text", "json", "markdown"]);
    const chosen = chosenPeers(flags);
    const options = {
      programs: [...OWN, ...chosen],
      events: whole(flags, "events", EVENTS),
      rounds: whole(flags, "rounds", ROUNDS),
      otherDays: whole(flags, "other-days", 0),
      signal: interrupted,
      progress: showProgress,
    };
    // The help and a wrong flag need not wait for DuckDB and Postgres to load.
    const { runRounds } = await import("./rounds.ts");
    let report: Report;
    try {
      report = await runRounds(options);
    } catch (error) {
      if (interrupted.aborted) return 130; // everything is cleaned up
      throw error;
    }
    const render = { text: renderText, json: renderJson, markdown: renderMarkdown }[output];
    print(render(report));
    return exitCodeOf(report, !flags.on("peers"));
  },
});

function showProgress(line: string): void {
  if (Deno.stderr.isTerminal()) showStatus(line);
  else printError(line);
}

function chosenPeers(flags: Flags): readonly Program[] {
  const names = flags.all("peer");
  if (flags.on("peers") && names.length > 0) {
    throw usage(
      "use --peers with --peer",
      "--peers already means all peers",
      "Use one of the two.",
    );
  }
  if (flags.on("peers")) return PEERS;
  const unknown = names.find((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown !== undefined) {
    const known = PEERS.map(({ name }) => name).join(", ");
    throw usage(
      `use --peer ${JSON.stringify(unknown)}`,
      "there is no such peer",
      `Use one of ${known}.`,
    );
  }
  return PEERS.filter(({ name }) => names.includes(name));
}

function whole(flags: Flags, name: string, otherwise: number): number {
  const text = flags.value(name) ?? String(otherwise);
  const least = name === "other-days" ? 0 : 1;
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw usage(
    `use --${name} ${JSON.stringify(text)}`,
    `it is not a whole number from ${least} to 999999999`,
    `Use a number, such as --${name} ${otherwise}.`,
  );
}

function usage(task: string, problem: string, remedy: string): Failure {
  return new Failure({ kind: "configuration", task, problem, remedy });
}
