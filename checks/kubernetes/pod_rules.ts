import type { WrongField } from "./api_types.ts";
import { WRITE_SCHEDULE, wrongSchedule, wrongTimeZone } from "./cron_schedule.ts";
import { type Fields, fieldsIn, isFields, listOf, textOf } from "./fields.ts";
import { wrongJob } from "./job_rules.ts";
import { closestWord } from "./spelling.ts";
import { wrongLabelKey } from "./metadata.ts";
import { wrongDns, wrongSysctls } from "./pod_setting_rules.ts";
import { wrongPorts, wrongProfiles, wrongResources, wrongRollout } from "./workload_rules.ts";
import { groupOf, podTemplatesOf } from "./workloads.ts";

// The rules of the API server that the types of fields do not show.

/** The fields of a workload that the API server refuses although their types are right. */
export function wrongWorkload(object: Fields): WrongField[] {
  const [template] = podTemplatesOf(object);
  if (template === undefined || !isFields(template.spec)) return wrongCronJob(object);
  const { spec, specPath, metadata, metadataPath } = template;
  return [
    ...wrongCronJob(object),
    ...wrongRestartPolicy(object, spec, specPath),
    ...wrongContainers(spec, specPath),
    ...wrongResources(spec, specPath),
    ...wrongPorts(spec, specPath),
    ...wrongProfiles(spec, specPath),
    ...wrongRollout(object),
    ...wrongTolerations(spec, specPath),
    ...wrongVolumes(spec, specPath, claimsOf(object)),
    ...wrongSelector(object, metadata, metadataPath),
    ...wrongDns(spec, specPath),
    ...wrongSysctls(spec, specPath),
    ...wrongJob(object, spec),
  ];
}

function wrongCronJob({ apiVersion, kind, metadata, spec }: Fields): WrongField[] {
  if (groupOf(apiVersion) !== "batch" || kind !== "CronJob" || !isFields(spec)) return [];
  const found: WrongField[] = [];
  const { schedule, timeZone } = spec;
  const text = textOf(schedule);
  const wrong = text ? wrongSchedule(text) : undefined;
  if (wrong !== undefined) {
    found.push({
      path: "spec.schedule",
      problem: `${JSON.stringify(schedule)} is no schedule: ${wrong}`,
      fix: WRITE_SCHEDULE,
    });
  }
  found.push(...wrongTimeZone("spec.timeZone", timeZone));
  const name = isFields(metadata) ? textOf(metadata.name) ?? "" : "";
  if (name.length > 52) {
    found.push({
      path: "metadata.name",
      problem: `the name has ${name.length} characters, and a CronJob may have 52`,
      fix: "Shorten the name: the Jobs get the time as a suffix.",
    });
  }
  return found;
}

function wrongRestartPolicy(object: Fields, spec: Fields, path: string): WrongField[] {
  const group = groupOf(object.apiVersion);
  const { restartPolicy } = spec;
  const at = `${path}.restartPolicy`;
  if (group === "batch") {
    if (restartPolicy === "Never" || restartPolicy === "OnFailure") return [];
    // The check of types reports another value.
    if (restartPolicy && restartPolicy !== "Always") return [];
    return [{
      path: at,
      problem: restartPolicy === "Always"
        ? "restartPolicy must be Never or OnFailure for a Job, but is Always"
        : "restartPolicy is missing: a Job needs Never or OnFailure, and the default is Always",
      fix: "Set in the pod's spec: restartPolicy: Never",
    }];
  }
  if (group !== "apps" && object.kind !== "ReplicationController") return [];
  if ((spec.activeDeadlineSeconds ?? null) !== null) {
    return [{
      path: `${path}.activeDeadlineSeconds`,
      problem: `the pods of a ${object.kind} may have no activeDeadlineSeconds`,
      fix: "Remove activeDeadlineSeconds, or use a Job.",
    }];
  }
  return restartPolicy === "Never" || restartPolicy === "OnFailure"
    ? [{
      path: at,
      problem: `restartPolicy must be Always for a ${object.kind}, but is ${restartPolicy}`,
      fix: "Remove restartPolicy, or use a Job.",
    }]
    : [];
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function wrongTolerations(spec: Fields, specPath: string): WrongField[] {
  const { tolerations } = spec;
  if (!Array.isArray(tolerations)) return [];
  return tolerations.flatMap((each: unknown, i): WrongField[] => {
    const { key, operator, value, effect, tolerationSeconds } = isFields(each) ? each : {};
    const path = `${specPath}.tolerations[${i}]`;
    if (!key && operator !== "Exists") {
      return [{
        path,
        problem: "a toleration without a key needs operator: Exists",
        fix: "Add the key of the taint.",
      }];
    }
    if (operator === "Exists" && value) {
      return [{
        path: `${path}.value`,
        problem: "operator: Exists allows no value",
        fix: "Remove value, or write operator: Equal.",
      }];
    }
    if (operator === "Gt" || operator === "Lt") return [wrongComparison(operator, value, path)];
    if ((tolerationSeconds ?? null) === null || effect === "NoExecute") return [];
    return [{
      path: `${path}.tolerationSeconds`,
      problem: "tolerationSeconds needs effect: NoExecute",
      fix: "Remove tolerationSeconds.",
    }];
  });
}

function wrongComparison(operator: string, value: unknown, path: string): WrongField {
  if (!/^(0|-?[1-9]\d*)$/.test(textOf(value) ?? "")) {
    return {
      path: `${path}.value`,
      problem: `operator ${operator} needs a number without leading zeros`,
      fix: `Write it like value: "5"`,
    };
  }
  return {
    path: `${path}.operator`,
    problem: `operator ${operator} needs the feature gate TaintTolerationComparisonOperators`,
    fix: "Enable the gate of the API server and the scheduler, or use operator: Equal or Exists.",
    why: "an API server without the gate refuses the object",
    isUncertain: true,
  };
}

function wrongContainers(spec: Fields, specPath: string): WrongField[] {
  const found: WrongField[] = [];
  const names = new Set<string>();
  for (const list of ["initContainers", "containers"]) {
    for (const [i, container] of listOf(spec[list]).entries()) {
      const path = `${specPath}.${list}[${i}]`;
      const { name, image, env } = container;
      if (image === undefined || image === null || image === "") {
        found.push({
          path: `${path}.image`,
          problem: "image is required, but missing",
          isMissing: true,
          fix: "Add image: <registry>/<name>:<tag>",
        });
      } else if (typeof image === "string" && !isImageName(image)) {
        found.push({
          path: `${path}.image`,
          problem: `${JSON.stringify(image)} is no name of an image`,
          fix: "Use lowercase letters after the registry, and no spaces, as in " +
            "registry.example.com/team/spark:3.5.8",
          why: "no node can pull the image, and the container never starts: InvalidImageName",
        });
      }
      if (typeof name === "string" && name !== "") {
        if (!LABEL.test(name)) {
          found.push({
            path: `${path}.name`,
            problem: `${JSON.stringify(name)} is no name of a container`,
            fix: "Use lowercase letters, digits and -, and at most 63 characters.",
          });
        } else if (names.has(name)) {
          found.push({
            path: `${path}.name`,
            problem: `another container has the name ${name}`,
            fix: "Give each container another name.",
          });
        }
        names.add(name);
      }
      for (const [j, each] of listOf(env).entries()) {
        const variable = textOf(each.name);
        if (variable !== undefined && !/^[ -<>-~]+$/.test(variable)) {
          found.push({
            path: `${path}.env[${j}].name`,
            // As in `PASSWORD=text`.
            problem: `${JSON.stringify(variable.replace(/=.+$/s, "=…"))} is no name of a variable`,
            fix: "Use letters, digits and _.",
          });
        }
        const source = isFields(each.valueFrom) ? wrongSource(each.valueFrom) : undefined;
        if (source !== undefined) {
          found.push({ ...source, path: `${path}.env[${j}].valueFrom.${source.path}` });
        }
        const hasValue = typeof each.value === "string" && each.value !== "";
        if (hasValue && isFields(each.valueFrom)) {
          found.push({
            path: `${path}.env[${j}]`,
            problem: `the variable ${textOf(each.name) ?? ""} has both value and valueFrom`,
            fix: "Remove one of them.",
          });
        }
      }
    }
  }
  return found;
}

/** A part of a repository, as the runtimes of containers read it. */
const PART = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;

/** A tag and a digest. The check image-deps judges the digest. */
const SUFFIX = /(?::\w[\w.-]{0,127})?(?:@[^\s/@]+)?$/;

/** Returns whether a text names an image. A variable in it counts as a part of the name. */
function isImageName(text: string): boolean {
  if (/[${}<>%]/.test(text)) return true;
  const name = text.replace(SUFFIX, "");
  const [first = "", ...rest] = name.split("/");
  // The first part is a registry if it cannot be a part of a repository.
  const isHost = rest.length > 0 &&
    (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const isRegistry = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:\d+)?$/;
  const parts = isHost ? rest : [first, ...rest];
  return (!isHost || isRegistry.test(first)) && parts.every((part) => PART.test(part));
}

/** The fields of a pod that a variable can have as its value. The API server also accepts spec.host. */
const POD_FIELDS = [
  ...["metadata.name", "metadata.namespace", "metadata.uid"],
  ...["spec.nodeName", "spec.serviceAccountName"],
  ...["status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"],
];

/** The problem of a field of the pod, or of an amount of a container, as the value of a variable. */
function wrongSource({ fieldRef, resourceFieldRef }: Fields): WrongField | undefined {
  const field = isFields(fieldRef) ? textOf(fieldRef.fieldPath) : undefined;
  const isEntry = isEntryPath(field ?? "");
  if (field && !isEntry && field !== "spec.host" && !POD_FIELDS.includes(field)) {
    const near = closestWord(field, POD_FIELDS);
    return {
      path: "fieldRef.fieldPath",
      problem: `no variable can have the field ${field} of its pod`,
      fix: near === undefined
        ? `Use one of ${
          POD_FIELDS.join(", ")
        }, metadata.labels['<key>'], metadata.annotations['<key>'].`
        : `Did you mean ${near}?`,
    };
  }
  const resource = isFields(resourceFieldRef) ? textOf(resourceFieldRef.resource) : undefined;
  const isAmount = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-\S+)$/;
  return !resource || isAmount.test(resource) ? undefined : {
    path: "resourceFieldRef.resource",
    problem: `no variable can have the amount ${resource} of a container`,
    fix: "Use limits or requests of cpu, memory or ephemeral-storage, as in limits.cpu.",
  };
}

/** Returns whether a path is that of a label or an annotation, as in `metadata.labels['app']`. */
function isEntryPath(path: string): boolean {
  const [, list, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/s.exec(path) ?? [];
  // The API server ignores the case of an annotation's key.
  return key !== undefined &&
    wrongLabelKey(list === "labels" ? key : key.toLowerCase()) === undefined;
}

/** The fields of the pod in the files of a volume that no file can have. */
function wrongFiles(volume: Fields, path: string): WrongField[] {
  const projected = listOf(fieldsIn(volume.projected).sources).map(({ downwardAPI }, i) => (
    { items: fieldsIn(downwardAPI).items, at: `${path}.projected.sources[${i}].downwardAPI` }
  ));
  const own = { items: fieldsIn(volume.downwardAPI).items, at: `${path}.downwardAPI` };
  return [own, ...projected].flatMap(({ items, at }) =>
    listOf(items).flatMap(({ fieldRef }, i) => {
      const field = textOf(fieldsIn(fieldRef).fieldPath);
      const isKnown = /^metadata\.(name|namespace|uid|labels|annotations)$/.test(field ?? "");
      return !field || isKnown || isEntryPath(field) ? [] : [{
        path: `${at}.items[${i}].fieldRef.fieldPath`,
        problem: `no file can have the field ${field} of its pod`,
        fix: "Use metadata.name, .namespace, .uid, .labels or .annotations.",
      }];
    })
  );
}

/** The names of the volumes that a StatefulSet adds to its pods. */
function claimsOf({ kind, spec }: Fields): string[] {
  const claims = kind === "StatefulSet" && isFields(spec) ? listOf(spec.volumeClaimTemplates) : [];
  return claims.map(({ metadata }) => isFields(metadata) ? textOf(metadata.name) ?? "" : "");
}

function wrongVolumes(spec: Fields, specPath: string, claims: readonly string[]): WrongField[] {
  const found: WrongField[] = [];
  const volumes = listOf(spec.volumes);
  const own = volumes.map(({ name }) => textOf(name) ?? "");
  const names = [...own, ...claims];
  own.forEach((name, i) => {
    if (name !== "" && names.indexOf(name) < i) {
      found.push({
        path: `${specPath}.volumes[${i}].name`,
        problem: `another volume has the name ${name}`,
        fix: "Give each volume another name.",
      });
    }
  });
  volumes.forEach((volume, i) => {
    found.push(...wrongFiles(volume, `${specPath}.volumes[${i}]`));
    const sources = Object.keys(volume).filter((key) => key !== "name" && volume[key] !== null);
    if (sources.length > 1) {
      found.push({
        path: `${specPath}.volumes[${i}]`,
        problem: `the volume has more than one source: ${sources.join(", ")}`,
        fix: "Keep one source, and check the indentation of the others.",
      });
    }
  });
  for (const list of ["initContainers", "containers"]) {
    const uses = listOf(spec[list]).flatMap(({ volumeMounts, volumeDevices }, i) => [
      { field: `${list}[${i}].volumeMounts`, volumesUsed: listOf(volumeMounts) },
      { field: `${list}[${i}].volumeDevices`, volumesUsed: listOf(volumeDevices) },
    ]);
    for (const { field, volumesUsed } of uses) {
      const paths = new Set<string>();
      for (const [j, { name, mountPath }] of volumesUsed.entries()) {
        const path = `${specPath}.${field}[${j}]`;
        const wanted = textOf(name) ?? "";
        if (wanted !== "" && !names.includes(wanted)) {
          const meant = closestWord(wanted, names);
          found.push({
            path: `${path}.name`,
            problem: `the pod has no volume ${wanted}${
              meant === undefined ? "" : `; did you mean ${meant}?`
            }`,
            fix: meant === undefined
              ? `Add to the pod's spec: volumes: [{name: ${wanted}, …}]`
              : `Write name: ${meant}`,
          });
        }
        const folder = textOf(mountPath) ?? "";
        if (folder !== "" && paths.has(folder)) {
          found.push({
            path: `${path}.mountPath`,
            problem: `another volume is mounted at ${folder}`,
            fix: "Mount each volume at another path.",
          });
        }
        if (folder.includes(":")) {
          found.push({
            path: `${path}.mountPath`,
            problem: `${JSON.stringify(folder)} has a colon, which a path of a mount may not have`,
            fix: "Use another path.",
            why: "Kubernetes does not promise that a container with such a path starts",
            isUncertain: true,
          });
        }
        paths.add(folder);
      }
    }
  }
  return found;
}

/** The selector of a workload must select its own pods. */
function wrongSelector(object: Fields, metadata: unknown, metadataPath: string): WrongField[] {
  if (!isFields(object.spec)) return [];
  const isManual = object.kind === "Job" && object.spec.manualSelector === true;
  const isController = object.kind === "ReplicationController";
  if (groupOf(object.apiVersion) !== "apps" && !isManual && !isController) return [];
  const { selector } = object.spec;
  const wanted = isController ? fieldsIn(selector) : fieldsIn(fieldsIn(selector).matchLabels);
  const labels = isFields(metadata) && isFields(metadata.labels) ? metadata.labels : {};
  const missing = Object.entries(wanted).filter(([key, value]) => labels[key] !== value);
  if (missing.length === 0) return [];
  const [key, value] = missing[0]!;
  return [{
    path: isController ? "spec.selector" : "spec.selector.matchLabels",
    problem: `the pods of the template do not have the label ${key}=${value}`,
    fix: `Set in ${metadataPath}.labels: ${key}: ${JSON.stringify(value)}`,
  }];
}
