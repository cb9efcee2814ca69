import { stringify } from "yaml";

/** How a user proves who it is: by a client certificate, or by a bearer token. */
export type Login =
  | { readonly certificate: string; readonly key: string }
  | { readonly token: string };

/** Who talks to which API server. */
export interface Access {
  /** Of cluster, context and user, as in `deep-storage`. */
  readonly name: string;
  /** The API server's address. */
  readonly server: string;
  /** The certificate that its own is signed with, as PEM. */
  readonly ca: string;
  readonly login: Login;
}

/** A kubeconfig as kind writes it: one context, and everything in it. */
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
