import type { Finding, Outcome } from "../finding.ts";

/** A finding about an object of an operator for Spark, by the beginning of its object. */
const OPERATORS = /^(Scheduled)?SparkApplication /;

/**
 * Words the findings about SparkApplications in the terms of these objects: settings are entries of
 * `sparkConf`, not arguments of spark-submit, and the driver's fields are in `spec.driver`.
 */
export function inOperatorTerms(outcome: Outcome): Outcome {
  if (!("findings" in outcome) || !outcome.findings.some(({ object }) => OPERATORS.test(object))) {
    return outcome;
  }
  return {
    ...outcome,
    findings: outcome.findings.map((each) => OPERATORS.test(each.object) ? reworded(each) : each),
  };
}

function reworded(finding: Finding): Finding {
  const { field, fix } = finding;
  return {
    ...finding,
    ...(field === undefined ? {} : {
      field: field.replace(
        /^(spec(?:\.template)?)\.driver(Spec.*)?\.containers(\[0\])?\.args$/,
        "$1.sparkConf",
      )
        .replace(/(\.driver)\.serviceAccountName$/, "$1.serviceAccount")
        .replace(/\.automountServiceAccountToken$/, ".template.spec.automountServiceAccountToken"),
    }),
    fix: fix
      .replace("Add to the arguments of spark-submit: ", "Add to sparkConf: ")
      .replaceAll(/--conf=(spark\.[^\s=]+)=(\S+)/g, '$1: "$2"')
      .replace("Set in the pod's spec: serviceAccountName:", "Set serviceAccount of the driver:")
      .replace("--driver-memory", "the driver's memory"),
  };
}
