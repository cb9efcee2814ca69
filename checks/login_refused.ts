import type { Outcome } from "./finding.ts";
import type { Refusal } from "./facts/refusal.ts";

/** The outcome of a login check that fails. The checks that need the login skip and refer to it. */
export function refusedLogin({ name, failure }: Refusal, why: string): Outcome {
  return {
    examined: name,
    findings: [{
      severity: "fail",
      object: name,
      problem: failure.summary,
      why,
      fix: failure.remedy,
    }],
  };
}
