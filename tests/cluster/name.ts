import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "../../tasks/cli/flags.ts";

/** What a cluster is called unless told. */
export const DEFAULT_NAME = "deep-storage";

/**
 * The cluster that a command is about.
 *
 * @throws {Failure} configuration: a name that cannot be one
 */
export function clusterName(flags: Flags): string {
  const name = flags.value("name") ?? DEFAULT_NAME;
  if (/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) return name;
  throw new Failure({
    kind: "configuration",
    task: `use --name ${JSON.stringify(name)}`,
    problem: "a name has up to 40 small letters, digits and dashes",
    remedy: `Leave it out for ${DEFAULT_NAME}.`,
  });
}
