import { stringify } from "yaml";

/** The credentials of a user: a client certificate or a bearer token. */
export type Login =
  | { readonly certificate: string; readonly key: string }
  | { readonly token: string };

/** The credentials and the API server of a user. */
export interface Access {
  /** Name of the cluster, context and user, for example `deep-storage`. */
  readonly name: string;
  /** Address of the API server. */
  readonly server: string;
  /** Certificate of the CA that signed the server's certificate, as PEM. */
  readonly ca: string;
  readonly login: Login;
}

/** Returns a kubeconfig like those of kind: one context with all credentials embedded. */
export function kubeconfig({ name, server, ca, login }: Access): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": btoa(ca) } }],
    users: [{ name, user: credentials(login) }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  }, { lineWidth: 0 });
}

function credentials(login: Login): Record<string, string> {
  if ("token" in login) return { token: login.token };
  return {
    "client-certificate-data": btoa(login.certificate),
    "client-key-data": btoa(login.key),
  };
}
