import type { Lake } from "../../pipeline/lake/lake.ts";
import type { History } from "./history.ts";
import { eventOf } from "./outbox.ts";
import { Broken, type BronzeView, lookAtBronze, lookAtSilver, type SilverView } from "./view.ts";

/** Holds what is seen of the lake against what was seen before and what happened to the outbox. */
export interface Judge {
  /**
   * Looks at both layers.
   *
   * @throws {Broken} something is to be seen that the protocol rules out
   */
  look(lake: Lake): Promise<void>;
  /**
   * Looks back at how the day was seen sealed first, when more is known of what it had to have then.
   *
   * @throws {Broken} it was sealed without an event that the fence could see
   */
  confirmSeal(): void;
  /** Bronze as it was seen last. */
  bronze(): BronzeView | undefined;
  /** Silver as it was seen last. */
  silver(): SilverView | undefined;
  /** Every event that was ever seen in bronze. */
  readonly published: ReadonlySet<string>;
}

/** What a judge goes by. */
export interface JudgeOptions {
  readonly history: History;
  /** The events that a day must have that is seen sealed for the first time. */
  readonly required: () => Iterable<string>;
  /** Whether each state of bronze is seen, so that a silver made from an unseen one is wrong. */
  readonly seesAll: boolean;
}

/** Makes a judge that has seen nothing yet. */
export function createJudge({ history, required, seesAll }: JudgeOptions): Judge {
  const published = new Set<string>();
  /** Each state of bronze that was seen, in the order in which they came. */
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
      if (before !== undefined) throw new Broken("bronze had a marker and has none");
      return;
    }
    if (now.sha256 === before?.sha256) return;
    if (states.has(now.sha256)) throw new Broken("bronze came back to a state that it had before");
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
        throw new Broken(`bronze was sealed with version ${version} of ${id} and has ${has} now`);
      }
    }
    if (before?.commit.state === "sealed" && now.commit.state !== "sealed") {
      throw new Broken("bronze was sealed and is open again");
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
      if (before !== undefined) throw new Broken("silver had a marker and has none");
      return;
    }
    if (now.sha256 === before?.sha256) return;
    const source = states.get(now.commit.bronze.sha256);
    if (source === undefined) {
      if (seesAll) throw new Broken("silver names a state of bronze that there never was");
    } else {
      const expected = replay(source.view);
      const wrong = [...expected].find(([operation, id]) => now.rows.get(operation) !== id);
      if (wrong !== undefined || expected.size !== now.rows.size) {
        throw new Broken(`silver is no replay of its bronze: ${wrong ?? "operations too many"}`);
      }
      if (now.commit.state !== source.view.commit.state) {
        throw new Broken(`silver is ${now.commit.state}, and its bronze is not`);
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
      // Silver first: the bronze that it names was there before it, so that one is looked at after.
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

/** Silver of a bronze, by the outbox's own rule: the last event of each operation. */
export function replay({ rows }: Pick<BronzeView, "rows">): Map<string, string> {
  const last = new Map<string, string>();
  for (const id of [...rows.keys()].sort()) {
    const { operation } = eventOf(parseInt(id.slice(-12), 16));
    last.set(String(operation), id);
  }
  return last;
}
