import type { Finding } from "../../finding.ts";
import { type ManifestObject, placeOf } from "../../kubernetes/objects.ts";
import { decodeBase64, isFields, textOf } from "../../kubernetes/fields.ts";
import { isEncodedText, type Trouble, troubleIn } from "./secret_shape.ts";
import { storing } from "./store_command.ts";

/**
 * Judges values of a Secret that only a cluster has: those that become variables of jobs. The others
 * are somebody else's, and files may well end with a newline.
 *
 * @param keys whose values
 */
export function judgeStored(object: ManifestObject, keys: readonly string[]): Finding[] {
  return entriesOf(object.value.stringData).filter(([key]) => keys.includes(key))
    .flatMap(([key, value]) => {
      const text = String(value);
      const problem = storedTrouble(text);
      if (problem === undefined) return [];
      const anew = `tore it anew, ${storing(object, [key])}`;
      const findings = found(object, `data.${key}`, { problem, fix: `S${anew}` });
      if (!isPerhapsMeant(text)) return findings;
      const fix = `If it is meant, --credentials cluster proves it. Else s${anew}`;
      return findings.map((finding): Finding => ({ ...finding, severity: "warn", fix }));
    });
}

/** A password can begin or end with a blank, and only a login can tell. Nobody means a line break. */
function isPerhapsMeant(value: string): boolean {
  const inner = value.trim();
  return inner !== "" && !/[\r\n]/.test(value) && storedTrouble(inner) === undefined;
}

/** Judges the values of a Secret. Of a type that tools fill, only what jobs read of it matters. */
export function judgeSecret(object: ManifestObject): Finding[] {
  const { data, stringData, type } = object.value;
  if (textOf(type) !== undefined && type !== "Opaque" && type !== "kubernetes.io/basic-auth") {
    return [];
  }
  const plain = entriesOf(stringData).flatMap(([key, value]) =>
    typeof value === "string" ? found(object, `stringData.${key}`, plainTrouble(value)) : found(
      object,
      `stringData.${key}`,
      {
        problem: value === null ? "is empty" : "is no text for YAML, so the API server refuses it",
        fix: "Put it in quotes.",
      },
    )
  );
  const sound: string[] = [];
  const encoded = entriesOf(data).flatMap(([key, value]) => {
    const trouble = encodedTrouble(value);
    if (trouble === undefined) sound.push(key);
    return found(object, `data.${key}`, trouble);
  });
  return [...plain, ...encoded, ...(sound.length > 0 ? [inData(object, sound)] : [])];
}

function entriesOf(value: unknown): [string, unknown][] {
  return isFields(value) ? Object.entries(value) : [];
}

function plainTrouble(value: string): Trouble | undefined {
  const trouble = troubleIn(value);
  if (trouble !== undefined || !isEncodedText(value)) return trouble;
  return {
    problem: "is base64, and stringData takes the text itself: it would be encoded twice",
    fix: "Write the text, without encoding it.",
  };
}

function storedTrouble(value: string): string | undefined {
  const twice = isEncodedText(value) ? "is encoded twice: decoded, it is base64 again" : undefined;
  return troubleIn(value)?.problem ?? twice;
}

function encodedTrouble(value: unknown): Trouble | undefined {
  const text = typeof value === "string" ? decodeBase64(value.trim()) : undefined;
  if (text === undefined) {
    return {
      problem: "is no base64, so the API server refuses it",
      fix: "Move it to stringData, as it is.",
    };
  }
  const trouble = troubleIn(text);
  if (trouble !== undefined) {
    const fix = `Move it to stringData. ${trouble.fix}`;
    return { problem: `${trouble.problem}, once it is decoded`, fix };
  }
  if (!isEncodedText(text)) return undefined;
  return {
    problem: "is encoded twice: decoded, it is base64 again",
    fix: "Move it to stringData, as the text itself.",
  };
}

function found(object: ManifestObject, field: string, trouble: Trouble | undefined): Finding[] {
  if (trouble === undefined) return [];
  return [{
    severity: "fail",
    ...placeOf(object, field),
    problem: `the value ${trouble.problem}`,
    why: "a job gets the value exactly as it is here, and the login fails with it",
    fix: trouble.fix,
  }];
}

function inData(object: ManifestObject, keys: readonly string[]): Finding {
  return {
    severity: "fail",
    ...placeOf(object, "data"),
    problem: `${keys.join(", ")} ${keys.length === 1 ? "is" : "are"} in data, not in stringData`,
    why:
      "whoever encodes a value by hand encodes its shell's escapes and line breaks as well, and " +
      "nobody can see them",
    fix: `Move them to stringData as plain text, or store them ${storing(object, keys)}`,
  };
}
