import { bronzePrefix } from "../../pipeline/contract/keys.ts";
import { measure } from "./measure.ts";
import type { CommandLine, Installed, Program, Task } from "./program.ts";
import { DAY, peerJob, replayQuery } from "./queries.ts";
import { sparkBronze } from "./spark_peer.ts";
import type { Layer } from "./table.ts";

// The programs of others. Each has an environment of its own, so a peer that cannot be installed
// does not affect the others.

const FOLDER = new URL("peers/", import.meta.url).pathname;
const ALONE = "no fence, recount, digest or marker";

/** The programs that ours are compared with, in the order of the table. */
export const PEERS: readonly Program[] = [
  python({
    name: "duckdb",
    title: "DuckDB {duckdb} postgres scanner, sorts itself",
    environment: "duckdb",
    script: "duckdb_scan.py",
    unlike: `${ALONE}; sorts in DuckDB instead of Postgres`,
  }),
  python({
    name: "duckdb-query",
    title: "DuckDB {duckdb} postgres_query",
    environment: "duckdb",
    script: "duckdb_query.py",
    unlike: ALONE,
  }),
  python({
    name: "polars",
    title: "polars {polars} with connectorx {connectorx}",
    environment: "polars",
    script: "polars_connectorx.py",
    unlike: `${ALONE}; holds the day in memory`,
  }),
  python({
    name: "connectorx",
    title: "connectorx {connectorx} with pyarrow {pyarrow}",
    environment: "connectorx",
    script: "connectorx_pyarrow.py",
    unlike: `${ALONE}; holds the day in memory`,
  }),
  {
    name: "pg2parquet",
    title: `pg2parquet ${/^pg2parquet=(.*)$/m.exec(read("install.sh"))![1]}`,
    layer: "bronze",
    peer: true,
    printsSeconds: false,
    unlike: `${ALONE}; has one precision and scale for all decimals`,
    files: ({ folder }) => `${folder}/day.parquet`,
    async install(signal) {
      const home = await installPeer("pg2parquet", signal);
      return { commandFor: (task) => pg2parquet(home, task) };
    },
  },
  python({
    name: "adbc",
    title: "adbc {adbc-driver-postgresql} with pyarrow {pyarrow}",
    environment: "adbc",
    script: "adbc_pyarrow.py",
    unlike: `${ALONE}; the driver returns numeric as text, and the script makes decimals of it`,
  }),
  python({
    name: "dlt",
    title: "dlt {dlt} with connectorx {connectorx}",
    environment: "dlt",
    script: "dlt_connectorx.py",
    files: ({ folder }) => `${folder}/lake/bronze/stop_events/*.parquet`,
    unlike: `${ALONE}; compresses with its default, snappy; keeps a state of its loads`,
  }),
  sparkBronze,
  python({
    name: "duckdb-replay",
    title: "DuckDB {duckdb}, the same replay",
    layer: "silver",
    environment: "duckdb",
    script: "duckdb_replay.py",
    files: ({ folder }) => `${folder}/silver/*/*.parquet`,
    unlike: "no check of bronze's digest, no fence or marker",
  }),
];

interface PythonPeer {
  readonly name: string;
  /** The title; `{package}` stands for a version. */
  readonly title: string;
  readonly layer?: Layer;
  /** The name of the list of packages. */
  readonly environment: string;
  readonly script: string;
  readonly files?: (task: Task) => string;
  readonly unlike: string;
}

function python(peer: PythonPeer): Program {
  const { name, layer = "bronze", environment, script, unlike } = peer;
  return {
    name,
    title: peer.title.replaceAll(/\{(.+?)\}/g, (_, name) => versionOf(name, environment)),
    layer,
    peer: true,
    printsSeconds: true,
    unlike,
    files: peer.files ?? (({ folder }) => `${folder}/day.parquet`),
    async install(signal): Promise<Installed> {
      const home = await installPeer(environment, signal);
      return {
        commandFor: (task) => ({
          command: `${home}/bin/python`,
          args: ["-B", `${FOLDER}${script}`],
          env: { TZ: "UTC" },
          input: JSON.stringify(layer === "bronze" ? exportOf(task) : replayOf(task)),
        }),
      };
    },
  };
}

function exportOf({ database, folder }: Task) {
  return peerJob(database, folder);
}

function replayOf({ lake, folder }: Task) {
  return {
    replay: replayQuery(`${lake}/${bronzePrefix(DAY)}*.parquet`),
    folder: `${folder}/silver`,
  };
}

function pg2parquet(home: string, { database, folder }: Task): CommandLine {
  const { host, port, name, user, password } = database;
  const { query, file, decimals } = peerJob(database, folder);
  const [precision, scale] = decimals.fill_price!;
  return {
    command: `${home}/bin/pg2parquet`,
    args: [
      "export",
      `--host=${host}`,
      `--port=${port}`,
      `--dbname=${name}`,
      `--user=${user}`,
      `--query=${query}`,
      `--output-file=${file}`,
      "--compression=zstd",
      "--compression-level=1",
      "--numeric-handling=decimal",
      `--decimal-precision=${precision}`,
      `--decimal-scale=${scale}`,
      "--quiet",
    ],
    env: { PGPASSWORD: password },
  };
}

/** The version of a package in an environment's list. */
function versionOf(name: string, environment: string): string {
  const pinned = read(`${environment}.txt`).split(/\s/).find((word) =>
    word.startsWith(`${name}==`)
  );
  return pinned!.slice(name.length + 2);
}

function read(name: string): string {
  return Deno.readTextFileSync(`${FOLDER}${name}`);
}

/**
 * Installs a peer into the cache.
 *
 * @returns its folder
 * @throws {Error} the reason, as the installer says it
 */
async function installPeer(name: string, signal: AbortSignal): Promise<string> {
  // A measured process ends with all its children at Ctrl-C.
  const command = { command: `${FOLDER}install.sh`, args: [name] };
  const { success, stdout, stderr } = await measure(command, signal);
  if (success) return stdout.trim();
  const said = stderr.trim().split("\n");
  throw new Error(
    `cannot be installed: ${said.find((line) => /error/i.test(line)) ?? said.at(-1)}`,
  );
}
