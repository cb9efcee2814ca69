/** The token service of a registry. Debian has no package of one. */
export interface TokenServer {
  /** URL at which clients request tokens. */
  readonly realm: string;
  /** Name of the registry in tokens. */
  readonly service: string;
  /** Name of the token service in tokens. */
  readonly issuer: string;
  /** Returns a token for a repository. */
  sign(path: string, actions: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

const SERVICE = "suite-registry";
const ISSUER = "suite-tokens";

/**
 * Starts a token server that signs with `key.pem` and `cert.pem` of a folder. Everyone may pull
 * images under `public/`. The user may also pull all others except those under `secret/`.
 */
export async function startTokenServer(
  dir: string,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<TokenServer> {
  const key = await crypto.subtle.importKey(
    "pkcs8",
    await derOf(`${dir}/key.pem`),
    { name: "ECDSA", namedCurve: "P-256" },
    false,
    ["sign"],
  );
  const certificate = (await derOf(`${dir}/cert.pem`)).toBase64();

  async function sign(path: string, actions: readonly string[]): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, sub: "", aud: SERVICE, nbf: now - 60, exp: now + 300, iat: now };
    const text = [
      { typ: "JWT", alg: "ES256", x5c: [certificate] },
      { ...claims, jti: "1", access: [{ type: "repository", name: path, actions }] },
    ].map((part) => url64(new TextEncoder().encode(JSON.stringify(part)))).join(".");
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(text));
    return `${text}.${url64(new Uint8Array(signature))}`;
  }

  const basic = `Basic ${btoa(`${user}:${password}`)}`;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { searchParams } = new URL(request.url);
    const path = /^repository:(.+):pull$/.exec(searchParams.get("scope") ?? "")?.[1] ?? "";
    const authorization = request.headers.get("authorization");
    const isKnown = authorization === basic;
    if (authorization !== null && !isKnown || searchParams.get("service") !== SERVICE) {
      return new Response("", { status: 401 });
    }
    const may = path.startsWith("public/") || isKnown && !path.startsWith("secret/");
    return Response.json({ token: await sign(path, may ? ["pull"] : []) });
  });
  const { port } = server.addr;
  return {
    realm: `http://127.0.0.1:${port}/token`,
    service: SERVICE,
    issuer: ISSUER,
    sign,
    stop: () => server.shutdown(),
  };
}

async function derOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const pem = await Deno.readTextFile(path);
  return Uint8Array.fromBase64(pem.replace(/-----[^-]+-----/g, ""));
}

function url64(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
