import type { Finding } from "../../../checks/finding.ts";
import { assertEquals } from "../../support/assert.ts";

const CHANGES = ["apply", "create", "delete", "edit", "label", "patch", "taint", "uncordon"];

/**
 * Asserts that the fix of a finding for people who change files changes no cluster. A Secret is not
 * written into a file, so its command stays.
 */
export function assertFilesAreFixed({ fix, fixInFiles = fix }: Finding): void {
  if (fixInFiles.includes("create secret")) return;
  const commands = [...fixInFiles.matchAll(/kubectl (?:-n \S+ )?(\w+)[^\n]*/g)];
  const changes = commands.filter(([command, verb]) =>
    CHANGES.includes(verb!) && !command.includes("--dry-run")
  );
  assertEquals(changes.map(([command]) => command), [], fixInFiles);
}
