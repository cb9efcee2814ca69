import { whole } from "./bytes.ts";
import { type Challenge, parseChallenge } from "./challenge.ts";
import type { Login } from "./credentials.ts";
import type { Http } from "./http.ts";
import { MOST_DOCUMENT } from "./manifest.ts";
import { accepted, type Asked, denied, noRegistry } from "./registry_answers.ts";

/**
 * Meets the challenge of an answer 401, with a token of the realm that it names or with the login
 * itself.
 *
 * @returns the `authorization` of the next request
 * @throws {ImageRefused} denied: it takes a login, or another one
 * @throws {Failure} unreachable: there is no token to be had
 */
export async function authorizationFor(
  { headers }: Response,
  login: Login | undefined,
  asked: Asked,
  http: Http,
): Promise<string> {
  const challenge = parseChallenge(headers.get("www-authenticate") ?? "");
  if (challenge?.scheme === "bearer") return `Bearer ${await token(challenge, login, asked, http)}`;
  if (challenge !== undefined && login !== undefined) return basic(login);
  throw denied(401, asked);
}

async function token(
  { realm, service, scope }: Challenge & { scheme: "bearer" },
  login: Login | undefined,
  asked: Asked,
  http: Http,
): Promise<string> {
  const url = URL.parse(realm);
  if (url === null) throw noRegistry("it names no place to get a token from", asked);
  if (service !== undefined) url.searchParams.set("service", service);
  const scopes = scope ?? `repository:${asked.address.path}:pull`;
  for (const each of scopes.split(" ")) url.searchParams.append("scope", each);
  const headers = login === undefined ? {} : { authorization: basic(login) };
  const response = await accepted(await http.get(url, headers), asked, http);
  const found = tokenIn(await whole(http.body(response), MOST_DOCUMENT));
  if (found === undefined) throw noRegistry(`${url.host} gives out no token`, asked);
  return found;
}

function basic({ user, password }: Login): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`;
}

function tokenIn(body: Uint8Array): string | undefined {
  try {
    const { token, access_token } = JSON.parse(new TextDecoder().decode(body));
    return [token, access_token].find((each) =>
      typeof each === "string" && /^[\x21-\x7e]+$/.test(each)
    );
  } catch {
    return undefined;
  }
}
