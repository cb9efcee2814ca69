import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { commandOf, ROOT, runTask } from "../support/task.ts";
import { until } from "../cluster/until.ts";
import type { Entry, Report } from "./table.ts";

// A small run of the benchmark: everything in it works, and the values are equal. Times and memory
// are not judged.

const INSTALL = new URL("peers/install.sh", import.meta.url).pathname;
/** The peers that install in a few seconds. */
const QUICK = ["duckdb", "connectorx"];

async function missingPeers(): Promise<string[]> {
  const missing: string[] = [];
  for (const name of QUICK) {
    const { stdout } = await new Deno.Command(INSTALL, { args: ["--where", name] }).output();
    if (stdout.length === 0) missing.push(name);
  }
  return missing;
}

/** The variables that select the cache folder, if they are set. */
function cacheEnvironment(): Record<string, string> {
  const names = ["DEEP_STORAGE_CACHE", "XDG_CACHE_HOME"].filter((name) => Deno.env.has(name));
  return Object.fromEntries(names.map((name) => [name, Deno.env.get(name)!]));
}

const missing = await missingPeers();
const lacking = missing.length === 0
  ? ""
  : ` (run tests/bench/peers/install.sh ${missing.join(" and ")})`;

Deno.test({
  name: `bench: compares a small day with DuckDB and connectorx${lacking}`,
  ignore: missing.length > 0 && Deno.env.get("CI") !== "true",
  async fn() {
    assertEquals(missing, [], lacking);
    const names = ["duckdb", "duckdb-query", "connectorx", "duckdb-replay"];
    const small = ["--events", "3000", "--rounds", "1", "--output", "json"];
    const { code, stdout, stderr } = await runTask(
      "bench",
      small.concat(names.flatMap((name) => ["--peer", name])),
      cacheEnvironment(),
    );
    assertEquals(code, 0, stderr);
    const report: Report = JSON.parse(stdout);
    assertEquals(report.absent, []);
    const verdicts = report.entries.map(({ name, verdict }) => [name, verdict?.summary]);
    assertEquals(verdicts, [
      ["floor", undefined],
      ["bronze", "exact"],
      ["silver", "exact"],
      ["postflight", undefined],
      ["duckdb", "exact"],
      ["duckdb-query", "exact"],
      ["connectorx", "equal; decimals widened"],
      ["duckdb-replay", "exact"],
    ]);
    assertEquals(report.rows.bronze, 3000);
    assert(report.rows.silver > 0);
    for (const entry of report.entries) assertMeasured(entry);
  },
});

function assertMeasured({ name, runs }: Entry): void {
  assertEquals(runs.length, 1, name);
  const { seconds, workSeconds, cpuSeconds } = runs[0]!;
  assert(0 < workSeconds && workSeconds <= seconds, `${name}: ${workSeconds} of ${seconds} s`);
  assert(cpuSeconds > 0, name);
}

Deno.test("bench: lists a peer that cannot be installed, with exit code 3 if it was named", async () => {
  const { code, stdout } = await runTask(
    "bench",
    ["--events", "10", "--rounds", "1", "--peer", "polars"],
    { DEEP_STORAGE_CACHE: "/dev/null/cache" },
  );
  assertEquals(code, 3);
  const [, list] = stdout.split("Not run:\n");
  assertStringIncludes(list!, "polars");
  assertStringIncludes(list!, "cannot be installed: mkdir");
});

Deno.test("bench: refuses wrong flags with exit code 2", async () => {
  for (
    const args of [["--peer", "nothing"], ["--peers", "--peer", "duckdb"], ["--events", "1.5"]]
  ) {
    assertEquals((await runTask("bench", args)).code, 2, args.join(" "));
  }
});

Deno.test("bench: Ctrl-C stops Postgres and removes all files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.chmod(folder, 0o777); // for the user of Postgres
    const [program, ...args] = commandOf("bench", ["--events", "10", "--rounds", "1000"]);
    const child = new Deno.Command(program!, {
      args,
      cwd: ROOT,
      env: { TMPDIR: folder },
      stdout: "null",
      stderr: "null",
    }).spawn();
    const entries = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
    await until("a round runs", async () => {
      const bench = entries().find((name) => name.startsWith("bench-"));
      for await (const { name } of Deno.readDir(`${folder}/${bench}`)) {
        if (name.startsWith("lake-")) return true;
      }
      return false;
    });
    child.kill("SIGINT");
    assertEquals((await child.status).code, 130);
    await until("all files are removed", () => Promise.resolve(entries().length === 0));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
