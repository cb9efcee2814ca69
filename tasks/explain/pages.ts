/** The commands that have a page in the runbook, each with a short description. */
export const COMMAND_PAGES: ReadonlyMap<string, string> = new Map([
  ["run", "copy days into bronze and silver, and check each day"],
  ["amend", "add late events to a published day"],
  ["status", "show the state of each day and the next command"],
  ["show", "print rows of one day of bronze or silver, exactly"],
  ["clean", "remove the leftovers of interrupted runs of one day"],
]);
