import { blank, type Code } from "./code.ts";

/** An instruction of a Dockerfile. */
export interface Instruction {
  /** The name in capitals, as in `FROM`. */
  readonly name: string;
  /** The arguments: continued lines joined by spaces, variables of `ARG` and `ENV` filled in. */
  readonly text: string;
  /** The start of the instruction in the text. */
  readonly offset: number;
}

/** The instructions of a Dockerfile, in the order of the file. */
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

/** The names of the variables that a Dockerfile sets with `ENV`; empty for other code. */
export function imageVariables(code: Code): string[] {
  if (code.language !== "dockerfile") return [];
  return instructionsOf(code).filter(({ name }) => name === "ENV")
    .flatMap(({ text }) => [...text.matchAll(/(?:^|\s)(\w+)(?:=| )/g)].map(([, name]) => name!));
}
