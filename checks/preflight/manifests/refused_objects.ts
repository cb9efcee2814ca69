import type { Finding } from "../../finding.ts";
import type { ManifestsFact } from "../../facts/manifests.ts";
import { pathOf } from "../../facts/tree.ts";
import { type Fields, isFields, valueAt } from "../../kubernetes/fields.ts";
import {
  isEncryptedFile,
  isFilledValue,
  withoutEncryption,
} from "../../kubernetes/filled_values.ts";
import { uncertainBlocks } from "../../kubernetes/address_rules.ts";
import { typeOf, type WrongField, wrongFields } from "../../kubernetes/api_types.ts";
import { wrongConfigMap } from "../../kubernetes/config_map_rules.ts";
import { wrongService } from "../../kubernetes/service_rules.ts";
import { wrongOperatorSchedules } from "../../kubernetes/cron_schedule.ts";
import { wrongVersion } from "../../kubernetes/api_versions.ts";
import { wrongBinding, wrongRules } from "../../kubernetes/binding_rules.ts";
import { jobsOf } from "../../kubernetes/jobs.ts";
import { isCompleted, SPARK_TYPES, sparkTypeOf } from "../../kubernetes/spark_application_types.ts";
import { wrongNames } from "../../kubernetes/object_names.ts";
import { missingSecretKeys } from "../../kubernetes/secret_types.ts";
import { groupOf, podTemplatesOf } from "../../kubernetes/workloads.ts";
import { namesSecret } from "../../kubernetes/secret_text.ts";
import { wrongMounts } from "../../kubernetes/operator_mounts.ts";
import { type ManifestObject, placeOf } from "../../kubernetes/objects.ts";
import { readPolicy } from "../../network_policy/read_policy.ts";
import { wrongScaling } from "../../kubernetes/scaling_rules.ts";
import { wrongClaims, wrongVolume } from "../../kubernetes/volume_rules.ts";
import { wrongWorkload } from "../../kubernetes/pod_rules.ts";

/**
 * The fields of an object that every API server refuses: wrong versions and types, unknown and
 * missing fields. The function needs no server.
 */
export function refusedFields(
  { directory, project }: Pick<ManifestsFact, "directory" | "project">,
  object: ManifestObject,
): Finding[] {
  const { apiVersion, kind, value } = object;
  const place = (field: string) =>
    placeOf({ ...object, file: pathOf(directory, object.file) }, field);
  const findingOf = ({ path, problem, fix, why, isUncertain }: WrongField): Finding => ({
    severity: isUncertain ? "warn" : "fail",
    ...place(path),
    problem,
    fix,
    why: why ?? "the API server refuses the object, so kubectl apply fails",
  });
  const version = wrongVersion(apiVersion, kind);
  if (version !== undefined) {
    return [{
      severity: "fail",
      ...place("apiVersion"),
      problem: version.problem,
      why: "the API server does not know the object, so kubectl apply fails",
      fix: version.fix,
    }];
  }
  const ofSpark = sparkTypeOf(groupOf(apiVersion), kind);
  const type = ofSpark ?? typeOf(apiVersion, kind);
  const ofOperator = () => [...wrongMounts(value), ...wrongOperatorSchedules(value)];
  if (groupOf(apiVersion) === "argoproj.io") return ofOperator().map(findingOf);
  if (type === undefined) return [];
  if (kind === "NetworkPolicy") return wrongPolicy(value).map(findingOf);
  const labels = [
    ...podTemplatesOf(value).map(({ metadataPath }) => `${metadataPath}.labels.`),
    ...(kind === "Namespace" ? ["metadata.labels."] : []),
  ];
  const isJob = jobsOf([object], project).length > 0;
  const shown = {
    ...(object.sources === undefined ? {} : { sources: object.sources }),
    isHidden: (path: string) => isHidden(value, path),
  };
  const found = [
    ...wrongFields(withoutEncryption(value), type, SPARK_TYPES, shown).filter((each) =>
      (ofSpark === undefined || !isCompleted(each)) &&
      // The check quota-fit reports these for jobs.
      !(isJob && /\.resources\.(requests|limits)\./.test(each.path))
    ),
    ...(ofSpark === undefined ? wrongWorkload(value) : ofOperator()),
    ...missingSecretKeys(value),
    ...wrongNames(value),
    ...wrongService(value),
    ...wrongConfigMap(value),
    ...wrongClaims(value),
    ...wrongVolume(value),
    ...wrongScaling(value),
    ...wrongBinding(value),
    ...wrongRules(value),
  ]
    // The check secret-escaping reports these, without the value.
    .filter(({ path }) => kind !== "Secret" || !/^(data|stringData)\b./.test(path))
    // The connection checks report the wrong labels of pods and namespaces.
    .filter(({ path, isLabel }) => !isLabel || !labels.some((each) => path.startsWith(each)))
    // The check quota-fit reports these for jobs.
    .filter(({ isExcess }) => !isExcess || !isJob)
    // SOPS replaces a number or a boolean by a string.
    .filter(({ path }) => !isEncryptedFile(value) || !isFilledValue(valueAt(value, path)));
  return found.map(findingOf);
}

/** The fields of a policy that the API server refuses, as the connection checks read them. */
function wrongPolicy(value: Fields): WrongField[] {
  const found = wrongNames(value).filter(({ path }) => path === "metadata.generateName");
  readPolicy(value, undefined, (path, problem) => {
    found.push({
      path,
      problem: path === "" ? `the object ${problem}` : problem,
      fix: "Correct the field.",
      why: "the API server refuses the policy, so the open connections are not known",
    });
  });
  return [...found, ...uncertainBlocks(value)];
}

/** Returns whether the value at a path may be a secret, so that no message shows it. */
function isHidden(object: Fields, path: string): boolean {
  if (/Secret/.test(String(object.kind)) || /^(data|binaryData|stringData)$/.test(path)) {
    return true;
  }
  const [, list, variable, field = ""] =
    /^(.*\.(?:env|envVars|envFrom))(\[\d+\])?(.*)$/.exec(path) ??
      [];
  if (variable !== undefined && field === ".value") {
    const at = valueAt(object, `${list}${variable}`);
    return !isFields(at) || namesSecret(String(at.name));
  }
  if (list !== undefined && (field === "" || field.startsWith(".valueFrom"))) return true;
  const [, args, index] = /^(.*\.(?:args|command|arguments))(?:\[(\d+)\])?$/.exec(path) ?? [];
  // The value of an option follows its name, as in `--password`.
  const key = index === undefined ? path : String(valueAt(object, `${args}[${Number(index) - 1}]`));
  if (args !== undefined) return index !== undefined && namesSecret(key);
  const isText = typeof valueAt(object, path) !== "boolean";
  return isText && namesSecret(path.slice(path.lastIndexOf(".") + 1));
}
