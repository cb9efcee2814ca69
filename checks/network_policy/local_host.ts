/**
 * Returns whether a host is the machine that connects to it: `localhost`, a loopback address in any
 * notation, or the unspecified address. For a pod, such a host is the pod itself.
 *
 * @param host a host name or an address, without a port
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isLocalHost } from "./local_host.ts";
 *
 * assertEquals(["localhost", "127.1", "::1", "db.example"].map(isLocalHost), [
 *   true,
 *   true,
 *   true,
 *   false,
 * ]);
 * ```
 */
export function isLocalHost(host: string): boolean {
  const name = canonicalHost(host.trim());
  if (name.startsWith("[")) return /^\[::(1|ffff:(7f[0-9a-f]{2}:[0-9a-f]+|0:0))?\]$/.test(name);
  return LOCAL_NAMES.test(name) || /^127(\.\d+){3}$/.test(name) || name === "0.0.0.0";
}

/** The names that every machine, and the kubelet for every pod, maps to the loopback addresses. */
const LOCAL_NAMES =
  /^((.*\.)?localhost|localhost\d|localhost\d?\.localdomain\d?|ip6-(localhost|loopback))$/;

/**
 * Returns whether the host of a URL is the machine that connects to it, as {@linkcode isLocalHost}
 * does. The scheme may be missing.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isLocalUrl } from "./local_host.ts";
 *
 * assertEquals(["http://localhost:9000", "127.0.0.1:9000", "https://s3.example"].map(isLocalUrl), [
 *   true,
 *   true,
 *   false,
 * ]);
 * ```
 */
export function isLocalUrl(text: string): boolean {
  return isLocalHost(hostOfUrl(text));
}

/**
 * The host of a URL, whose scheme may be missing. A text that is no URL is returned as it is.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hostOfUrl } from "./local_host.ts";
 *
 * assertEquals(["http://a.example:9000/x", "b.example:1"].map(hostOfUrl), ["a.example", "b.example"]);
 * ```
 */
export function hostOfUrl(text: string): string {
  const address = text.trim();
  const url = URL.parse(/^[a-z][a-z\d+.-]*:\/\//i.test(address) ? address : `http://${address}`);
  // Only http and a few other schemes have hosts in a canonical form.
  return url?.hostname ?? address;
}

/**
 * Returns whether a host is a name that only Docker or Podman on a developer's machine resolves, to
 * that machine. A pod of another cluster does not find it.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isDeveloperHost } from "./local_host.ts";
 *
 * assert(isDeveloperHost("host.docker.internal"));
 * ```
 */
export function isDeveloperHost(host: string): boolean {
  return /^((host|gateway)\.docker|host\.containers)\.internal\.?$/i.test(host.trim());
}

/** Returns the form that all notations of a host have in common, as in `127.0.0.1` for `127.1`. */
function canonicalHost(host: string): string {
  const isIpv6 = host.includes(":") && !host.startsWith("[");
  const plain = host.replace(/%[^\]]*/, "").replace(/\.$/, "");
  const url = URL.parse(`http://${isIpv6 ? `[${plain}]` : plain}`);
  return (url?.hostname ?? plain).toLowerCase().replace(/\.$/, "");
}
