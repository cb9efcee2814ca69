import { CLUSTER_FLAGS, CLUSTER_FLAGS_HELP } from "./platform_options.ts";
import { FOLDERS_BY_MANIFESTS, projectHelp } from "./project_options.ts";

// Apart from preflight_sources.ts, so that a command without preflight does not load the checks.

/** The flags with a value that choose what preflight reads. */
export const SOURCE_FLAGS = [
  "manifests",
  "project",
  ...CLUSTER_FLAGS,
  "credentials",
  "image-archive",
  "registry-ca",
  "facts",
] as const;

/** The words that these flags take. */
export const SOURCE_CHOICES = { credentials: ["environment", "cluster"] } as const;

/** The first lines of a `--help` about them. */
export const PLATFORM_HELP = `${projectHelp(25, FOLDERS_BY_MANIFESTS)}\n${CLUSTER_FLAGS_HELP}`;
