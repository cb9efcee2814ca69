import type { Access } from "./access.ts";
import { wrong } from "./kubeconfig.ts";
import { type Login, logIn } from "./login.ts";

/** A login, and a client that shows its certificate. */
export interface HttpSession extends Login {
  /** For `fetch` and for WebSockets. */
  readonly client: Deno.HttpClient;
}

/**
 * Logs in, and makes the client for it.
 *
 * @throws {Failure} configuration: the login does not work out, or needs what Deno cannot do;
 *   unreachable: a plugin hangs
 */
export async function openSession(access: Access, signal: AbortSignal): Promise<HttpSession> {
  const proxy = proxyOf(access);
  mustBeVerifiable(access);
  const login = await logIn(access, signal);
  const { ca, cert, key } = login;
  try {
    const client = Deno.createHttpClient({
      ...(ca === undefined ? {} : { caCerts: [ca] }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(proxy === undefined ? {} : { proxy }),
    });
    return { ...login, client };
  } catch {
    // What it throws may quote the key.
    const whose = `the user ${JSON.stringify(access.userName)}`;
    throw wrong(access.file, `client-certificate and client-key of ${whose} do not fit together`);
  }
}

/** Deno checks every certificate, and against the address that is connected to. */
function mustBeVerifiable({ server, cluster, context, file }: Access): void {
  const url = new URL(server);
  if (url.protocol !== "https:") return;
  const whose = `the cluster of the context ${JSON.stringify(context)}`;
  if (cluster["insecure-skip-tls-verify"]) {
    throw wrong(
      file,
      `${whose} has insecure-skip-tls-verify, and certificates are always checked here`,
      "Set its certificate-authority to the one that signed the server's certificate instead.",
    );
  }
  const name = cluster["tls-server-name"];
  if (name !== undefined && name !== url.hostname) {
    throw wrong(
      file,
      `${whose} has the tls-server-name ${JSON.stringify(name)}, and certificates are always ` +
        "checked against the server's address here",
      "Set its server to that name, and let the name lead there, as in /etc/hosts.",
    );
  }
}

function proxyOf({ cluster, context, file }: Access): Deno.Proxy | undefined {
  const text = cluster["proxy-url"];
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  const protocol = url?.protocol ?? "";
  if (url === null || !["http:", "https:", "socks5:", "socks5h:"].includes(protocol)) {
    throw wrong(
      file,
      `the proxy-url of the context ${JSON.stringify(context)} is none that can be used`,
      "Write it as in http://squid.example:3128 or socks5://127.0.0.1:1080.",
    );
  }
  const { username, password } = url;
  if (protocol.startsWith("socks5")) return { transport: "socks5", url: url.href };
  const basicAuth = {
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
  return { url: url.origin, ...(username === "" ? {} : { basicAuth }) };
}
