/** The commands that the test cannot run, each with what they need. */
const NEEDS: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^docker /, "Docker, and a registry that accepts the image"],
  [/^kubectl .*\blogs\b/, "a kubelet: no container runs here"],
  [/^kubectl .*\bport-forward\b/, "a kubelet: no container runs here"],
  [/^deno task secrets\b/, "servers with names that pods use, to test the values with a login"],
  [/^deno task preflight .*--credentials cluster/, "servers with names that pods use"],
  [/^deno task exporter$/, "a person who ends it: it runs until Ctrl-C"],
  [/^deno task run .*--engine spark/, "a node that runs pods"],
];

/** Returns what a block needs that the test does not have; undefined if the test can run it. */
export function needOf(text: string): string | undefined {
  for (const line of text.split("\n")) {
    const need = NEEDS.find(([command]) => command.test(line.trim()));
    if (need !== undefined) return need[1];
  }
  return undefined;
}
