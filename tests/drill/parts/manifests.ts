import { join } from "node:path";
import { imageOfJobs } from "../../support/stand_in_image.ts";
import type { ImagePart } from "./image.ts";
import type { Part } from "./part.ts";

const MANIFESTS = new URL("../../../manifests/", import.meta.url).pathname;

/** A copy of manifests/, for drills to break. */
export interface ManifestsPart extends Part {
  readonly folder: string;
  /** Edits a text file of the copy. Throws if the edit changes nothing. */
  edit(file: string, how: (text: string) => string): Promise<void>;
}

/** The image of the jobs' pods and its pull credentials. */
type Pulled = Pick<ImagePart, "ours" | "pull">;

/** Copies manifests/ into a new folder, with a different image for the Jobs. */
export async function copyManifests(folder: string, image: Pulled): Promise<ManifestsPart> {
  const named = await imageOfJobs();
  const edit = async (file: string, how: (text: string) => string) => {
    const path = join(folder, file);
    const text = await Deno.readTextFile(path);
    const edited = how(text);
    if (edited === text) throw new Error(`${file} does not have the form that this drill expects.`);
    await Deno.writeTextFile(path, edited);
  };
  const remove = () => Deno.remove(folder, { recursive: true });
  const copy = async () => {
    await copyFolder(MANIFESTS, folder);
    for (const job of ["50-bronze-ingest.yaml", "60-silver-transform.yaml"]) {
      await edit(job, (text) => withPullSecret(text.replaceAll(named, image.ours), image));
    }
  };
  await copy();
  return { folder, edit, stop: remove, heal: () => remove().then(copy) };
}

/** Adds the pull secret to the executors, which use a different service account than the driver. */
function withPullSecret(job: string, { pull }: Pulled): string {
  const before = /^( *- )--conf=spark\.kubernetes\.executor\.container\.image=.*$/m;
  return job.replace(
    before,
    `$&\n$1--conf=spark.kubernetes.container.image.pullSecrets=${pull.name}`,
  );
}

/** Copies a folder with all its content to a new path. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    await (isDirectory ? copyFolder(source, target) : Deno.copyFile(source, target));
  }
}
