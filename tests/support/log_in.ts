import type { DatabaseConfig } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import { connect } from "../../pipeline/outbox/connection.ts";

/** The result of a login. */
export interface Login {
  /** True if the session was encrypted; absent if the login failed. */
  readonly encrypted?: boolean;
  readonly kind?: string;
  readonly message?: string;
}

/** Logs in, and asks Postgres whether the session is encrypted. */
export async function logIn(config: DatabaseConfig): Promise<Login> {
  try {
    const connection = await connect(config);
    const [row] = await connection.query(
      "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    );
    await connection.close();
    return { encrypted: row!.ssl === "t" };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { kind: error.kind, message: error.message };
  }
}

/**
 * Logs in from another process, which may connect to every address. On Linux, 0.0.0.0 leads to this
 * machine, but a program cannot recognize it as a local address.
 */
export async function logInFromAfar(config: DatabaseConfig): Promise<Login> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "--no-check",
      "--allow-net",
      "--allow-env",
      "--allow-read",
      import.meta.filename!,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify({ ...config, host: "0.0.0.0" })));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

if (import.meta.main) {
  console.log(JSON.stringify(await logIn(await new Response(Deno.stdin.readable).json())));
}
