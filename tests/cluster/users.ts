import { type Api, openApi } from "./api.ts";
import type { Access } from "./kubeconfig.ts";
import { until } from "./until.ts";

// Users with certain rights, as service accounts, and the tokens that they log in with.

/** What a user may do, as ClusterRoles say it. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** May read everything, secrets too, and change nothing. */
export const READS_ALL: Rule = {
  apiGroups: ["*"],
  resources: ["*"],
  verbs: ["get", "list", "watch"],
};

/** May ask what others may do. What one may do oneself, every user may ask. */
export const ASKS_FOR_OTHERS: Rule = {
  apiGroups: ["authorization.k8s.io"],
  resources: ["subjectaccessreviews"],
  verbs: ["create"],
};

/** May change everything. */
export const DOES_ALL: Rule = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };

/** Objects of this label stay when a cluster is brought back to a state. */
export const OF_A_USER = "deep-storage/user";

/** Where the accounts of users are; no check looks there. */
const NAMESPACE = "default";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Rules for reading all that there is, but these resources. */
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

/** Makes a user with exactly these rights, or gives it these, and logs it in by a bearer token. */
export async function user(admin: Access, name: string, rules: readonly Rule[]): Promise<Access> {
  using api = openApi(admin);
  const labels = { [OF_A_USER]: name };
  const roleName = `user:${name}`; // Kubernetes itself has roles of such names as `admin`
  const metadata = { name: roleName, labels };
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata, rules };
  await applied(api, `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}`, {
    ...{ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, labels } },
  });
  await applied(api, `${RBAC}/clusterroles/${roleName}`, role);
  await applied(api, `${RBAC}/clusterrolebindings/${roleName}`, {
    ...{ apiVersion: role.apiVersion, kind: "ClusterRoleBinding", metadata },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: roleName },
    subjects: [{ kind: "ServiceAccount", name, namespace: NAMESPACE }],
  });
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${name}/token`;
  const { status } = await api.call("POST", path, {
    ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" },
    spec: { expirationSeconds: 3600 * 24 },
  });
  const access = { ...admin, login: { token: status.token } };
  await until(`${name} has its rights`, () => has(access, rules));
  return access;
}

/**
 * Logs a user of {@linkcode user} in by a token that is right in everything, and runs out at a time of
 * one's choice: the server itself gives none for less than ten minutes.
 *
 * @param folder the control plane's own, where the key for tokens is
 * @param expires the time, which may be over
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
    ...{ exp, iat: exp - 3600, nbf: exp - 3600 },
  });
  return { ...admin, login: { token } };
}

/** Whether the server has heard of a user's rights, which it does a moment after they were stored. */
async function has(access: Access, rules: readonly Rule[]): Promise<boolean> {
  using api = openApi(access);
  const { status } = await api.call(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    {
      ...{ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview" },
      spec: { namespace: NAMESPACE },
    },
  );
  const text = ({ verbs, apiGroups, resources }: Rule) =>
    JSON.stringify([verbs, apiGroups, resources]);
  // Everybody may ask about himself.
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

/** A JSON Web Token (RFC 7519), signed with the key of a PEM. */
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
