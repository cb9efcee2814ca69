import { Ajv2020 } from "ajv/2020";

const schema = JSON.parse(
  Deno.readTextFileSync(new URL("../../docs/report.schema.json", import.meta.url)),
);
const validate = new Ajv2020({ allErrors: true }).compile(schema);

/** Returns how a JSON report differs from `docs/report.schema.json`. */
export function validateReport(report: unknown): string[] {
  if (validate(report)) return [];
  return validate.errors!.map(({ instancePath, message }) => `${instancePath}: ${message}`);
}
