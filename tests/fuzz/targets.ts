import { CHECKS_TARGETS } from "./checks_targets.ts";
import { PIPELINE_TARGETS } from "./pipeline_targets.ts";
import type { Target } from "./target.ts";

/** Every parser of the project that reads untrusted text or bytes. */
export const TARGETS: readonly Target[] = [...PIPELINE_TARGETS, ...CHECKS_TARGETS];
