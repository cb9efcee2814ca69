import type { DatabaseConfig } from "../../pipeline/config.ts";
import { bronzePrefix, SILVER_PREFIX } from "../../pipeline/contract/keys.ts";
import { commandOf, environment } from "../support/task.ts";
import { DAY, floorQuery } from "./queries.ts";
import type { Layer } from "./table.ts";
import type { Work } from "./worker.ts";

/** What a program needs for one run. */
export interface Task {
  readonly database: DatabaseConfig;
  /** The directory of our lake in this round. */
  readonly lake: string;
  /** An empty folder for the files of another program. */
  readonly folder: string;
}

/** A command line. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The text for standard input. */
  readonly input?: string;
}

/** A program that is ready to run. */
export interface Installed {
  /** Returns the command line of one run. */
  commandFor(task: Task): CommandLine;
  /** Fetches the files of a run into the folder of the task, if they are elsewhere. */
  collect?(task: Task): Promise<void>;
  /** Stops the servers of the program. */
  stop?(): Promise<void>;
}

/** A program to measure. */
export interface Program {
  /** The name for the command line, such as `duckdb-query`. */
  readonly name: string;
  /** The name in the table, with the version of a peer. */
  readonly title: string;
  /** The layer that the program makes. */
  readonly layer: Layer;
  /** Installs the program if necessary. The message of an error is the reason that it cannot run. */
  install(signal: AbortSignal): Promise<Installed>;
  /** The path of the files to compare, with `*`. Absent if the program writes none. */
  files?(task: Task): string;
  /** Whether the program prints the seconds of its work as JSON. */
  readonly printsSeconds: boolean;
  /** Whether the program runs in the first round only, because a run takes long. */
  readonly once?: boolean;
  /** True for a program that ours are compared with. The others can run without it. */
  readonly peer?: true;
  /** What the program does not do, or does differently. */
  readonly unlike?: string;
}

/**
 * Our two layers, the baseline of bronze (a COPY whose bytes are discarded), and the command that
 * compares the layers with the outbox.
 */
export const OWN: readonly Program[] = [
  ours("floor", "bronze", "floor: COPY BINARY into nothing"),
  {
    ...ours("bronze", "bronze", "deno task bronze"),
    files: ({ lake }) => `${lake}/${bronzePrefix(DAY)}*.parquet`,
  },
  {
    ...ours("silver", "silver", "deno task silver"),
    files: ({ lake }) => `${lake}/${SILVER_PREFIX}*/date=${DAY}/*.parquet`,
  },
  {
    name: "postflight",
    title: "deno task postflight",
    layer: "bronze",
    printsSeconds: false,
    install: () => Promise.resolve({ commandFor: postflightCommand }),
    unlike: "reads the outbox and both layers, and compares them; its work includes its start",
  },
];

function postflightCommand({ database, lake }: Task): CommandLine {
  const [command, ...args] = commandOf("postflight", [DAY]);
  return { command: command!, args, env: environment(database, lake) };
}

function ours(kind: Work["kind"], layer: Layer, title: string): Program {
  return {
    name: kind,
    title,
    layer,
    printsSeconds: true,
    async install() {
      const v8 = await v8Flags();
      return { commandFor: (task) => workerCommand(kind, task, v8) };
    },
  };
}

/** Returns the command line of a worker. Each run is a process of its own, as with the tasks. */
function workerCommand(
  kind: Work["kind"],
  { database, lake }: Task,
  v8: string,
): CommandLine {
  const worker = new URL("worker.ts", import.meta.url).pathname;
  return {
    command: Deno.execPath(),
    args: ["run", "-q", "-P=test", v8, worker],
    input: JSON.stringify({ kind, database, lake, day: DAY, query: floorQuery() } satisfies Work),
  };
}

/** The flags of V8 that the task bronze has in deno.json. */
async function v8Flags(): Promise<string> {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  return /--v8-flags=\S+/.exec(tasks.bronze.command)![0];
}
