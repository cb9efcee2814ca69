import { Failure } from "../../pipeline/errors.ts";
import { whole } from "./bytes.ts";
import type { Http } from "./http.ts";
import { MOST_DOCUMENT } from "./manifest.ts";
import type { ImageAddress } from "./reference.ts";
import { ImageRefused } from "./pull_refused.ts";

/** What a registry was asked for, and how. */
export interface Asked {
  /** What is being done, as in `look into ghcr.io/ldamasio/rbs-spark:3.5.8`. */
  readonly task: string;
  /** The image. */
  readonly address: ImageAddress;
  /** Whether somebody logged in for it, or tried to. */
  readonly loggedIn: boolean;
}

/**
 * Takes an answer that has what was asked for.
 *
 * @throws {ImageRefused} denied or unknown
 * @throws {Failure} unreachable: the answer is none of a registry, or that of one in trouble
 */
export async function accepted(response: Response, asked: Asked, http: Http): Promise<Response> {
  const { status } = response;
  if (status === 200) return response;
  const body = await whole(http.body(response), MOST_DOCUMENT).catch(() => undefined);
  const code = codeIn(body);
  if (status === 401 || status === 403) throw denied(status, asked);
  if (status === 404) throw unknown(code, asked);
  throw noRegistry(`it answered ${status}${code === undefined ? "" : ` ${code}`}`, asked);
}

/** That a registry does not let somebody read. */
export function denied(status: number, { task, address, loggedIn }: Asked): ImageRefused {
  const { registry, path } = address;
  const refused = status === 403
    ? `does not let ${loggedIn ? "its login" : "just anybody"} read ${path} (403)`
    : loggedIn
    ? "does not take the login that it was given (401)"
    : "wants a login (401), and there is none for it";
  return new ImageRefused(
    "denied",
    `Cannot ${task}: ${registry} ${refused}. Give a pull secret or a Docker configuration with a ` +
      `login to ${registry} that may read ${path}.`,
  );
}

/** That what answers is no registry, or in no state to be one. */
export function noRegistry(problem: string, { task, address: { registry } }: Asked): Failure {
  return new Failure(
    "unreachable",
    `Cannot ${task}: ${registry} does not answer as a registry: ${problem}. Check the image's ` +
      "name, or run again later.",
  );
}

function unknown(code: string | undefined, { task, address }: Asked): ImageRefused {
  const { registry, path, tag, digest } = address;
  const image = `${registry}/${path}`;
  const missing = code === "NAME_UNKNOWN"
    ? `there is no repository ${image}`
    : digest === undefined
    ? `there is no tag ${tag} of ${image}`
    : `there is no image ${digest} in ${image}`;
  return new ImageRefused(
    "unknown",
    `Cannot ${task}: ${missing} (404${code === undefined ? "" : ` ${code}`}). Push it, or name ` +
      "one that is there.",
  );
}

/** The registry's own word for what is wrong. Anything that does not look like one stays out. */
function codeIn(body: Uint8Array | undefined): string | undefined {
  return /"code"\s*:\s*"([A-Z_]{1,40})"/.exec(new TextDecoder().decode(body))?.[1];
}
