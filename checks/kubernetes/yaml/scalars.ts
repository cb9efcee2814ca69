/**
 * What kubectl makes of a scalar without quotes: YAML 1.1 as go-yaml v2 understands it, which every
 * Kubernetes tool is built on. So `yes`, `on` and `y` are true, `0644` and `0o644` are octal, and
 * `1_000` is 1000; but there are no base 60 numbers (`1:20` is a text), and a date is a text too.
 */
export function plainScalar(text: string): string | number | boolean | null {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (/^[-+\d]/.test(text)) return integer(text.replaceAll("_", "")) ?? decimal(text) ?? text;
  if (/^\.\d/.test(text)) return decimal(text) ?? text;
  return text;
}

const WORDS = new Map<string, boolean | null>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]
    .map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]
    .map((word) => [word, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
]);

function integer(text: string): number | undefined {
  const [, sign, prefix, digits] =
    /^([-+]?)(0[xX]|0[bB]|0[oO]?(?=[0-7]))?([\da-fA-F]+)$/.exec(text) ??
      [];
  if (digits === undefined) return undefined;
  const base = { x: 16, b: 2, o: 8 }[prefix?.[1]?.toLowerCase() ?? ""] ?? (prefix ? 8 : 10);
  const allowed = { 16: /^[\da-fA-F]+$/, 10: /^(0|[1-9]\d*)$/, 8: /^[0-7]+$/, 2: /^[01]+$/ }[base]!;
  if (!allowed.test(digits)) return undefined;
  return (sign === "-" ? -1 : 1) * parseInt(digits, base);
}

function decimal(text: string): number | undefined {
  const plain = text.replaceAll("_", "");
  return /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(plain) ? Number(plain) : undefined;
}
