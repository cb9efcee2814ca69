import type { AnyLayer } from "./facts/layer.ts";

/** The command that publishes a layer's day, and what is made from it. */
export function runCommand({ layer, day }: Pick<AnyLayer, "layer" | "day">): string {
  const silver = `deno task silver --date ${day}`;
  return layer === "silver" ? silver : `deno task bronze --date ${day} && ${silver}`;
}

/**
 * How to publish a day anew. A run never rewrites a sealed day, so its marker has to go first; bronze
 * can only be made again while the outbox still has the day.
 */
export function publishAgain(fact: AnyLayer): string {
  if (fact.marker?.commit.state !== "sealed") return runCommand(fact);
  const again = `remove ${fact.markerKey}, then run: ${runCommand(fact)}`;
  return fact.layer === "silver"
    ? `${again[0]!.toUpperCase()}${again.slice(1)}`
    : `Restore it from a backup; or, if the outbox still has the day, ${again}`;
}
