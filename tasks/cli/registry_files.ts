import type { Credentials } from "../../checks/facts/image.ts";
import { dockerConfigFile } from "../../pipeline/config.ts";
import { Failure } from "../../pipeline/errors.ts";

/** The operator's own logins to registries, where there are any. */
export async function ownLogins(): Promise<Credentials[]> {
  const file = dockerConfigFile();
  if (file === undefined) return [];
  const config = await Deno.readFile(file).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw unreadable("the logins to registries", file, error);
  });
  return config === undefined ? [] : [{ from: file, config }];
}

/**
 * Certificates in PEM.
 *
 * @throws {Failure} configuration: the file cannot be read, or has none
 */
export async function readCertificates(file: string): Promise<string> {
  const text = await Deno.readTextFile(file).catch((error) => {
    throw unreadable("--registry-ca", file, error);
  });
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Failure({
    kind: "configuration",
    task: `use --registry-ca ${file}`,
    problem: "it has no certificate in PEM",
    remedy: "Name a file with one.",
  });
}

function unreadable(what: string, file: string, error: Error): Failure {
  const why = `${file} cannot be read (${error.name})`;
  return new Failure({
    kind: "configuration",
    task: `use ${what}`,
    problem: why,
    remedy: "Name one that this user may read.",
  });
}
