import type { Finding } from "../../finding.ts";
import type { Tree } from "../../facts/tree.ts";
import { type Fields, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import { labelOf, namespaceOf, ofKind, placeOf } from "../../kubernetes/objects.ts";
import { workloadsOf } from "../../kubernetes/workloads.ts";
import type { Place } from "../../finding.ts";

/** The label of a namespace with the level of pod security that the API server enforces. */
const ENFORCE = "pod-security.kubernetes.io/enforce";

/** The capabilities that containers may add at the level `baseline`. */
const BASELINE =
  /^(AUDIT_WRITE|CHOWN|DAC_OVERRIDE|FOWNER|FSETID|KILL|MKNOD|NET_BIND_SERVICE|SETFCAP|SETGID|SETPCAP|SETUID|SYS_CHROOT)$/;

/** The sources of volumes that are allowed at the level `restricted`. */
const RESTRICTED_VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

/** A pod that the API server would create, and its place. */
interface PodOf {
  readonly who: string;
  readonly spec: Fields;
  readonly place: (field: string) => Place;
}

/**
 * The fields of pods that the API server refuses because of the level of pod security that their
 * namespace enforces. Only namespaces of the manifests are judged.
 */
export function refusedPods(tree: Pick<Tree, "objects" | "jobs">): Finding[] {
  const levels = new Map(
    ofKind(tree.objects, "Namespace").map((each) => [
      each.name,
      textOf(labelOf(each, ENFORCE)) ?? "",
    ]),
  );
  const own = workloadsOf(tree.objects).flatMap(({ object, spec, specPath, executor }): PodOf[] => {
    // A pod of the cluster runs already. The operator completes the pods of a SparkApplication.
    if (object.file === undefined || executor !== undefined) return [];
    const place = (field: string) => placeOf(object, `${specPath}.${field}`);
    return [{ who: namespaceOf(object), spec, place }];
  });
  const made = tree.jobs.flatMap(({ driver, executor, namespace, workload }): PodOf[] =>
    workload.executor !== undefined ? [] : [driver, executor].flatMap((pod) => {
      const { template } = pod ?? {};
      if (template?.spec === undefined) return [];
      return [{ who: namespace, spec: template.spec, place: () => template.place }];
    })
  );
  return [...own, ...made].flatMap((pod) => {
    const level = levels.get(pod.who);
    return level === "restricted" || level === "baseline" ? judgePod(pod, level) : [];
  });
}

function judgePod(
  { spec, place, who }: PodOf,
  level: "baseline" | "restricted",
): Finding[] {
  const found: Finding[] = [];
  const refuse = (field: string, problem: string, fix: string) => {
    found.push({
      severity: "fail",
      ...place(field),
      problem,
      why: `the namespace ${who} enforces the pod security level ${level}, so no pod is created`,
      fix,
    });
  };
  for (const field of ["hostNetwork", "hostPID", "hostIPC"]) {
    if (spec[field] === true) refuse(field, `the pod uses ${field}`, `Remove ${field}.`);
  }
  listOf(spec.volumes).forEach((volume, i) => {
    const sources = Object.keys(volume).filter((key) => key !== "name");
    const wrong = sources.find((each) =>
      level === "restricted" ? !RESTRICTED_VOLUMES.includes(each) : each === "hostPath"
    );
    if (wrong !== undefined) {
      refuse(`volumes[${i}]`, `the pod has a volume of type ${wrong}`, "Use another volume.");
    }
  });
  const outer = isFields(spec.securityContext) ? spec.securityContext : {};
  for (const list of ["initContainers", "containers"]) {
    for (const [i, container] of listOf(spec[list]).entries()) {
      const at = `${list}[${i}].securityContext`;
      const context = isFields(container.securityContext) ? container.securityContext : {};
      const capabilities = isFields(context.capabilities) ? context.capabilities : {};
      const [added, dropped] = [capabilities.add, capabilities.drop].map((each) =>
        Array.isArray(each) ? each.map(String) : []
      ) as [string[], string[]];
      if (context.privileged === true) {
        refuse(`${at}.privileged`, "the container is privileged", "Remove privileged.");
      }
      const wrong = added.find((each) =>
        level === "restricted" ? each !== "NET_BIND_SERVICE" : !BASELINE.test(each)
      );
      if (wrong !== undefined) {
        refuse(`${at}.capabilities`, `the container adds ${wrong}`, `Remove ${wrong} from add.`);
      }
      if (level === "baseline") continue;
      const profile = context.seccompProfile ?? outer.seccompProfile;
      const type = isFields(profile) ? profile.type : undefined;
      const nonRoot = context.runAsNonRoot ?? outer.runAsNonRoot;
      const rules = [
        ["allowPrivilegeEscalation: false", context.allowPrivilegeEscalation, [false]],
        ["runAsNonRoot: true", nonRoot, [true]],
        ["seccompProfile: {type: RuntimeDefault}", type, ["RuntimeDefault", "Localhost"]],
        ["capabilities: {drop: [ALL]}", dropped.includes("ALL") || undefined, [true]],
      ] as const;
      for (const [wanted, value, allowed] of rules) {
        const isWrong = value !== undefined && !(allowed as readonly unknown[]).includes(value);
        if (isWrong) refuse(at, `the container sets another value than ${wanted}`, `Set ${wanted}`);
      }
      if ((context.runAsUser ?? outer.runAsUser) === 0) {
        refuse(`${at}.runAsUser`, "the container runs as root", "Set another runAsUser.");
      }
      const absent = rules.filter(([, value]) => value === undefined).map(([wanted]) => wanted);
      if (absent.length > 0) {
        found.push({
          severity: "warn",
          ...place(at),
          problem: `the container does not set ${absent.join(", ")}`,
          why: `the namespace ${who} enforces the pod security level ${level}, so no pod is ` +
            "created, unless an admission webhook adds the fields",
          fix: `Set in the container's securityContext: ${absent.join(", ")}`,
        });
      }
    }
  }
  return found;
}
