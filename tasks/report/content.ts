import type { Report } from "../../checks/report/report.ts";
import type { RecordedStep, RecordedWork, Sample } from "../days/recorded_steps.ts";
import type { FixPiece } from "../../checks/report/fix_pieces.ts";

/** What an HTML report shows, as plain data. Each part is absent if its command has none. */
export interface Content {
  /** The command of the report, such as `preflight`. */
  readonly command: string;
  /** The time of the report in UTC, such as `2025-12-29 04:00:10`. */
  readonly made: string;
  /** The command line, the version, and what the command looked at. */
  readonly about?: About;
  /** The exit code of the command, and what it means; absent if the command runs until it is stopped. */
  readonly exit?: { readonly code: number; readonly means: string };
  /** How a server updates the page; absent for a file. */
  readonly live?: Live;
  /** The reports of the checks, one per day for the checks after a run. */
  readonly checks?: readonly Report[];
  /** The connections that policies allow. */
  readonly reach?: ReachData;
  /** The state of the lake by day. */
  readonly calendar?: CalendarData;
  /** What happened while days were made. */
  readonly runs?: readonly RunData[];
}

/** What the top of a report says about its command. */
export interface About {
  /** The command line as it was run, such as `deno task preflight --facts manifests`. */
  readonly commandLine: string;
  /** The version of the toolkit. */
  readonly version: string;
  /** What the command looked at, each with its name, as in `lake` and `s3://rbs at https://…`. */
  readonly lookedAt: readonly (readonly [what: string, name: string])[];
}

/** How a server updates a page. */
export interface Live {
  /** The seconds between two updates. */
  readonly interval: number;
  /** The age of the data in milliseconds; absent if the data could not be read. */
  readonly age?: number;
  /** Why the data could not be read; the page then keeps what it has. */
  readonly failure?: string;
}

/** The connections that the policies of a directory allow, as numbers into lists. */
export interface ReachData {
  readonly directory: string;
  /** The limits of the picture, as sentences. */
  readonly notes: readonly string[];
  /** Workloads of one namespace that every policy treats the same. */
  readonly groups: readonly {
    readonly namespace: string;
    readonly class: number;
    /** The workloads, each as kind and name. */
    readonly names: readonly string[];
    /** Whether the group is one pod, which can always reach itself. */
    readonly isPod: boolean;
    /** Whether the pods use their node's network, where no policy applies. */
    readonly onNode: boolean;
  }[];
  /** The sets of ports: `""` for none, and whether the set has every port. */
  readonly ports: readonly { readonly text: string; readonly every: boolean }[];
  /**
   * For each class, the ports that are open to each other class, by their numbers in `ports`: pairs of
   * a number and its repetitions.
   */
  readonly open: readonly (readonly number[])[];
  /** The lists of outside addresses, each with the number of its ports. */
  readonly outside: readonly (readonly (readonly [addresses: string, ports: number])[])[];
  /** For each class, the number of its list in `outside`. */
  readonly outward: readonly number[];
  readonly inward: readonly number[];
  /** The policies, each as its name and the place of its declaration. */
  readonly policies: readonly { readonly name: string; readonly where: string }[];
  /** For each class, the policies that isolate it. */
  readonly isolating: readonly Readonly<Record<Side, readonly number[]>>[];
  readonly rules: readonly RuleData[];
  /** The sets of classes that peers select. */
  readonly selections: readonly (readonly number[])[];
}

/** The directions of a rule. */
export type Side = "egress" | "ingress";

/** A rule of a policy. */
export interface RuleData {
  readonly policy: number;
  readonly side: Side;
  readonly path: string;
  /** The peers; none means all addresses and pods. */
  readonly peers: readonly {
    readonly path: string;
    readonly says: string;
    /** The number of its set in `selections`. */
    readonly selects: number;
    /** Whether the peer selects addresses. */
    readonly isBlock: boolean;
  }[];
  /** The ports; none means every port. */
  readonly ports: readonly string[];
}

/** What an HTML report needs from files, as plain data. */
export interface Template {
  /** The style sheet. */
  readonly style: string;
  /** The scripts: the libraries first. */
  readonly scripts: readonly string[];
  /** The pages of the runbook in Markdown, with the names of the platform, by name. */
  readonly pages: Readonly<Record<string, string>>;
}

/** The state of a layer of a day in the calendar. */
export type CellState =
  | "sealed"
  | "open"
  | "empty"
  | "quarantined"
  | "stale"
  | "missing"
  | "waiting"
  | "unusable";

/** The state of the lake by day. */
export interface CalendarData {
  readonly days: readonly DayData[];
  /** What is known about the outbox, as a sentence. */
  readonly outbox: string;
  /** Whether the outbox was read, so that late and lost events are known. */
  readonly isCompared: boolean;
  /** Why no run is possible; absent if one is. */
  readonly obstacle?: string;
}

/** A day in the calendar. */
export interface DayData {
  readonly day: string;
  readonly bronze: LayerData;
  readonly silver: LayerData;
  /** Events that arrived after the day was sealed: those that amendments added, and those to add. */
  readonly late: number;
  /** Hours from the end of the day to the last publication of bronze; absent without a marker. */
  readonly lag?: number;
  readonly notes: readonly string[];
  /** What to do next. */
  readonly next?: readonly FixPiece[];
}

/** A layer of a day. */
export interface LayerData {
  readonly state: CellState;
  readonly rows?: number;
  readonly bytes?: number;
  /** When its marker was stored, such as `2025-12-29T00:20:00Z`. */
  readonly published?: string;
  readonly parts: readonly (readonly [key: string, rows: number, bytes: number])[];
}

/** What happened while a day was made. Times are seconds since the start of the process. */
export interface RunData {
  readonly day: string;
  /** The state of each layer, as in `sealed` or `failed`. */
  readonly bronze?: string | undefined;
  readonly silver?: string | undefined;
  readonly exitCode: number;
  /** Why the day failed, if it ended with an error. */
  readonly failure?: string | undefined;
  readonly steps: readonly RecordedStep[];
  readonly samples: readonly Sample[];
  /** The work on parts, if it was measured. */
  readonly work?: readonly RecordedWork[];
  /** The seconds of bronze, silver and postflight. */
  readonly seconds: Readonly<Record<string, number>>;
}
