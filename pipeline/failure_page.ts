import pages from "../manifests/image/jobs/deep_storage/failure_pages.json" with { type: "json" };

/**
 * Returns the page of the runbook about a failure of a run. The jobs of Spark read the same list of
 * pages. The first entry that matches decides.
 *
 * @param summary the failed operation and the cause: `Cannot <task>: <problem>`
 * @returns undefined if the message says enough, as for wrong usage
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { pageOf } from "./failure_page.ts";
 *
 * assertEquals(pageOf("Cannot read from robson@db/rbsdb: a lock was not free within 60 s"), "table-lock");
 * assertEquals(pageOf("Cannot use --date x: it is not a day"), undefined);
 * ```
 */
export function pageOf(summary: string): string | undefined {
  return pages.find(({ failure }) => new RegExp(failure, "su").test(summary))?.page;
}
