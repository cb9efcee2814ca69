import { createHash, createHmac } from "node:crypto";

/** The parts of a request that a signature covers. */
export interface SignedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  /** Lowercase names of the signed headers. */
  readonly signedHeaders: readonly string[];
}

/** A key pair with its region and service. */
export interface Signer {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Signs a request with AWS Signature Version 4 in its headers, and sends it. */
export function signedFetch(
  signer: Signer,
  method: string,
  url: URL,
  { headers: more = {}, body = new Uint8Array() }: {
    headers?: Record<string, string>;
    body?: Uint8Array<ArrayBuffer>;
  } = {},
): Promise<Response> {
  const headers = new Headers({
    ...more,
    "x-amz-content-sha256": sha256(body),
    "x-amz-date": new Date().toISOString().replace(/[-:]|\.\d+/g, ""),
  });
  const signed = new Headers(headers);
  signed.set("host", url.host); // fetch sets this header itself and ignores any other value
  const signedHeaders = [...signed.keys()].sort();
  const scope = `${headers.get("x-amz-date")!.slice(0, 8)}/${signer.region}/s3/aws4_request`;
  const request = { method, url, headers: signed, signedHeaders };
  headers.set(
    "authorization",
    `AWS4-HMAC-SHA256 Credential=${signer.accessKeyId}/${scope}, ` +
      `SignedHeaders=${signedHeaders.join(";")}, ` +
      `Signature=${signature(request, scope, signer.secretAccessKey)}`,
  );
  return fetch(url, { method, headers, ...(method === "PUT" ? { body } : {}) });
}

/**
 * Computes the signature of a request.
 *
 * @param scope for example `20251228/us-east-1/s3/aws4_request`
 * @returns lowercase hexadecimal digits
 */
export function signature(request: SignedRequest, scope: string, secret: string): string {
  const { method, url, headers, signedHeaders } = request;
  const canonical = [
    method,
    decodeURIComponent(url.pathname).split("/").map(escape).join("/"),
    [...url.searchParams].map(([name, value]) => `${escape(name)}=${escape(value)}`).sort()
      .join("&"),
    ...signedHeaders.map((name) => `${name}:${headers.get(name)?.trim() ?? ""}`),
    "",
    signedHeaders.join(";"),
    headers.get("x-amz-content-sha256") ?? "",
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", headers.get("x-amz-date"), scope, sha256(canonical)];
  const key = scope.split("/").reduce<string | Uint8Array>(hmac, `AWS4${secret}`);
  return hmac(key, toSign.join("\n")).toString("hex");
}

/** Returns the SHA-256 digest in lowercase hexadecimal digits. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function hmac(key: string | Uint8Array, text: string) {
  return createHmac("sha256", key).update(text).digest();
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
