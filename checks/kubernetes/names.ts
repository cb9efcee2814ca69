// What names, labels and ports look like in Kubernetes. Each function returns what is wrong with a
// text, or undefined where nothing is.

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** The name of most objects: a lower case DNS subdomain of at most 253 characters. */
export function wrongName(text: string): string | undefined {
  if (text.length <= 253 && SUBDOMAIN.test(text)) return undefined;
  return `${JSON.stringify(text)} is no name: lower case letters, digits, - and . only, with a ` +
    "letter or digit at both ends, and at most 253 characters";
}

/** The name of a namespace: a lower case DNS label of at most 63 characters. */
export function wrongNamespace(text: string): string | undefined {
  if (text.length <= 63 && SUBDOMAIN.test(text) && !text.includes(".")) return undefined;
  return `${JSON.stringify(text)} is no namespace: lower case letters, digits and - only, with a ` +
    "letter or digit at both ends, and at most 63 characters";
}

/** A label's key: a name, perhaps with a DNS subdomain and a slash before it. */
export function wrongLabelKey(text: string): string | undefined {
  const parts = text.split("/");
  const name = parts.at(-1)!;
  const prefix = parts.length > 1 ? parts[0] : undefined;
  const good = parts.length <= 2 && isLabelPart(name) && name !== "" &&
    (prefix === undefined || wrongName(prefix) === undefined);
  if (good) return undefined;
  return `${JSON.stringify(text)} is no label key: letters, digits, -, _ and . with a letter or ` +
    "digit at both ends and at most 63 characters, perhaps after a domain and a slash";
}

/** A label's value: like the name in a key, or empty. */
export function wrongLabelValue(text: string): string | undefined {
  if (text === "" || isLabelPart(text)) return undefined;
  return `${JSON.stringify(text)} is no label value: letters, digits, -, _ and . only, with a ` +
    "letter or digit at both ends, and at most 63 characters";
}

/** The name of a container's port. */
export function wrongPortName(text: string): string | undefined {
  const good = text.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text) && /[a-z]/.test(text);
  if (good) return undefined;
  const number = /^\d+$/.test(text) ? ", and a number is written without quotes" : "";
  return `${
    JSON.stringify(text)
  } is no port name: lower case letters, digits and single hyphens, ` +
    `at least one letter, at most 15 characters${number}`;
}

/** The number of a port. */
export function wrongPort(port: number): string | undefined {
  return port >= 1 && port <= 65535 ? undefined : `${port} is no port: they go from 1 to 65535`;
}

function isLabelPart(text: string): boolean {
  return text.length <= 63 && LABEL_PART.test(text);
}
