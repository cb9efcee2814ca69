import { type Columns, isLost, type NullSite } from "./frame_columns.ts";

/** What becomes of a null: it reaches a file, it does not, or the reason why that is not known. */
export type Fate = "reaches" | "harmless" | { readonly unknown: string };

/** What is known of the nulls of a source. */
export class Fates {
  readonly #reached = new Set<NullSite>();
  readonly #unsure = new Map<NullSite, string>();
  readonly #harmless = new Set<NullSite>();

  /**
   * What becomes of a null. A null that never meets a frame is taken for one that is written.
   *
   * @param isWhole whether the whole source was followed
   */
  of(site: NullSite, isWhole: boolean): Fate {
    if (this.#reached.has(site)) return "reaches";
    const unknown = isWhole ? this.#unsure.get(site) : "the code is too long to follow";
    if (unknown !== undefined) return { unknown };
    return this.#harmless.has(site) ? "harmless" : "reaches";
  }

  /** Columns reach a file. */
  reach(columns: Columns): void {
    for (const { sites, unsure } of columns.values()) {
      if (unsure !== undefined) this.doubt(sites, unsure);
      else for (const site of sites) this.#reached.add(site);
    }
  }

  /** It is not known what becomes of nulls. */
  doubt(sites: Iterable<NullSite>, reason: string): void {
    for (const site of sites) this.#unsure.set(site, reason);
  }

  /** Columns go nowhere. */
  readonly forget = (columns: Columns): void => {
    for (const { sites } of columns.values()) for (const site of sites) this.#harmless.add(site);
  };

  /** Columns are made from others, of which the lost ones go nowhere. */
  keep(before: Columns, after: Columns): Columns {
    this.forget(new Map([...before].filter(([, each]) => isLost(each, after))));
    return after;
  }
}
