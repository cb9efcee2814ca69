import type { Blob, TestImage } from "./images.ts";

// A fake registry for failures that a real registry cannot produce on demand.

/** A running fake registry. */
export interface FakeRegistry {
  /** Host and port, for example `127.0.0.1:40123`. */
  readonly host: string;
  /** The requests so far, in order, with their `authorization` header. */
  readonly asked: readonly { readonly path: string; readonly authorization: string | null }[];
  stop(): Promise<void>;
}

/** Returns the response to a request, or undefined for the default response. */
export type Answer = (
  path: string,
  request: Request,
) => Response | undefined | Promise<Response | undefined>;

/**
 * Starts a fake registry without TLS. Its only repository, `team/spark`, serves an image and the
 * given responses.
 */
export function startFakeRegistry(
  image: TestImage,
  answer: Answer = () => undefined,
  root: Blob = image.manifest,
): FakeRegistry {
  const asked: { path: string; authorization: string | null }[] = [];
  const manifests = new Map([["1", root], [image.manifest.descriptor.digest, image.manifest]]);
  const blobs = new Map(
    [image.config, ...image.layers].map((blob) => [blob.descriptor.digest, blob]),
  );
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname: path } = new URL(request.url);
    asked.push({ path, authorization: request.headers.get("authorization") });
    const special = await answer(path, request);
    if (special !== undefined) return special;
    const [, kind, reference = ""] = /^\/v2\/team\/spark\/(manifests|blobs)\/(.+)$/.exec(path) ??
      [];
    const found = kind === "manifests" ? manifests.get(reference) : blobs.get(reference);
    return found === undefined
      ? Response.json({ errors: [{ code: "MANIFEST_UNKNOWN" }] }, { status: 404 })
      : new Response(found.bytes as Uint8Array<ArrayBuffer>, {
        headers: { "content-type": found.descriptor.mediaType },
      });
  });
  const { port } = server.addr;
  return { host: `127.0.0.1:${port}`, asked, stop: () => server.shutdown() };
}
