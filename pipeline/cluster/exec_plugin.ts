import { Failure, type FailureKind } from "../errors.ts";
import type { Access, ExecFields } from "./access.ts";
import { isFields } from "./kubeconfig.ts";

/** What a plugin logs in with. */
export interface Credential {
  /** A bearer token. */
  readonly token: string | undefined;
  /** A client certificate, PEM. */
  readonly certificate: string | undefined;
  /** Its key, PEM. */
  readonly key: string | undefined;
  /** When the plugin has to be asked again, in milliseconds since 1970. */
  readonly expires: number | undefined;
}

/** Milliseconds that a plugin may take. Some wait for a browser. */
const DEADLINE = 60_000;
/** Bytes that a plugin may print. */
const LIMIT = 1_000_000;

/**
 * Asks the plugin of a kubeconfig's user to log in. What it prints is never told, for it is a secret
 * or may hold one; and so may its arguments.
 *
 * @param signal ends the plugin when it aborts
 * @throws {Failure} configuration: there is no such program, it fails, or prints no credential;
 *   unreachable: it does not end
 * @see https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
 */
export async function runExecPlugin(
  exec: ExecFields,
  access: Access,
  signal: AbortSignal,
): Promise<Credential> {
  const failure = (
    problem: string,
    remedy = `Run ${access.whoami} to see what it says.`,
    kind: FailureKind = "configuration",
  ) =>
    new Failure({
      kind,
      task: `log in with ${titleOf(exec, access)}`,
      problem,
      remedy,
    });
  if (exec.interactive) {
    throw failure("it asks at a terminal, and nobody is asked here", "Log in as another user.");
  }
  const ended = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE)]);
  const output = await outputOf(exec, await execInfo(exec, access), ended).catch((error) => {
    if (error instanceof Deno.errors.NotFound) {
      const remedy = exec.installHint?.trim().replace(/\s+/g, " ").slice(0, 300);
      throw failure("there is no such program", remedy || "Install it, or log in as another user.");
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw failure("Deno was not given the permission to run it", "Run it with --allow-run.");
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw failure("it is no program that this user may run", "Make it executable.");
    }
    throw error;
  });
  if (signal.aborted) throw signal.reason;
  if (ended.aborted) {
    throw failure(`it did not end within ${DEADLINE / 1000} s`, undefined, "unreachable");
  }
  if (output.text === undefined) throw failure("it prints more than any credential has");
  if (output.code !== 0) throw failure(`it ended with exit code ${output.code}`);
  const credential = parseCredential(output.text, exec.apiVersion);
  if (typeof credential === "string") throw failure(credential);
  return credential;
}

function titleOf({ command }: ExecFields, { userName, file }: Access): string {
  return `the exec plugin ${JSON.stringify(command)} of the user ${
    JSON.stringify(userName)
  } in ${file}`;
}

/** What a plugin is told in `KUBERNETES_EXEC_INFO`. */
async function execInfo(exec: ExecFields, { server, cluster }: Access): Promise<string> {
  const path = cluster["certificate-authority"];
  const ca = path === undefined
    ? cluster["certificate-authority-data"]
    : btoa(await Deno.readTextFile(path).catch(() => ""));
  const told = { server, ...(ca ? { "certificate-authority-data": ca } : {}) };
  return JSON.stringify({
    apiVersion: exec.apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false, ...(exec.provideClusterInfo ? { cluster: told } : {}) },
  });
}

/** Runs the plugin; without text it printed too much. It is killed, with its children, at the signal. */
async function outputOf(exec: ExecFields, info: string, signal: AbortSignal) {
  const child = new Deno.Command(exec.command, {
    args: [...exec.args],
    env: { KUBERNETES_EXEC_INFO: info, ...exec.env },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true, // makes a group of it, that can be killed as one
  }).spawn();
  const reader = child.stdout.getReader();
  const stop = () => {
    try {
      Deno.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
    reader.cancel().catch(() => {});
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    const text = await textFrom(reader);
    if (text === undefined) stop();
    return { text, code: (await child.status).code };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function textFrom(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > LIMIT) return undefined;
    text += decoder.decode(value, { stream: true });
  }
}

/** Reads what a plugin printed, or says what is wrong with it without quoting it. */
export function parseCredential(text: string, apiVersion: string): Credential | string {
  const printed = json(text);
  if (!isFields(printed) || printed.kind !== "ExecCredential") {
    return "what it prints is no ExecCredential";
  }
  if (printed.apiVersion !== apiVersion) return `it prints no credential of ${apiVersion}`;
  const status = isFields(printed.status) ? printed.status : {};
  const field = (name: string) => typeof status[name] === "string" && status[name] || undefined;
  const token = field("token");
  const certificate = field("clientCertificateData");
  const key = field("clientKeyData");
  if ((certificate === undefined) !== (key === undefined)) {
    return "it prints one of certificate and key without the other";
  }
  if (token === undefined && certificate === undefined) {
    return "its credential has neither a token nor a certificate";
  }
  const expires = field("expirationTimestamp");
  const at = expires === undefined ? undefined : Date.parse(expires);
  if (Number.isNaN(at)) return "the expirationTimestamp of its credential is no time";
  return { token, certificate, key, expires: at };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
