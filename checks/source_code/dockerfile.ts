import { blank, type Code } from "./code.ts";

/** An instruction of a Dockerfile. */
export interface Instruction {
  /** The name in capitals, as in `FROM`. */
  readonly name: string;
  /** The arguments: continued lines joined by spaces, variables of `ARG` and `ENV` filled in. */
  readonly text: string;
  /** The start of the instruction in the text. */
  readonly offset: number;
  /** The end of the instruction in the text, after its here-documents. */
  readonly end: number;
}

/** The instructions of a Dockerfile, in the order of the file. */
export function instructionsOf({ text }: Code): Instruction[] {
  const plain = text.replace(/^[ \t]*#[^\n]*/gm, blank);
  const variables = new Map<string, string>();
  const instruction = /^[ \t]*([A-Za-z]+)[ \t]+((?:[^\n\\]|\\(?!\r?\n)|\\\r?\n(?:[ \t]*\n)*)*)/gm;
  const found: Instruction[] = [];
  let end = 0;
  for (const { 0: whole, 1: name, 2: rest, index } of plain.matchAll(instruction)) {
    // The lines of a here-document are not instructions.
    if (index < end) continue;
    const inner = heredocAfter(plain, index + whole.length, rest!);
    end = index + whole.length + inner.length;
    const upper = name!.toUpperCase();
    // Each line of a here-document of RUN is a command.
    const lines = upper === "RUN" ? inner.replace(/\\\r?\n/g, " ").replace(/\n/g, " ; ") : inner;
    const joined = `${rest}${lines}`.replace(/\\\r?\n/g, " ").replace(/\s+/g, " ").trim();
    const own = upper === "RUN" ? assignmentsIn(joined) : [];
    const known = new Map([...variables, ...own]);
    const filled = joined.replace(
      /\$\{?(\w+)(?::?-([^}]*))?\}?/g,
      (found, variable, otherwise) => known.get(variable) ?? otherwise ?? found,
    );
    if (upper === "ARG" || upper === "ENV") {
      for (const [, key, value] of filled.matchAll(/(\w+)[= ]("[^"]*"|\S+)/g)) {
        variables.set(key!, value!.replace(/^"|"$/g, ""));
      }
    }
    found.push({ name: upper, text: filled, offset: index, end });
  }
  return found;
}

/** The here-documents that begin in an instruction, whose lines follow the instruction. */
function heredocAfter(text: string, offset: number, instruction: string): string {
  const names = [...instruction.matchAll(/<<-?\s*["']?(\w+)["']?/g)].map(([, name]) => name!);
  let end = offset;
  for (const name of names) {
    const close = new RegExp(`^[ \\t]*${name}[ \\t]*\r?$`, "m").exec(text.slice(end));
    if (close !== null) end += close.index + close[0].length;
  }
  return text.slice(offset, end);
}

/** The variables that a shell command sets to plain values. */
function assignmentsIn(command: string): [string, string][] {
  return [...command.matchAll(/(?:^|[\s;&|(])([A-Za-z_]\w*)=["']?([\w.:/@+-]+)["']?(?=[\s;&|]|$)/g)]
    .map(([, name, value]) => [name!, value!]);
}

/** A stage of a Dockerfile, which begins with FROM. */
export interface Stage {
  /** The name after AS; undefined if the stage has none. */
  readonly name: string | undefined;
  /** The image or the stage after FROM. */
  readonly image: string;
  /** The instruction FROM. */
  readonly from: Instruction;
  /** The other instructions of the stage. */
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, in the order of the file. */
export function stagesOf(instructions: readonly Instruction[]): Stage[] {
  const starts = instructions.flatMap(({ name }, i) => name === "FROM" ? [i] : []);
  const stages = starts.map((start, i): Stage => {
    const from = instructions[start]!;
    const words = from.text.split(" ").filter((word) => !word.startsWith("--"));
    return {
      name: /^as$/i.test(words[1] ?? "") ? words[2] : undefined,
      image: words[0] ?? "",
      from,
      instructions: instructions.slice(start + 1, starts[i + 1]),
    };
  });
  return stages.map((stage, i) => {
    const below = stages.slice(0, i).find(({ name }) => name !== undefined && name === stage.image);
    const triggers = below?.instructions.flatMap(triggered) ?? [];
    return { ...stage, instructions: [...triggers, ...stage.instructions] };
  });
}

/** The stages whose files are the files of the image: the last stage, and the stages below it. */
export function finalStages(stages: readonly Stage[]): Stage[] {
  const chain: Stage[] = [];
  for (let stage = stages.at(-1); stage !== undefined && !chain.includes(stage);) {
    chain.unshift(stage);
    const { image } = stage;
    stage = stages.find(({ name }) => name === image);
  }
  return chain;
}

/** The instruction of `ONBUILD`, which the stages above run first. */
function triggered({ name, text, ...place }: Instruction): Instruction[] {
  const [, own, rest] = name === "ONBUILD" ? /^(\w+)\s+(.*)$/.exec(text) ?? [] : [];
  return own === undefined ? [] : [{ ...place, name: own.toUpperCase(), text: rest! }];
}

/** The stages or images that instructions copy files from. */
export function copiedFrom({ instructions }: Pick<Stage, "instructions">): string[] {
  // ONBUILD is for images that are built on this one.
  return instructions.filter(({ name }) => name !== "ONBUILD").flatMap(({ text }) =>
    [...text.matchAll(/--(?:from=|mount=\S*\bfrom=)([^\s,]+)/g)].map(([, from]) => from!)
  );
}

/** The words of COPY or ADD after its options: the sources, and the target. */
export function wordsOfCopy(text: string): string[] {
  const rest = text.replace(/^(--\S+\s+)+/, "");
  const words = jsonWords(rest) ??
    rest.split(" ").map((word) => word.replace(/^(["'])(.*)\1$/, "$2"));
  if (!words[0]?.startsWith("<<")) return words;
  // A here-document is a file with the name of its delimiter. Its lines follow the target.
  const target = words.findIndex((word) => !word.startsWith("<<"));
  return words.slice(0, target + 1).map((word) => word.replace(/^<<-?|["']/g, ""));
}

/** The words of the JSON form of COPY or RUN; undefined for the form of a shell, as with `[a-z]*.py`. */
export function jsonWords(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) ? words.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** The text of a Dockerfile without its `RUN` instructions, with equal offsets. */
export function withoutBuildCommands(code: Code): string {
  return instructionsOf(code).filter(({ name }) => name === "RUN").reduce(
    (text, { offset, end }) =>
      text.slice(0, offset) + blank(text.slice(offset, end)) + text.slice(end),
    code.text,
  );
}

/** The names of the variables that a Dockerfile sets with `ENV`; empty for other code. */
export function variablesSetBy(code: Code): string[] {
  if (code.language !== "dockerfile") return [];
  return instructionsOf(code).filter(({ name }) => name === "ENV")
    .flatMap(({ text }) => [...text.matchAll(/(?:^|\s)(\w+)(?:=| )/g)].map(([, name]) => name!));
}
