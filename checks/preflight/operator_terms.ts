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
  const { field, fix, fixInFiles } = finding;
  const isSetting = field === undefined || field.includes(".sparkConf") ||
    /^(Add to|Set in) the arguments of spark-submit: /.test(fix);
  const words = (text: string) =>
    inFields(isSetting, text)
      .replace("the arguments of spark-submit: ", "sparkConf: ")
      .replaceAll(/--conf=(spark\.[^\s=]+)=(\S+)/g, '$1: "$2"')
      .replace("Set in the pod's spec: serviceAccountName:", "Set serviceAccount of the driver:")
      .replace("--driver-memory", "the driver's memory");
  return {
    ...finding,
    ...(field === undefined ? {} : {
      field: field.replace(
        /^(spec(?:\.template)?)\.driver(Spec.*?)?(\.containers(\[\d+\])?)?\.args$/,
        "$1.sparkConf",
      )
        .replace(/^(spec(?:\.template)?\.driver)\.serviceAccountName$/, "$1.serviceAccount")
        .replace(/\.automountServiceAccountToken$/, ".template.spec.automountServiceAccountToken"),
    }),
    fix: words(fix),
    ...(fixInFiles === undefined ? {} : { fixInFiles: words(fixInFiles) }),
  };
}

/** A correction of a field of the operator, which is not an entry of `sparkConf`. */
function inFields(isSetting: boolean, fix: string): string {
  if (isSetting) return fix;
  return fix
    .replace(/--conf=spark\.kubernetes\.(?:\w+\.)?container\.image=(\S+)/, "image: $1")
    .replace(/--conf=spark\.(?:driver|executor)\.cores=(\d+)/, "cores: $1")
    .replace(/--conf=spark\.(?:driver|executor)\.(memory|memoryOverhead)=(\S+)/, '$1: "$2"')
    .replace("Add: resources: {limits: {cpu: …}}", 'Add: coreLimit: "…"');
}
