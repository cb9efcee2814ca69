import { hasKustomization } from "../../checks/facts/manifest_files.ts";
import { clusterConfig } from "../../pipeline/config.ts";
import { choice, type Flags } from "./flags.ts";
import type { Sources } from "./gatherers.ts";
import { clusterFlags, manifestsDirectory } from "./platform_options.ts";
import { chosenFacts } from "./preflight_options.ts";
import { projectOf } from "./project_options.ts";

/** Where a command logs in from if there is no `--credentials`. */
export type Credentials = Sources["credentials"];

/**
 * Reads the flags that choose what preflight reads.
 *
 * @param credentials the sources of the credentials, the default first
 * @throws {Failure} configuration: a flag has no such value
 */
export async function sourcesOf(
  flags: Flags,
  credentials: readonly Credentials[],
): Promise<Sources> {
  const manifests = await manifestsDirectory(flags);
  return {
    chosen: chosenFacts(flags),
    manifests,
    project: await projectOf(flags, manifests),
    rendersManifests: manifests !== undefined && await hasKustomization(manifests),
    cluster: clusterConfig(clusterFlags(flags)),
    credentials: choice(flags, "credentials", credentials),
    portForward: flags.on("port-forward"),
    archive: flags.value("image-archive"),
    registryCa: flags.value("registry-ca"),
  };
}
