import { Ajv2020 } from "ajv/2020";
import { assertEquals } from "./assert.ts";

const schema = JSON.parse(
  Deno.readTextFileSync(new URL("../../docs/lines.schema.json", import.meta.url)),
);
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);

/** A line of `--output json`. */
export type Line = Readonly<Record<string, unknown>> & {
  readonly command: string;
  readonly step: string;
};

/** Reads the lines of an output, and compares each one with `docs/lines.schema.json`. */
export function validLines(stdout: string): Line[] {
  return stdout.trimEnd().split("\n").map((text) => {
    const line = JSON.parse(text);
    const errors = validate(line) ? [] : validate.errors!;
    assertEquals(
      errors.map(({ instancePath, message }) => `${instancePath}: ${message}`),
      [],
      text,
    );
    return line;
  });
}
