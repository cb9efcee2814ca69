import { Failure, interruption } from "../errors.ts";
import type { Access } from "./access.ts";

/** For people: where an API server is, and who says so. */
export function placeOf({ context, server }: Access): string {
  return `${server} (context ${JSON.stringify(context)})`;
}

/**
 * Tells an error of a request, of the network or of TLS as a {@linkcode Failure}.
 *
 * @param what what was being done, as in `list Pod objects in the namespace robson`
 * @param signal what may have ended it
 * @returns the error itself where it is none of those
 */
export function networkFailure(
  error: unknown,
  what: string,
  access: Access,
  signal?: AbortSignal,
): unknown {
  if (error instanceof Failure) return error;
  if (signal?.aborted) return interruption(what, signal);
  if (!(error instanceof Error)) return error;
  if (error instanceof Deno.errors.NotCapable) {
    return new Failure({
      kind: "configuration",
      task: what,
      problem: `Deno was not given the permission to connect to ${access.server}`,
      remedy: "Run it with --allow-net for that address.",
    });
  }
  // What the runtime throws differs in its words alone: fetch knows one class of errors, TypeError.
  if (!(error instanceof TypeError) && error.name !== "TimeoutError") return error;
  const cause = error.cause instanceof Error ? error.cause.message : "";
  const words = `${error.name} ${error.message} ${cause}`;
  const [, problem, remedy] = DIAGNOSES.find(([pattern]) => pattern.test(words))!;
  return new Failure({
    kind: "unreachable",
    task: what,
    problem: `${problem} at ${placeOf(access)}`,
    remedy,
    cause: error,
  });
}

const CHECK_NETWORK = "Check that the cluster runs and can be reached from here, and run again.";
const CHECK_SERVER = "Set the kubeconfig's server to the address of an API server.";

/** What an error says, what it means, and what to do. The last one is for everything else. */
const DIAGNOSES: readonly (readonly [pattern: RegExp, problem: string, remedy: string])[] = [
  [
    /UnknownIssuer|CaUsedAsEndEntity|BadSignature/,
    "nobody that the kubeconfig trusts has signed the certificate",
    "Set the cluster's certificate-authority to the one of this server, or the server to another.",
  ],
  [
    /NotValidForName|not valid for name/,
    "the certificate is for another name",
    "Set the kubeconfig's server to a name that the certificate has.",
  ],
  [
    /invalid peer certificate: (Expired|certificate expired)/,
    "the certificate has expired",
    "Renew the API server's certificate, or set the clock of this machine.",
  ],
  [/invalid peer certificate/, "the certificate is none that can be trusted", CHECK_SERVER],
  [/corrupt message|invalid HTTP version/, "something else answers", CHECK_SERVER],
  [/tls handshake eof/, "the connection was cut before it was encrypted", CHECK_SERVER],
  [/ are blocked/, "the port is none that may be asked", CHECK_SERVER],
  [/dns error/, "the host name is not known", CHECK_SERVER],
  [/Proxy|unsuccessful tunnel/i, "the proxy does not lead to what is", "Check its proxy-url."],
  [/Connection refused/, "nothing accepts connections", CHECK_NETWORK],
  [/TimeoutError/, "there was no answer in time", CHECK_NETWORK],
  [/^/, "the connection was cut", CHECK_NETWORK],
];
