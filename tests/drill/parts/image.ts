import type { TestImage } from "../../support/images.ts";
import { REGISTRY_USER, startRegistry } from "../../support/registry.ts";
import { imageOfJobs, plainSpark, standInImage } from "../../support/stand_in_image.ts";
import type { PullSecret } from "../../cluster/setup.ts";
import type { Part } from "./part.ts";

/** The registry with the image of the Jobs, for drills to break. */
export interface ImagePart extends Part {
  /** The reference of the Jobs' image. */
  readonly ours: string;
  /** The reference of the plain Spark image. */
  readonly plain: string;
  /** The cluster's pull credentials. */
  readonly pull: PullSecret;
  /** Stores a different image under the reference of the Jobs' image. */
  pushOurs(image: TestImage): Promise<void>;
}

/** Starts a registry that requires a login and contains a stand-in for the image of the Jobs. */
export async function startImage(): Promise<ImagePart> {
  const { host, push, stop } = await startRegistry({ auth: "basic" });
  const [path, tag] = (await imageOfJobs()).replace(/^[^/]+\//, "").split(":") as [string, string];
  const pushOurs = (image: TestImage) => push(path, tag, image.manifest, [image]);
  const heal = async () => await pushOurs(await standInImage());
  await heal();
  const plain = plainSpark();
  await push("apache/spark", "3.5.8", plain.manifest, [plain]);
  return {
    ours: `${host}/${path}:${tag}`,
    plain: `${host}/apache/spark:3.5.8`,
    pushOurs,
    heal,
    stop,
    pull: {
      name: "registry",
      registry: host,
      username: REGISTRY_USER.user,
      password: REGISTRY_USER.password,
    },
  };
}
