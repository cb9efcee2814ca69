import type { Code } from "./code.ts";
import type { Instruction, Stage } from "./dockerfile.ts";

/** A variable of a build that has no value where an instruction uses it. */
export interface UnsetArgument {
  /** The name, as in `HADOOP_VERSION`. */
  readonly name: string;
  /** The instruction that uses the variable. */
  readonly instruction: Instruction;
}

/** Variables that base images set, beside those of `ARG`. */
const OF_BASE =
  /^(?:JAVA|PYTHON|MAVEN|GRADLE|NODE|GOLANG|RUST|GPG|LC|SPARK_(?:HOME|TGZ))(?:_|$)|^(?:LANG|PATH|HOME|PWD|USER|HOSTNAME)$/;

/**
 * The variables that `ARG` sets before the first `FROM`, and that a stage uses without an `ARG` of its
 * own. Docker gives them no value there.
 *
 * @param code the Dockerfile
 * @param instructions its instructions
 * @param stages its stages
 */
export function unsetArguments(
  { text }: Code,
  instructions: readonly Instruction[],
  stages: readonly Stage[],
): UnsetArgument[] {
  const first = instructions.findIndex(({ name }) => name === "FROM");
  const rawOf = ({ offset, end }: Instruction) => text.slice(offset, end);
  const names = instructions.slice(0, Math.max(first, 0)).filter(({ name }) => name === "ARG")
    .flatMap((each) => namesSet(rawOf(each))).filter((name) => !OF_BASE.test(name));
  const declared = new Map<string | undefined, ReadonlySet<string>>();
  return stages.flatMap(({ name, image, instructions }) => {
    const own = new Set(declared.get(image));
    const found = instructions.flatMap((instruction): UnsetArgument[] => {
      const raw = rawOf(instruction);
      if (instruction.name === "ARG" || instruction.name === "ENV") {
        for (const each of namesSet(raw)) own.add(each);
      }
      return /^(?:ADD|COPY|RUN|WORKDIR)$/.test(instruction.name)
        ? names.filter((each) => !own.has(each) && isUsed(each, raw))
          .map((each) => ({ name: each, instruction }))
        : [];
    });
    if (name !== undefined) declared.set(name, own);
    return found;
  });
}

/** The names of the variables that ARG or ENV sets. */
function namesSet(instruction: string): string[] {
  const rest = instruction.trim().replace(/^\w+\s+/, "").replaceAll(/\\\r?\n/g, " ");
  const [alone] = /^\w+(?=\s|$)/.exec(rest) ?? [];
  return alone !== undefined && !rest.includes("=")
    ? rest.split(/\s+/).filter((word) => /^\w+$/.test(word)).slice(
      0,
      /^ENV/i.test(instruction) ? 1 : undefined,
    )
    : [...rest.matchAll(/(?:^|\s)(\w+)(?==|\s|$)/g)].map(([, name]) => name!);
}

/** Returns whether an instruction uses a variable without a default, and does not set it itself. */
function isUsed(name: string, instruction: string): boolean {
  return new RegExp(`\\$(?:${name}\\b|\\{${name}\\})`).test(instruction) &&
    !new RegExp(`(?:^|[\\s;&(])(?:export\\s+|read\\s+|for\\s+)?${name}(?:=|\\s+in\\s)`).test(
      instruction,
    );
}
