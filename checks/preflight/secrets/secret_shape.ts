import { decodeBase64 } from "../../kubernetes/fields.ts";

/** What is wrong with a secret's value. It tells the shape of it, never a part. */
export interface Trouble {
  /** What is wrong. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Looks for the marks that shells, editors and copying leave in a value. */
export function troubleIn(value: string): Trouble | undefined {
  if (value === "") return { problem: "is empty", fix: "Fill it in." };
  if (isPlaceholder(value)) return { problem: "is still a placeholder", fix: "Fill it in." };
  if (/\s$/.test(value)) {
    const what = /\n$/.test(value) ? "a newline" : "white space";
    return {
      problem: `ends with ${what}`,
      fix: 'Write it on one line, in quotes; echo adds a newline, printf "%s" does not.',
    };
  }
  if (/^\s/.test(value)) {
    return { problem: "begins with white space", fix: "Write it on one line, in quotes." };
  }
  if (/^(["'`]).*\1$/s.test(value) && value.length > 1) {
    return {
      problem: "has quotes around it, which are part of it then",
      fix: "Remove the inner quotes; those of YAML are enough.",
    };
  }
  // Only what shells make people escape: other backslashes can belong to a password.
  const escaped = /\\([!$"'`&*()#;<>|?~])/.exec(value)?.[1];
  if (escaped !== undefined) {
    return {
      problem: `has a backslash before ${JSON.stringify(escaped)}, as a shell would want it`,
      fix: "Remove the backslash. Single quotes in YAML take every other character as it is.",
    };
  }
  return undefined;
}

/** Whether a value is base64 of something that people would read. */
export function isEncodedText(value: string): boolean {
  const decoded = decodeBase64(value);
  return decoded !== undefined && decoded.length >= 6 && /^[\x20-\x7e]+\r?\n?$/.test(decoded);
}

function isPlaceholder(value: string): boolean {
  return /^<.*>$|<[A-Za-z][A-Za-z _-]{2,}>|^\{\{.*\}\}$|^\$\{?\w+\}?$|^\.\.\.$|^…$/.test(value) ||
    /^["']?(change[-_ ]?me|replace[-_ ]?(me|this)|fill[-_ ]?(me|this)?[-_ ]?in|todo|fixme|tbd|placeholder|x{3,}|your[-_ ].*|dummy)["']?$/i
      .test(value.trim());
}
