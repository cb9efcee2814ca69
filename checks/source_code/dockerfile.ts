import { blank, type Code } from "./code.ts";

/** An instruction of a Dockerfile. */
export interface Instruction {
  /** As in `FROM`. */
  readonly name: string;
  /** The rest of it, continued lines joined by spaces, variables of `ARG` and `ENV` filled in. */
  readonly text: string;
  /** Where it begins in the text. */
  readonly offset: number;
}

/** Reads a Dockerfile's instructions. */
export function instructionsOf({ text }: Code): Instruction[] {
  const plain = text.replace(/^[ \t]*#[^\n]*/gm, blank);
  const variables = new Map<string, string>();
  const instruction = /^[ \t]*([A-Za-z]+)[ \t]+((?:[^\n\\]|\\(?!\r?\n)|\\\r?\n(?:[ \t]*\n)*)*)/gm;
  return [...plain.matchAll(instruction)].map(({ 1: name, 2: rest, index }) => {
    const joined = rest!.replace(/\\\r?\n/g, " ").replace(/\s+/g, " ").trim();
    const filled = joined.replace(
      /\$\{?(\w+)(?::?-([^}]*))?\}?/g,
      (found, variable, otherwise) => variables.get(variable) ?? otherwise ?? found,
    );
    const upper = name!.toUpperCase();
    if (upper === "ARG" || upper === "ENV") {
      for (const [, key, value] of filled.matchAll(/(\w+)[= ]("[^"]*"|\S+)/g)) {
        variables.set(key!, value!.replace(/^"|"$/g, ""));
      }
    }
    return { name: upper, text: filled, offset: index };
  });
}
