import { Failure, type FailureKind } from "../errors.ts";
import { isFields } from "./cluster.ts";
import type { Access, ExecFields } from "./kubeconfig.ts";

/** The credential that a plugin prints. */
export interface Credential {
  /** A bearer token. */
  readonly token: string | undefined;
  /** A PEM client certificate. */
  readonly certificate: string | undefined;
  /** The PEM key of the certificate. */
  readonly key: string | undefined;
  /** The time of the next run of the plugin, in milliseconds since 1970. */
  readonly expires: number | undefined;
}

/** Milliseconds that a plugin may run, long enough for a login in a browser. */
const DEADLINE = 60_000;
/** The number of bytes that a plugin may print. */
const LIMIT = 1_000_000;

/**
 * Runs the exec plugin of a kubeconfig's user. Messages never quote the plugin's output or
 * arguments, because both can contain secrets.
 *
 * @param signal kills the plugin when it aborts
 * @throws {Failure} configuration: the program does not exist, fails, or prints no credential;
 *   unreachable: the program does not finish in time
 * @see https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
 */
export async function runExecPlugin(
  exec: ExecFields,
  access: Access,
  signal: AbortSignal,
): Promise<Credential> {
  const failure = (
    problem: string,
    remedy = `Run ${access.whoami} to see the plugin's own message.`,
    kind: FailureKind = "configuration",
  ) =>
    new Failure({
      kind,
      task: `log in with ${titleOf(exec, access)}`,
      problem,
      remedy,
    });
  if (exec.interactive) {
    throw failure(
      "it needs a terminal (interactiveMode: Always)",
      "Choose another user or context.",
    );
  }
  const ended = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE)]);
  const output = await outputOf(exec, await execInfo(exec, access), ended).catch((error) => {
    if (error instanceof Deno.errors.NotFound) {
      const remedy = exec.installHint?.trim().replace(/\s+/g, " ").slice(0, 300);
      throw failure("the program does not exist", remedy || "Install it, or choose another user.");
    }
    if (error instanceof Deno.errors.NotCapable) {
      throw failure("Deno has no permission to run it", "Run the command with --allow-run.");
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw failure("this user may not execute the program", "Make it executable.");
    }
    throw error;
  });
  if (signal.aborted) throw signal.reason;
  if (ended.aborted) {
    throw failure(`it did not finish within ${DEADLINE / 1000} s`, undefined, "unreachable");
  }
  if (output.text === undefined) throw failure(`it printed more than ${LIMIT} bytes`);
  if (output.code !== 0) throw failure(`it failed with exit code ${output.code}`);
  const credential = parseCredential(output.text, exec.apiVersion);
  if (typeof credential === "string") throw failure(credential);
  return credential;
}

function titleOf({ command }: ExecFields, { userName, file }: Access): string {
  return `the exec plugin ${JSON.stringify(command)} of the user ${
    JSON.stringify(userName)
  } in ${file}`;
}

/** Returns the value of `KUBERNETES_EXEC_INFO`. */
async function execInfo(exec: ExecFields, { server, cluster }: Access): Promise<string> {
  const path = cluster["certificate-authority"];
  const ca = path === undefined
    ? cluster["certificate-authority-data"]
    : btoa(await Deno.readTextFile(path).catch(() => ""));
  const clusterInfo = { server, ...(ca ? { "certificate-authority-data": ca } : {}) };
  return JSON.stringify({
    apiVersion: exec.apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false, ...(exec.provideClusterInfo ? { cluster: clusterInfo } : {}) },
  });
}

/**
 * Runs the plugin. The result has no `text` if the plugin printed too much. The signal kills the
 * plugin and its child processes.
 */
async function outputOf(exec: ExecFields, info: string, signal: AbortSignal) {
  const child = new Deno.Command(exec.command, {
    args: [...exec.args],
    env: { KUBERNETES_EXEC_INFO: info, ...exec.env },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true, // a process group, which can be killed as a whole
  }).spawn();
  const reader = child.stdout.getReader();
  const stop = () => {
    try {
      Deno.kill(-child.pid, "SIGKILL");
    } catch {
      // The plugin has already ended.
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

/** Parses the output of a plugin. Returns the problem, without quoting the output, if it is invalid. */
export function parseCredential(text: string, apiVersion: string): Credential | string {
  const printed = json(text);
  if (!isFields(printed) || printed.kind !== "ExecCredential") {
    return "it did not print an ExecCredential";
  }
  if (printed.apiVersion !== apiVersion) return `it did not print a credential of ${apiVersion}`;
  const status = isFields(printed.status) ? printed.status : {};
  const field = (name: string) => typeof status[name] === "string" && status[name] || undefined;
  const token = field("token");
  const certificate = field("clientCertificateData");
  const key = field("clientKeyData");
  if ((certificate === undefined) !== (key === undefined)) {
    return "its credential has only one of certificate and key";
  }
  if (token === undefined && certificate === undefined) {
    return "its credential has neither a token nor a certificate";
  }
  const expires = field("expirationTimestamp");
  const at = expires === undefined ? undefined : Date.parse(expires);
  if (Number.isNaN(at)) return "the expirationTimestamp of its credential is not a time";
  return { token, certificate, key, expires: at };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
