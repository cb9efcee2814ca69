import type { Lake } from "../../pipeline/lake/lake.ts";
import type { History } from "./history.ts";
import { eventOf } from "./outbox.ts";
import { Broken, type BronzeView, lookAtBronze, lookAtSilver, type SilverView } from "./view.ts";

/** Compares each view of the lake with the views before it and with the history of the outbox. */
export interface Judge {
  /**
   * Inspects both layers.
   *
   * @throws {Broken} the protocol rules out this view
   */
  look(lake: Lake): Promise<void>;
  /**
   * Checks the first sealed view again, once more is known about which events it must contain.
   *
   * @throws {Broken} the day was sealed without an event that the fence could see
   */
  confirmSeal(): void;
  /** The last view of bronze. */
  bronze(): BronzeView | undefined;
  /** The last view of silver. */
  silver(): SilverView | undefined;
  /** The ID of every event that bronze has contained. */
  readonly published: ReadonlySet<string>;
}

/** Options of a judge. */
export interface JudgeOptions {
  readonly history: History;
  /** Returns the IDs of the events that a day must contain when it is first seen as sealed. */
  readonly required: () => Iterable<string>;
  /** True if every state of bronze is seen, so that silver must come from a state that was seen. */
  readonly seesAll: boolean;
}

/** Creates a judge without observations. */
export function createJudge({ history, required, seesAll }: JudgeOptions): Judge {
  const published = new Set<string>();
  /** Each state of bronze that was seen, in order, keyed by the digest of its marker. */
  const states = new Map<string, { readonly view: BronzeView; readonly place: number }>();
  let bronze: BronzeView | undefined;
  let silver: SilverView | undefined;
  let sealedFirst: BronzeView | undefined;

  function confirmSeal(): void {
    if (sealedFirst === undefined) return;
    for (const id of required()) {
      if (sealedFirst.rows.has(id)) continue;
      throw new Broken(`bronze was sealed without event ${id}, which the fence could see`);
    }
  }

  function judgeBronze(now: BronzeView | undefined): void {
    const before = bronze;
    if (now === undefined) {
      if (before !== undefined) throw new Broken("the marker of bronze disappeared");
      return;
    }
    if (now.sha256 === before?.sha256) return;
    if (states.has(now.sha256)) throw new Broken("bronze returned to an earlier state");
    for (const [id, version] of now.rows) {
      if (!history.everHad(id, version)) {
        throw new Broken(
          `bronze has event ${id} with version ${version}, which was never committed`,
        );
      }
    }
    for (const [id, version] of before?.rows ?? []) {
      const has = now.rows.get(id);
      if (has === undefined) throw new Broken(`bronze lost event ${id}`);
      if (before!.commit.state === "sealed" && has !== version) {
        throw new Broken(`sealed bronze changed event ${id} from version ${version} to ${has}`);
      }
    }
    if (before?.commit.state === "sealed" && now.commit.state !== "sealed") {
      throw new Broken("sealed bronze became open again");
    }
    if (before?.commit.state !== "sealed" && now.commit.state === "sealed") {
      sealedFirst = now;
      confirmSeal();
    }
    bronze = now;
    states.set(now.sha256, { view: now, place: states.size });
    for (const id of now.rows.keys()) published.add(id);
  }

  function judgeSilver(now: SilverView | undefined): void {
    const before = silver;
    if (now === undefined) {
      if (before !== undefined) throw new Broken("the marker of silver disappeared");
      return;
    }
    if (now.sha256 === before?.sha256) return;
    const source = states.get(now.commit.bronze.sha256);
    if (source === undefined) {
      if (seesAll) throw new Broken("silver names a state of bronze that never existed");
    } else {
      const expected = replay(source.view);
      const wrong = [...expected].find(([operation, id]) => now.rows.get(operation) !== id);
      if (wrong !== undefined || expected.size !== now.rows.size) {
        throw new Broken(
          `silver differs from a replay of its bronze: ${wrong ?? "too many operations"}`,
        );
      }
      if (now.commit.state !== source.view.commit.state) {
        throw new Broken(`silver is ${now.commit.state}, but its bronze is not`);
      }
      const place = before && states.get(before.commit.bronze.sha256)?.place;
      if (place !== undefined && source.place < place) {
        throw new Broken("silver went back to an older bronze");
      }
    }
    silver = now;
  }

  return {
    async look(lake) {
      // Read silver first. The bronze that it names existed earlier, so a later read of bronze sees
      // it.
      const silverNow = await lookAtSilver(lake);
      judgeBronze(await lookAtBronze(lake));
      judgeSilver(silverNow);
    },
    confirmSeal,
    bronze: () => bronze,
    silver: () => silver,
    published,
  };
}

/** Replays bronze by the rule of the outbox: the last event of each operation wins. */
export function replay({ rows }: Pick<BronzeView, "rows">): Map<string, string> {
  const last = new Map<string, string>();
  for (const id of [...rows.keys()].sort()) {
    const { operation } = eventOf(parseInt(id.slice(-12), 16));
    last.set(String(operation), id);
  }
  return last;
}
