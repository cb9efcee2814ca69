import type { Call, Python } from "../../source_code/python.ts";

/** A method of a chain, as in `df.write.mode("append").parquet("p")`. */
export interface Step {
  /** The properties before the method, as in `write`. */
  readonly path: readonly string[];
  /** The method. */
  readonly name: string;
  /** The call. */
  readonly call: Call;
}

/** What Spark does with a column without a type in a write. */
export type Write =
  /** Spark refuses the column, or makes a file that readers refuse. */
  | { readonly kind: "refused" }
  /** The column gets a type, or needs none. */
  | { readonly kind: "taken" }
  /** The code does not decide that. */
  | { readonly kind: "unknown"; readonly reason: string };

const REFUSED: Write = { kind: "refused" };
const TAKEN: Write = { kind: "taken" };

/** Methods that only a writer has, not a frame. */
const OF_WRITERS =
  /^(?:parquet|csv|orc|text|json|jdbc|insertInto|save|saveAsTable|delta|start|toTable)$/;

/** Methods that end the chain of a writer. */
const ENDING =
  /^(?:parquet|csv|orc|text|json|jdbc|insertInto|save|saveAsTable|delta|xml|start|toTable|foreach|foreachBatch|create|createOrReplace|replace|append|overwrite|overwritePartitions|to_parquet|to_orc|to_feather)$/;

/** Returns whether a step begins or continues the chain of a writer. */
export function isWriter({ path, name }: Step): boolean {
  return path.some((each) => /^write(?:Stream)?$/.test(each)) || name === "writeTo" ||
    OF_WRITERS.test(name) || /^to_(?:parquet|orc|feather)$/.test(name);
}

/**
 * What a writer does with a column without a type; undefined if the chain does not write yet.
 *
 * @param steps the methods from the writer on
 */
export function writeOf(steps: readonly Step[], python: Python): Write | undefined {
  const last = steps.find(({ name }) => ENDING.test(name));
  if (last === undefined) return undefined;
  const { name } = last;
  if (/^(?:parquet|csv|orc|text|to_parquet|to_orc|to_feather)$/.test(name)) return REFUSED;
  const isTyped =
    /^(?:json|jdbc|insertInto|delta|foreach|foreachBatch|append|overwrite|overwritePartitions)$/;
  if (isTyped.test(name)) return TAKEN;
  const format = settingOf(steps, ["format", "using"], "format", python);
  if (format === null) return { kind: "unknown", reason: "the format of a write is a variable" };
  if (format !== undefined && !/^(?:parquet|csv|orc|text)$/i.test(format)) return TAKEN;
  if (name !== "saveAsTable") return REFUSED;
  const mode = settingOf(steps, ["mode"], "mode", python);
  return mode === null || /^append$/i.test(mode ?? "")
    ? { kind: "unknown", reason: "saveAsTable can append to a table that gives the column a type" }
    : REFUSED;
}

/** The value of a setting of a writer; null for a value that is not a text. */
function settingOf(
  steps: readonly Step[],
  methods: readonly string[],
  keyword: string,
  { constants }: Python,
): string | null | undefined {
  const values = steps.flatMap(({ name, call: { args } }) =>
    methods.includes(name) ? args.slice(0, 1) : args.filter((each) => each.keyword === keyword)
  );
  const value = values.at(-1);
  return value === undefined ? undefined : value.string ?? constants.get(value.code) ?? null;
}
