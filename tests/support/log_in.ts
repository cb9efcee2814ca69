import type { DatabaseConfig } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";
import { connect } from "../../pipeline/outbox/connection.ts";

/** How a login ended. */
export interface Login {
  /** Whether the session was encrypted; absent where there was none. */
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
 * The same in a process of its own, which may reach every address. On Linux, 0.0.0.0 leads to this
 * machine, and is no address that a program could know for one of this machine.
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
