import { type Api, openApi } from "./api.ts";
import type { Access } from "./kubeconfig.ts";
import { until } from "./until.ts";

// Users with given rights: service accounts with bearer tokens.

/** Rights of a user, as a rule of a ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** May read everything, Secrets included, and change nothing. */
export const READS_ALL: Rule = {
  apiGroups: ["*"],
  resources: ["*"],
  verbs: ["get", "list", "watch"],
};

/** May check the rights of other users. Every user may check their own. */
export const ASKS_FOR_OTHERS: Rule = {
  apiGroups: ["authorization.k8s.io"],
  resources: ["subjectaccessreviews"],
  verbs: ["create"],
};

/** May change everything. */
export const DOES_ALL: Rule = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };

/** Label of objects that stay when a cluster is brought back to a state. */
export const OF_A_USER = "deep-storage/user";

/** Namespace of the users' accounts. No check reads it. */
const NAMESPACE = "default";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Returns rules that allow reading everything except these resources. */
export async function readsAllBut(admin: Access, ...plurals: string[]): Promise<Rule[]> {
  using api = openApi(admin);
  const resources = await api.resources();
  return [...Map.groupBy(resources, ({ apiVersion }) => apiVersion.replace(/\/?[^/]*$/, ""))]
    .map(([group, each]) => ({
      apiGroups: [group],
      resources: each.map(({ plural }) => plural).filter((plural) => !plurals.includes(plural)),
      verbs: READS_ALL.verbs,
    }));
}

/**
 * Creates a user with exactly these rights, or replaces the rights of an existing one, and logs in
 * with a bearer token.
 */
export async function user(admin: Access, name: string, rules: readonly Rule[]): Promise<Access> {
  using api = openApi(admin);
  const labels = { [OF_A_USER]: name };
  const roleName = `user:${name}`; // the prefix avoids Kubernetes' own roles, such as `admin`
  const metadata = { name: roleName, labels };
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata, rules };
  await applied(api, `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}`, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, labels },
  });
  await applied(api, `${RBAC}/clusterroles/${roleName}`, role);
  await applied(api, `${RBAC}/clusterrolebindings/${roleName}`, {
    apiVersion: role.apiVersion,
    kind: "ClusterRoleBinding",
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: roleName },
    subjects: [{ kind: "ServiceAccount", name, namespace: NAMESPACE }],
  });
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}/token`;
  const { status } = await api.call("POST", path, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3600 * 24 },
  });
  const access = { ...admin, login: { token: status.token } };
  await until(`${name} has its rights`, () => has(access, rules));
  return access;
}

/**
 * Logs in a user of {@linkcode user} with a valid token that expires at a given time. The server
 * itself issues no token for less than ten minutes.
 *
 * @param folder the control plane's own folder, which has the key that signs tokens
 * @param expires the expiration time, which may be in the past
 */
export async function tokenUntil(
  admin: Access,
  folder: string,
  name: string,
  expires: Date,
): Promise<Access> {
  using api = openApi(admin);
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}`;
  const { metadata } = await api.get(path);
  const exp = Math.floor(expires.getTime() / 1000);
  const token = await signed(await Deno.readTextFile(`${folder}/accounts.key`), {
    iss: "https://kubernetes.default.svc.cluster.local",
    aud: ["https://kubernetes.default.svc.cluster.local"],
    sub: `system:serviceaccount:${NAMESPACE}:${name}`,
    "kubernetes.io": { namespace: NAMESPACE, serviceaccount: { name, uid: metadata.uid } },
    exp,
    iat: exp - 3600,
    nbf: exp - 3600,
  });
  return { ...admin, login: { token } };
}

/**
 * Returns true if the server applies a user's rights. The server needs a moment after the rights
 * are stored.
 */
async function has(access: Access, rules: readonly Rule[]): Promise<boolean> {
  using api = openApi(access);
  const { status } = await api.call(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectRulesReview",
      spec: { namespace: NAMESPACE },
    },
  );
  const text = ({ verbs, apiGroups, resources }: Rule) =>
    JSON.stringify([verbs, apiGroups, resources]);
  // Every user may check their own rights.
  const given = status.resourceRules.filter(({ resources }: Rule) =>
    !resources.every((resource) => resource.startsWith("selfsubject"))
  );
  return JSON.stringify(given.map(text).sort()) === JSON.stringify(rules.map(text).sort());
}

async function applied(api: Api, path: string, object: object): Promise<void> {
  await api.call(
    "PATCH",
    `${path}?fieldManager=suite&force=true`,
    object,
    "application/apply-patch+yaml",
  );
}

/** Returns a JSON Web Token (RFC 7519), signed with a PEM key. */
async function signed(pem: string, claims: object): Promise<string> {
  const der = Uint8Array.fromBase64(pem.replace(/-----[^-]+-----|\s/g, ""));
  const kind = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("pkcs8", der, kind, false, ["sign"]);
  const encoder = new TextEncoder();
  const base64 = (bytes: Uint8Array) =>
    bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const text = [{ alg: "ES256", typ: "JWT" }, claims]
    .map((part) => base64(encoder.encode(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign(kind, key, encoder.encode(text));
  return `${text}.${base64(new Uint8Array(signature))}`;
}
