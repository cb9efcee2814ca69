/** The commands that have a page in the runbook as checks have, and what each does. */
export const COMMAND_PAGES: ReadonlyMap<string, string> = new Map([
  ["run", "bring days into bronze and silver, and check each of them"],
  ["amend", "take late events into a day that was published, and lose none"],
  ["status", "how each day stands, and the next command where one is needed"],
  ["show", "rows of one day of bronze or silver, exactly"],
  ["clean", "remove what interrupted runs left of one day"],
]);
