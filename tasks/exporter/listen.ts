import { Failure } from "../../pipeline/errors.ts";

/** The address of a server. */
export interface Listen {
  readonly hostname: string;
  readonly port: number;
}

/** The address of the exporter, unless `--listen` names another one. */
export const DEFAULT_LISTEN = "127.0.0.1:9877";

/**
 * Reads an address, as in `127.0.0.1:9877` or `[::]:9877`.
 *
 * @throws {Failure} configuration: it is not a host with a port
 */
export function parseListen(text: string): Listen {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ??
      [];
  const hostname = bracketed ?? plain;
  if (hostname !== undefined && Number(digits) <= 65_535) {
    return { hostname, port: Number(digits) };
  }
  throw new Failure({
    kind: "configuration",
    task: `use --listen ${JSON.stringify(text)}`,
    problem: "it is not a host with a port",
    remedy: `Use an address such as ${DEFAULT_LISTEN}, or 0.0.0.0:9877 for all interfaces.`,
  });
}

/** Formats an address as Deno's permissions name it. */
export function formatListen({ hostname, port }: Listen): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
