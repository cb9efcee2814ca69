/** The programs that a printed fix can begin with. */
const COMMAND = /(?:^|: )((?:kubectl|printf|deno task) .+)$/s;

/**
 * Returns the command of a printed fix: the whole fix, or what follows its last words of advice.
 *
 * @returns undefined if the fix is advice for a person, without a command
 */
export function commandIn(fix: string): string | undefined {
  return COMMAND.exec(fix)?.[1];
}

/**
 * Returns the commands of findings, each once: several findings can have the same fix.
 *
 * @throws {Error} a fix has no command
 */
export function commandsOf(findings: readonly { readonly fix: string }[]): string[] {
  return [
    ...new Set(findings.map(({ fix }) => {
      const command = commandIn(fix);
      if (command === undefined) throw new Error(`The fix has no command: ${fix}`);
      return command;
    })),
  ];
}
