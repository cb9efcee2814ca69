import { Failure } from "../../pipeline/errors.ts";
import { readFlags } from "../../tasks/cli/flags.ts";
import { TARGETS } from "./targets.ts";
import { type Broken, tryTarget } from "./trial.ts";

const HELP =
  `Feeds damaged input to every parser of the project. Each parser must end within 2 s of CPU time,
with a result or with a documented error.

Usage: deno task fuzz [--inputs N] [--seed S] [--target NAME [--input I]]

  --inputs N     the number of inputs for all parsers together; default: 20000
  --seed S       the seed of the inputs; default: random
  --target NAME  try only one parser: ${TARGETS.map(({ name }) => name).join(", ")}
  --input I      try only one input of that parser, by its number in the output

Examples:
  deno task fuzz                               20000 inputs, for all parsers together
  deno task fuzz --inputs 1000000 --seed 7     more inputs, the same ones each time
`;

/** Reads a whole number from a flag. */
function count(flags: ReturnType<typeof readFlags>, name: string): number | undefined {
  const text = flags.value(name);
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? text : Number(text);
  throw new Failure({
    kind: "configuration",
    task: `use --${name} ${text}`,
    problem: "it is not a whole number",
    remedy: "Give one.",
  });
}

async function main(args: readonly string[]): Promise<number> {
  const flags = readFlags(args, { values: ["inputs", "seed", "target", "input"], switches: [] });
  if (flags.on("help")) return console.log(HELP), 0;
  const seed = count(flags, "seed") ?? crypto.getRandomValues(new Uint32Array(1))[0]! % 1e9;
  const [wanted, input] = [flags.value("target"), count(flags, "input")];
  const targets = TARGETS.filter(({ name }) => wanted === undefined || name === wanted);
  if (targets.length === 0 || input !== undefined && wanted === undefined) {
    throw new Failure({
      kind: "configuration",
      task: `use --target ${wanted}`,
      problem: "there is no parser with this name",
      remedy: "See --help.",
    });
  }
  const each = Math.ceil((count(flags, "inputs") ?? 20_000) / targets.length);
  const [from, to] = input === undefined ? [0, each] : [input, input + 1];
  const module = new URL("targets.ts", import.meta.url).href;
  console.log(`seed ${seed}`);
  let tried = 0;
  const broken: Broken[] = [];
  for (const { name } of targets) {
    const trial = await tryTarget({ module, target: name, seed, from, to });
    console.log(`${name}: ${trial.tried} inputs, ${trial.broken.length} broken`);
    tried += trial.tried;
    broken.push(...trial.broken);
  }
  for (const { target, input, problem } of broken) {
    console.log(`\ndeno task fuzz --seed ${seed} --target ${target} --input ${input}\n${problem}`);
  }
  console.log(`${tried} inputs, ${broken.length} broken, seed ${seed}`);
  return broken.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(error.message);
    Deno.exitCode = 2;
  }
}
