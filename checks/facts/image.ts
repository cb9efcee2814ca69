import { Failure } from "../../pipeline/errors.ts";

/** An image that is to be looked into. */
export interface ImageRequest {
  /** As in `ghcr.io/ldamasio/rbs-spark:3.5.8-phase1`. */
  readonly reference: string;
  /** Absolute paths of files that jobs expect in it, such as `/opt/deep-storage/jobs/bronze.py`. */
  readonly files: readonly string[];
  /**
   * The Docker configurations that hold the registry's login, in the order in which they are looked
   * at: the `.dockerconfigjson` of pull secrets, or a `config.json`. Without one that fits, nobody logs in.
   */
  readonly logins: readonly Uint8Array[];
}

/** A jar in Spark's jars folder. */
export interface Jar {
  /** The file's name, as in `hadoop-aws-3.3.4.jar`. */
  readonly file: string;
  /** What of it comes before the version, as in `hadoop-aws`. */
  readonly name: string;
  /** The version in its name, as in `3.3.4`; undefined where it has none. */
  readonly version: string | undefined;
}

/** A jar that a layer of the image brought to Spark's jars folder, and that a later one took away. */
export interface DeletedJar extends Jar {
  /** Which layer took it away, counted from 1. */
  readonly layer: number;
}

/** An image that was looked into. */
export interface ImageContents {
  /** Tells it from a refusal. */
  readonly opened: true;
  /** The reference that was asked for; where none was, what the archive calls the image, or its file. */
  readonly reference: string;
  /** The digest of the platform's manifest, as in `sha256:…`; of its configuration in an archive without one. */
  readonly digest: string;
  /** The platform of the image that was read, as in `linux/amd64`. */
  readonly platform: string;
  /** All platforms that the reference offers. */
  readonly platforms: readonly string[];
  /** Where its file list is from. A manifest that a tag names is asked of the registry all the same. */
  readonly source: "registry" | "archive" | "cache";
  /** Whether somebody logged in to the registry for it. */
  readonly loggedIn: boolean;
  /** Spark's jars folder, as in `/opt/spark/jars`. */
  readonly jarsFolder: string;
  /** The jars in it, by name; undefined where there is no such folder. */
  readonly jars: readonly Jar[] | undefined;
  /** The jars that are there no more. */
  readonly deletedJars: readonly DeletedJar[];
  /** The Hadoop inside it, by its own jars; undefined where there is none. */
  readonly hadoopVersion: string | undefined;
  /** Those of the requested files that it has. */
  readonly files: readonly string[];
}

/**
 * Why an image cannot be looked into:
 *
 * - `denied`: the registry wants a login, or another one
 * - `unknown`: there is no such repository, tag or digest; or the reference is none
 * - `platform`: it is there, but not for the platform that was asked for
 * - `broken`: what is there is no image, or not what its digests say
 */
export type ImageTrouble = "denied" | "unknown" | "platform" | "broken";

/** An image that could not be looked into, for a reason that nodes would meet too. */
export interface ImageRefusal {
  /** Tells it from an image that was looked into. */
  readonly opened: false;
  /** The reference that was asked for. */
  readonly reference: string;
  /** The host that answered, as in `ghcr.io`, or the archive's file. */
  readonly registry: string;
  /** In one word. */
  readonly trouble: ImageTrouble;
  /** Why it could not be looked into. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
  /** Whether somebody tried to log in to the registry for it. */
  readonly loggedIn: boolean;
  /** The platforms that there are instead, where `trouble` is `platform`. */
  readonly platforms: readonly string[];
}

/** What is inside the images that jobs run. */
export interface ImageFact {
  /** The platform that was asked for: the nodes', as in `linux/amd64`. */
  readonly platform: string;
  /** The archive that stood in for the registries, where one did. */
  readonly archive?: string;
  /** One for each request, in their order; without requests all images of the archive. */
  readonly images: readonly (ImageContents | ImageRefusal)[];
}

/** Where and how images are looked for. */
export interface ImageOptions {
  /** The nodes' platform, `linux/amd64` unless given. */
  readonly platform?: string;
  /** The file of `docker save` or an OCI layout in a tar, which stands in for every registry. */
  readonly archive?: string;
  /** Certificates in PEM that registries may be signed by, besides those that the system trusts. */
  readonly caCertificates?: readonly string[];
  /** Where layers that were read are remembered; nowhere without it. */
  readonly cache?: string | undefined;
  /** Ends the gathering when it aborts. */
  readonly signal?: AbortSignal;
}

/**
 * Looks into images, all at the same time, each one once. What a registry refuses is part of the fact.
 *
 * @param requests without any, and with an archive, all images of the archive are looked into
 * @throws {Failure} a registry is out of reach, or the archive cannot be read
 */
export function gatherImages(
  _requests: readonly ImageRequest[],
  _options: ImageOptions = {},
): Promise<ImageFact> {
  return Promise.reject(
    new Failure("unreachable", "Cannot look into images: that is not written yet. Wait for it."),
  );
}
