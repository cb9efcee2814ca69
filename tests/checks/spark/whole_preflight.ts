import { PREFLIGHT } from "../../../checks/preflight/catalog.ts";
import type { Result } from "../../../checks/finding.ts";
import { runChecks } from "../../../checks/runner.ts";
import { factOf, FILES } from "../healthy/manifests.ts";

/** Runs all checks before a run over files, without other facts than the manifests. */
export function preflightOf(files: Readonly<Record<string, string>>): Promise<Result[]> {
  const left = { absent: "left out", requested: true } as const;
  const gatherers = { cluster: left, image: left, database: left, lake: left };
  return runChecks(
    PREFLIGHT,
    { ...gatherers, manifests: () => Promise.resolve(factOf(files)) },
    { timeoutMs: 120_000 },
  );
}

/** The checks with findings about the healthy manifests and one more file, each with the problems. */
export async function foundWith(
  yaml: string,
  files: Readonly<Record<string, string>> = FILES,
): Promise<Record<string, string[]>> {
  const results = await preflightOf(yaml === "" ? files : { ...files, "more.yaml": yaml });
  return Object.fromEntries(
    results.map((result) => ({
      ...result,
      // The added workloads are short, without the fields that the namespace enforces.
      findings: result.findings.filter(({ why = "" }) => !why.includes("pod security level")),
    })).filter(({ findings, verdict }) => findings.length > 0 || verdict === "error")
      .map(({ id, findings, reason = "" }) => [
        id,
        findings.length > 0 ? findings.map(({ problem }) => problem) : [`error: ${reason}`],
      ]),
  );
}
