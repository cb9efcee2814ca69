import type { Blob, TestImage } from "./images.ts";

// What stands in for a registry where one is to fail in a way that no real one does when asked.

/** A running fake. */
export interface FakeRegistry {
  /** As in `127.0.0.1:40123`. */
  readonly host: string;
  /** What it was asked, and with which `authorization`, in order. */
  readonly asked: readonly { readonly path: string; readonly authorization: string | null }[];
  stop(): Promise<void>;
}

/** Answers a request, or leaves it to the usual answers. */
export type Answer = (
  path: string,
  request: Request,
) => Response | undefined | Promise<Response | undefined>;

/**
 * Starts a registry of one repository `team/spark`, which serves an image and whatever else it is
 * given. It speaks no TLS.
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
