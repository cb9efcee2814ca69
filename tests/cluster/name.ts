import { Failure } from "../../pipeline/errors.ts";
import type { Flags } from "../../tasks/cli/flags.ts";

/** The default name of a cluster. */
export const DEFAULT_NAME = "deep-storage";

/**
 * Returns the name of the cluster that a command acts on.
 *
 * @throws {Failure} configuration: the name is invalid
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
