import type { WrongField } from "./api_types.ts";
import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import { isNamespaceName, isObjectName } from "./metadata.ts";

// The rules of the API server for Jobs, which compare several fields.

/**
 * The fields of a Job or a CronJob that the API server refuses together.
 *
 * @param pod the spec of its pods
 */
export function wrongJob(object: Fields, pod: Fields): WrongField[] {
  const { kind, spec } = object;
  if (kind !== "Job" && kind !== "CronJob") return [];
  const isJob = kind === "Job";
  const job = fieldsIn(isJob ? spec : fieldsIn(fieldsIn(spec).jobTemplate).spec);
  const path = isJob ? "spec" : "spec.jobTemplate.spec";
  return [
    ...wrongJobSelector(object),
    ...wrongIndexes(job, path),
    ...wrongSuccess(job, path),
    ...wrongFailures(job, path, pod),
    ...(isJob ? wrongIndexedName(object, job) : []),
  ];
}

/** Returns whether a field is there. */
function has(fields: Fields, name: string): boolean {
  return (fields[name] ?? null) !== null;
}

/** The fields that only a Job with indexes can have. */
const OF_INDEXES = ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"];

/** The wrong fields of the indexes of a Job. */
function wrongIndexes(job: Fields, path: string): WrongField[] {
  const { completions, maxFailedIndexes } = job;
  const mode = job.completionMode ?? "NonIndexed";
  const found: WrongField[] = [];
  // Without both, the API server sets both to 1.
  if (mode === "Indexed" && !has(job, "completions") && has(job, "parallelism")) {
    found.push({
      path: `${path}.completions`,
      problem: "completions is required with completionMode: Indexed, but missing",
      fix: "Add completions: <number>",
    });
  }
  // The check of values reports another mode.
  for (const field of OF_INDEXES.filter((each) => mode === "NonIndexed" && has(job, each))) {
    found.push({
      path: `${path}.${field}`,
      problem: `${field} needs completionMode: Indexed`,
      fix: `Add completionMode: Indexed and completions: <number>, or remove ${field}.`,
    });
  }
  if (has(job, "maxFailedIndexes") && !has(job, "backoffLimitPerIndex")) {
    found.push({
      path: `${path}.maxFailedIndexes`,
      problem: "maxFailedIndexes needs backoffLimitPerIndex",
      fix: "Add backoffLimitPerIndex: <number>",
    });
  }
  if (isMore(maxFailedIndexes, completions)) {
    found.push({
      path: `${path}.maxFailedIndexes`,
      problem: `maxFailedIndexes is ${maxFailedIndexes}, more than completions: ${completions}`,
      fix: `Write ${completions} or less.`,
    });
  }
  return found;
}

function isMore(value: unknown, most: unknown): boolean {
  return typeof value === "number" && typeof most === "number" && value > most;
}

/** The pods of a Job with indexes have its name and the index as their host names. */
function wrongIndexedName({ metadata }: Fields, job: Fields): WrongField[] {
  const name = textOf(fieldsIn(metadata).name) ?? "";
  const { completionMode, completions } = job;
  if (completionMode !== "Indexed" || typeof completions !== "number" || completions < 1) return [];
  const last = `${name}-${completions - 1}`;
  // The check of names reports those that no Job can have.
  return !isObjectName(name) || name.length > 63 || isNamespaceName(last) ? [] : [{
    path: "metadata.name",
    problem: `the host name of a pod would be ${last}, which is not valid`,
    fix: "Use lowercase letters, digits and -, and at most 63 characters with - and the index.",
  }];
}

/** The wrong rules of a successPolicy. */
function wrongSuccess(job: Fields, path: string): WrongField[] {
  const { completions } = job;
  return listOf(fieldsIn(job.successPolicy).rules).flatMap((rule, i): WrongField[] => {
    const at = `${path}.successPolicy.rules[${i}]`;
    const { succeededCount, succeededIndexes } = rule;
    if (!has(rule, "succeededCount") && !has(rule, "succeededIndexes")) {
      return [{
        path: at,
        problem: "one of succeededCount or succeededIndexes is required, but missing",
        fix: "Add succeededIndexes: <indexes> or succeededCount: <number>",
      }];
    }
    const indexes = typeof succeededIndexes === "string" ? parseIndexes(succeededIndexes) : [];
    const isBeyond = typeof completions === "number" &&
      (indexes?.at(-1)?.at(-1) ?? -1) >= completions;
    if (indexes === undefined || isBeyond) {
      return [{
        path: `${at}.succeededIndexes`,
        problem: isBeyond
          ? `${JSON.stringify(succeededIndexes)} has an index beyond ${
            completions - 1
          }, the last one`
          : `${JSON.stringify(succeededIndexes)} is not a list of indexes in ascending order`,
        fix: 'Write it like "0,2-4", without spaces.',
      }];
    }
    const count = indexes.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    const most = typeof succeededIndexes === "string" ? count : completions;
    return !isMore(succeededCount, most) ? [] : [{
      path: `${at}.succeededCount`,
      problem: `succeededCount is ${succeededCount}, but the rule has ${most} indexes`,
      fix: `Write ${most} or less.`,
    }];
  });
}

/** The ranges of a list of indexes, as in `0,2-4`; undefined for an invalid list. */
function parseIndexes(text: string): [first: number, last: number][] | undefined {
  if (text === "") return [];
  const parts = text.split(",").map((part) => part.split("-"));
  if (parts.some((part) => part.length > 2 || !part.every((each) => /^[+]?\d+$/.test(each)))) {
    return undefined;
  }
  const numbers = parts.flat().map(Number);
  if (numbers.some((each, i) => i > 0 && each <= numbers[i - 1]!)) return undefined;
  return parts.map((part) => [Number(part[0]), Number(part.at(-1))]);
}

/** The wrong rules of a podFailurePolicy. */
function wrongFailures(job: Fields, path: string, pod: Fields): WrongField[] {
  if (!isFields(job.podFailurePolicy)) return [];
  const found: WrongField[] = [];
  if (pod.restartPolicy === "OnFailure") {
    found.push({
      path: `${path}.podFailurePolicy`,
      problem: "podFailurePolicy needs restartPolicy: Never, but it is OnFailure",
      fix: "Set in the pod's spec: restartPolicy: Never",
    });
  }
  if (job.podReplacementPolicy === "TerminatingOrFailed") {
    found.push({
      path: `${path}.podReplacementPolicy`,
      problem: "podFailurePolicy needs podReplacementPolicy: Failed, but it is TerminatingOrFailed",
      fix: "Remove podReplacementPolicy.",
    });
  }
  const names = ["initContainers", "containers"].flatMap((list) =>
    listOf(pod[list]).map(({ name }) => textOf(name) ?? "")
  );
  for (const [i, { action, onExitCodes }] of listOf(job.podFailurePolicy.rules).entries()) {
    if (action === "FailIndex" && !has(job, "backoffLimitPerIndex")) {
      found.push({
        path: `${path}.podFailurePolicy.rules[${i}].action`,
        problem: "action FailIndex needs backoffLimitPerIndex",
        fix: "Add to the Job's spec: backoffLimitPerIndex: <number>",
      });
    }
    if (!isFields(onExitCodes)) continue;
    const wrong = wrongCodes(onExitCodes);
    if (wrong !== undefined) {
      found.push({
        path: `${path}.podFailurePolicy.rules[${i}].onExitCodes.values`,
        problem: wrong,
        fix: "Write each exit code once, in ascending order; 0 only with operator: NotIn.",
      });
    }
    const name = textOf(onExitCodes.containerName);
    if (name === undefined || names.includes(name)) continue;
    found.push({
      path: `${path}.podFailurePolicy.rules[${i}].onExitCodes.containerName`,
      problem: `the pod has no container ${name}`,
      fix: `Write one of ${names.join(", ")}`,
    });
  }
  return found;
}

/** What the API server does not accept in a list of exit codes. */
function wrongCodes({ operator, values }: Fields): string | undefined {
  if (!Array.isArray(values)) return undefined;
  // The API server reads null as 0.
  const codes = values.map((each) => each ?? 0);
  if (operator === "In" && codes.includes(0)) return "0 is not the exit code of a failed container";
  if (new Set(codes).size < codes.length) return "an exit code is repeated";
  return codes.some((code, i) => i > 0 && code < codes[i - 1])
    ? "the exit codes are not in ascending order"
    : undefined;
}

/**
 * Labels in the selector of a Job, to which the API server adds its own. That of a running Job has the
 * id of the Job.
 */
function wrongJobSelector({ kind, spec }: Fields): WrongField[] {
  if (kind === "CronJob") {
    const { selector } = fieldsIn(fieldsIn(fieldsIn(spec).jobTemplate).spec);
    return isFields(selector) ? [ownSelector("spec.jobTemplate.spec.selector")] : [];
  }
  const { selector, manualSelector } = fieldsIn(spec);
  if (manualSelector === true) {
    return isFields(selector) ? [] : [{
      path: "spec.selector",
      problem: "manualSelector: true needs a selector",
      fix: "Remove manualSelector, so that the API server generates the selector.",
    }];
  }
  if (!isFields(selector)) return [];
  const labels = isFields(selector.matchLabels) ? Object.keys(selector.matchLabels) : [];
  const isGenerated = labels.some((key) => key.endsWith("controller-uid"));
  return labels.length === 0 || isGenerated ? [] : [ownSelector("spec.selector")];
}

function ownSelector(path: string): WrongField {
  return {
    path,
    problem: "a Job may have no selector of its own: the API server generates it",
    fix: `Remove ${path}.`,
  };
}
