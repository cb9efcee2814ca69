/** What a registry wants to see before it answers. */
export type Challenge =
  | { readonly scheme: "basic" }
  | {
    readonly scheme: "bearer";
    /** Where tokens are to be had. */
    readonly realm: string;
    /** Whom the token is for. */
    readonly service: string | undefined;
    /** What it lets do, as in `repository:library/spark:pull`. */
    readonly scope: string | undefined;
  };

/**
 * Reads a `WWW-Authenticate` header, which may hold several challenges. A token is the better one.
 *
 * @returns undefined where there is none that this toolkit can meet
 */
export function parseChallenge(header: string): Challenge | undefined {
  const found = [...header.matchAll(TOKEN)];
  const challenges: { scheme: string; values: Map<string, string> }[] = [];
  for (const { groups } of found) {
    const { name = "", quoted, plain } = groups ?? {};
    if (quoted === undefined && plain === undefined) {
      challenges.push({ scheme: name.toLowerCase(), values: new Map() });
    } else {
      const value = quoted?.replace(/\\(.)/g, "$1") ?? plain!;
      challenges.at(-1)?.values.set(name.toLowerCase(), value);
    }
  }
  const bearer = challenges.find(({ scheme }) => scheme === "bearer")?.values;
  const realm = bearer?.get("realm");
  if (bearer !== undefined && realm !== undefined) {
    const [service, scope] = [bearer.get("service"), bearer.get("scope")];
    return { scheme: "bearer", realm, service, scope };
  }
  return challenges.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : undefined;
}

/** A scheme, or a parameter with its value. */
const TOKEN = /(?<name>[\w-]+)(?:\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^\s,"]+)))?/g;
