import { type Fields, fieldsIn, isFields, listOf, textOf } from "../../kubernetes/fields.ts";
import type { Level } from "./pod_security_level.ts";

// The rules of the levels baseline and restricted (Pod Security Standards of Kubernetes).

/** A field that a level forbids. */
export interface Refused {
  /** The field in the pod's spec. */
  readonly field: string;
  /** The problem. */
  readonly problem: string;
  /** The correction. */
  readonly fix: string;
}

/** Fields that a level requires, and that a container does not set. */
export interface Absent {
  /** The field in the pod's spec. */
  readonly field: string;
  /** The fields with their values, as in `runAsNonRoot: true`. */
  readonly wanted: readonly string[];
}

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

/** The settings of the kernel that are allowed at the level `baseline`, and since which version. */
const SYSCTLS: readonly (readonly [RegExp, number])[] = [
  [/^kernel\.shm_rmid_forced$/, 0],
  [
    /^net\.ipv4\.(ip_local_port_range|ip_unprivileged_port_start|tcp_syncookies|ping_group_range)$/,
    0,
  ],
  [/^net\.ipv4\.ip_local_reserved_ports$/, 27],
  [/^net\.ipv4\.(tcp_keepalive_(time|intvl|probes)|tcp_fin_timeout)$/, 29],
  [/^net\.ipv4\.tcp_[rw]mem$/, 32],
];

/** The types of SELinux that are allowed at the level `baseline`, and since which version. */
const SELINUX: readonly (readonly [RegExp, number])[] = [
  [/^(|container_(t|init_t|kvm_t))$/, 0],
  [/^container_engine_t$/, 31],
];

function isAllowed(
  value: string,
  allowed: readonly (readonly [RegExp, number])[],
  { minor }: Level,
): boolean {
  return allowed.some(([pattern, since]) => minor >= since && pattern.test(value));
}

/** The fields of a pod's spec that a level refuses, and those that it requires. */
export function refusedIn(
  spec: Fields,
  level: Level,
  annotations: Fields = {},
): { readonly refused: readonly Refused[]; readonly absent: readonly Absent[] } {
  const outer = fieldsIn(spec.securityContext);
  const refused: Refused[] = [
    ...ofPod(spec, level),
    ...ofAnnotations(annotations, level),
    ...ofContext(outer, "securityContext", "the pod", level),
    ...(level.name === "restricted" ? ofRestrictedPod(outer, level) : []),
  ];
  const absent: Absent[] = [];
  for (const list of ["initContainers", "containers", "ephemeralContainers"]) {
    for (const [i, container] of listOf(spec[list]).entries()) {
      const at = `${list}[${i}]`;
      const context = fieldsIn(container.securityContext);
      refused.push(
        ...ofContext(context, `${at}.securityContext`, "the container", level),
        ...ofContainer(container, at, level),
        ...(level.minor >= 34 ? ofHosts(container, at) : []),
      );
      if (level.name === "baseline") continue;
      const restricted = ofRestricted(context, outer, at, level);
      refused.push(...restricted.refused);
      if (restricted.wanted.length > 0) {
        absent.push({ field: `${at}.securityContext`, wanted: restricted.wanted });
      }
    }
  }
  return { refused, absent };
}

function ofPod(spec: Fields, level: Level): Refused[] {
  const found: Refused[] = [];
  for (const field of ["hostNetwork", "hostPID", "hostIPC"]) {
    if (spec[field] === true) {
      found.push({ field, problem: `the pod uses ${field}`, fix: `Remove ${field}.` });
    }
  }
  listOf(spec.volumes).forEach((volume, i) => {
    const sources = Object.keys(volume).filter((key) => key !== "name");
    const wrong = sources.find((each) =>
      level.name === "restricted" ? !RESTRICTED_VOLUMES.includes(each) : each === "hostPath"
    );
    if (wrong === undefined) return;
    const problem = `the pod has a volume of type ${wrong}`;
    found.push({ field: `volumes[${i}]`, problem, fix: "Use another volume." });
  });
  const { sysctls } = fieldsIn(spec.securityContext);
  for (const { name } of listOf(sysctls)) {
    if (isAllowed(textOf(name) ?? "", SYSCTLS, level)) continue;
    const problem = `the pod sets the kernel parameter ${textOf(name)}`;
    found.push({ field: "securityContext.sysctls", problem, fix: `Remove ${textOf(name)}.` });
  }
  return found;
}

/** The fields that both a pod and a container can have in their securityContext. */
function ofContext(context: Fields, at: string, who: string, level: Level): Refused[] {
  const found: Refused[] = [];
  for (const name of ["seccompProfile", "appArmorProfile"]) {
    if (fieldsIn(context[name]).type === "Unconfined") {
      const problem = `${who} sets the ${name} Unconfined`;
      found.push({ field: `${at}.${name}`, problem, fix: "Set RuntimeDefault." });
    }
  }
  const { type, user = "", role = "" } = fieldsIn(context.seLinuxOptions);
  if (!isAllowed(textOf(type) ?? "", SELINUX, level) || user !== "" || role !== "") {
    const problem = `${who} sets seLinuxOptions that are not allowed`;
    found.push({ field: `${at}.seLinuxOptions`, problem, fix: "Remove seLinuxOptions." });
  }
  if (fieldsIn(context.windowsOptions).hostProcess === true) {
    const problem = `${who} is a process of a Windows host`;
    found.push({ field: `${at}.windowsOptions`, problem, fix: "Remove hostProcess." });
  }
  return found;
}

const APPARMOR = "container.apparmor.security.beta.kubernetes.io/";

/** The annotations that came before the fields of profiles. */
function ofAnnotations(annotations: Fields, { minor }: Level): Refused[] {
  return Object.entries(annotations).flatMap(([key, value]): Refused[] => {
    const text = textOf(value) ?? "";
    const isSeccomp = /^(container\.)?seccomp\.security\.(alpha|beta)\.kubernetes\.io\//.test(key);
    const isRefused = key.startsWith(APPARMOR)
      ? text !== "" && text !== "runtime/default" && !text.startsWith("localhost/")
      // Since Kubernetes 1.19, only the field seccompProfile counts.
      : isSeccomp && minor < 19 && text === "unconfined";
    return !isRefused ? [] : [{
      field: `metadata.annotations.${key}`,
      problem: `the annotation ${key} is ${text}`,
      fix: "Write runtime/default.",
    }];
  });
}

/** The hosts of probes and hooks: with a host, the node sends the requests to any server. */
function ofHosts(container: Fields, at: string): Refused[] {
  const { postStart, preStop } = fieldsIn(container.lifecycle);
  const handlers = [
    ...["livenessProbe", "readinessProbe", "startupProbe"].map((name) =>
      [name, container[name]] as const
    ),
    ["lifecycle.postStart", postStart] as const,
    ["lifecycle.preStop", preStop] as const,
  ];
  return handlers.flatMap(([name, handler]) =>
    ["httpGet", "tcpSocket"].flatMap((action): Refused[] => {
      const host = textOf(fieldsIn(fieldsIn(handler)[action]).host) ?? "";
      return host === "" ? [] : [{
        field: `${at}.${name}.${action}.host`,
        problem: `${name} of the container sets the host ${host}`,
        fix: "Remove host: without it, the request goes to the pod.",
      }];
    })
  );
}

function ofContainer(container: Fields, at: string, { name: level, minor }: Level): Refused[] {
  const context = fieldsIn(container.securityContext);
  const found: Refused[] = [];
  const refuse = (field: string, problem: string, fix: string) =>
    found.push({ field: `${at}.${field}`, problem, fix });
  if (context.privileged === true) {
    refuse("securityContext.privileged", "the container is privileged", "Remove privileged.");
  }
  const wrong = capabilitiesOf(context, "add").find((each) =>
    level === "restricted" && minor >= 22 ? each !== "NET_BIND_SERVICE" : !BASELINE.test(each)
  );
  if (wrong !== undefined) {
    const fix = `Remove ${wrong} from add.`;
    refuse("securityContext.capabilities", `the container adds ${wrong}`, fix);
  }
  const { procMount = "Default" } = context;
  if (procMount !== "Default") {
    const problem = `the container sets procMount: ${textOf(procMount)}`;
    refuse("securityContext.procMount", problem, "Remove procMount.");
  }
  listOf(container.ports).forEach(({ hostPort = 0 }, i) => {
    if (hostPort === 0) return;
    const problem = `the container uses the port ${textOf(hostPort)} of its node`;
    refuse(`ports[${i}].hostPort`, problem, "Remove hostPort.");
  });
  return found;
}

function capabilitiesOf(context: Fields, list: "add" | "drop"): string[] {
  const capabilities = fieldsIn(context.capabilities)[list];
  return Array.isArray(capabilities) ? capabilities.map(String) : [];
}

/** The rules of `restricted` for what a pod sets. It is refused although its containers set more. */
function ofRestrictedPod(context: Fields, { minor }: Level): Refused[] {
  const found: Refused[] = [];
  if (context.runAsNonRoot === false) {
    const problem = "the pod sets another value than runAsNonRoot: true";
    found.push({ field: "securityContext", problem, fix: "Set runAsNonRoot: true" });
  }
  if (context.runAsUser === 0 && minor >= 23) {
    const problem = "the pod runs as root";
    found.push({ field: "securityContext.runAsUser", problem, fix: "Set another runAsUser." });
  }
  return found;
}

/** The rules of `restricted` for fields that a container must set, itself or with its pod. */
function ofRestricted(
  context: Fields,
  outer: Fields,
  at: string,
  { minor }: Level,
): { readonly refused: readonly Refused[]; readonly wanted: readonly string[] } {
  const inner = `${at}.securityContext`;
  const from = (name: string) => context[name] === undefined ? "securityContext" : inner;
  const profile = context.seccompProfile ?? outer.seccompProfile;
  const type = isFields(profile) ? profile.type : undefined;
  const drops = capabilitiesOf(context, "drop").includes("ALL") || undefined;
  // A pod that sets another value is refused itself.
  const nonRoot = context.runAsNonRoot ?? (outer.runAsNonRoot === undefined ? undefined : true);
  const rules = [
    ["allowPrivilegeEscalation: false", context.allowPrivilegeEscalation, [false], inner, 8],
    ["runAsNonRoot: true", nonRoot, [true], from("runAsNonRoot"), 0],
    // The level baseline refuses Unconfined too, and names it.
    [
      "seccompProfile: {type: RuntimeDefault}",
      type,
      ["RuntimeDefault", "Localhost", "Unconfined"],
      from("seccompProfile"),
      19,
    ],
    ["capabilities: {drop: [ALL]}", drops, [true], inner, 22],
  ] as const;
  const applied = rules.filter(([, , , , since]) => minor >= since);
  const refused = applied.flatMap(([wanted, value, allowed, field]): Refused[] =>
    value === undefined || (allowed as readonly unknown[]).includes(value) ? [] : [{
      field,
      problem: `the ${field === inner ? "container" : "pod"} sets another value than ${wanted}`,
      fix: `Set ${wanted}`,
    }]
  );
  const isRoot = context.runAsUser === 0 && minor >= 23;
  const field = `${inner}.runAsUser`;
  const root = { field, problem: "the container runs as root", fix: "Set another runAsUser." };
  return {
    refused: isRoot ? [...refused, root] : refused,
    wanted: applied.filter(([, value]) => value === undefined).map(([wanted]) => wanted),
  };
}
