/** Divides a text that is a series of JSON objects. Returns any other text unchanged. */
export function jsonObjectsOf(text: string): string[] {
  if (!/^\s*\{/.test(text) || !/\}\s*\{/.test(text)) return [text];
  const objects: string[] = [];
  let start = 0;
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/gs)) {
    if (token === "{") depth++;
    if (token !== "}" || --depth > 0) continue;
    objects.push(text.slice(start, index + 1));
    start = index + 1;
  }
  const isSeries = objects.length > 1 && text.slice(start).trim() === "" && objects.every(isJson);
  return isSeries ? objects : [text];
}

/** Returns whether a text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
