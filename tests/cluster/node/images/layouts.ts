import { copyBinaries, nativeFolder } from "../../../../tasks/demo/postgres_binaries.ts";
import { imageOfJobs } from "../../../support/stand_in_image.ts";
import { writeLayout } from "../layout.ts";

// The images that production has: that of the Jobs, and a Postgres. Docker does not run here, so
// their layers are made by install.sh.

const INSTALL = new URL("install.sh", import.meta.url).pathname;
const JOBS = new URL("../../../../manifests/image/jobs/", import.meta.url).pathname;
const DOCKERFILE = new URL("../../../../manifests/image/Dockerfile", import.meta.url);

/** The image of Postgres, which is that of the demo. */
export const POSTGRES = "localhost/postgres:1";

/** Returns the folder of the layers, whether it exists or not. */
export async function layersPath(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(INSTALL, { args: ["--where"] })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** Returns why there are no images; undefined if there are. */
export async function missingLayers(): Promise<string | undefined> {
  const layers = await layersPath();
  return await Deno.stat(layers).then(() => true, () => false)
    ? undefined
    : `there are no images, run ${INSTALL}`;
}

/** Options of {@linkcode writeJobsImage}. */
export interface JobsImageOptions {
  /** Folder of the jobs; default: that of this working tree. */
  readonly jobs?: string;
  /** The name of a jar that the last layer removes, such as `hadoop-aws`. */
  readonly without?: string;
}

/**
 * Writes the image of the Jobs as an OCI layout, as manifests/image/Dockerfile would make it: Spark,
 * the jars, and the jobs of this working tree, under the name that the Jobs use.
 *
 * @param folder a folder that does not exist yet
 */
export async function writeJobsImage(
  folder: string,
  { jobs = JOBS, without }: JobsImageOptions = {},
): Promise<void> {
  const layers = await layersPath();
  const layer = `${folder}.tar`;
  await sh(
    PACK_JOBS,
    jobs,
    `${folder}.root`,
    layer,
    without === undefined ? "" : await jarOf(without),
  );
  await writeLayout(folder, {
    name: await imageOfJobs(),
    config: {
      User: "185",
      WorkingDir: "/opt/spark/work-dir",
      Entrypoint: ["/opt/entrypoint.sh"],
      Env: [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "JAVA_HOME=/opt/java",
        "SPARK_HOME=/opt/spark",
        ...await variables(),
      ],
    },
    layers: [`${layers}/base.tar`, `${layers}/spark.tar`, layer],
  });
}

/** Returns the file of a jar that the Dockerfile adds. */
async function jarOf(name: string): Promise<string> {
  const dockerfile = await Deno.readTextFile(DOCKERFILE);
  const [file] = new RegExp(`\\b${name}-[\\d.]+\\.jar\\b`).exec(dockerfile) ?? [];
  if (file === undefined) throw new Error(`The Dockerfile adds no jar ${name}.`);
  return file;
}

/** Writes an image as an archive beside its layout, and returns the path. */
export async function archiveOf(layout: string): Promise<string> {
  const archive = `${layout}-archive.tar`;
  await sh('tar -chf "$1" -C "$2" index.json oci-layout blobs', archive, layout);
  return archive;
}

/** The variables that the Dockerfile sets. */
async function variables(): Promise<string[]> {
  const dockerfile = await Deno.readTextFile(DOCKERFILE);
  return [...dockerfile.matchAll(/^ENV (\w+)="(.*)"$/gm)].map(([, name, value]) =>
    `${name}=${value}`
  );
}

/**
 * Writes the image of Postgres as an OCI layout: the server of the demo at `/opt/postgres`.
 *
 * @param folder a folder that does not exist yet
 */
export async function writePostgresImage(folder: string): Promise<void> {
  const layers = await layersPath();
  const layer = `${folder}.tar`;
  const root = `${folder}.root`;
  await Deno.mkdir(`${root}/opt`, { recursive: true });
  await copyBinaries(nativeFolder(), `${root}/opt/postgres`, undefined);
  await Deno.mkdir(`${root}/etc`);
  await Deno.writeTextFile(`${root}/etc/passwd`, "postgres:x:999:999::/data:/bin/false\n"); // initdb looks up its user
  await sh(PACK, root, layer);
  await writeLayout(folder, {
    name: POSTGRES,
    config: { Env: ["PATH=/opt/postgres/bin:/usr/bin:/bin"] },
    layers: [`${layers}/base.tar`, layer],
  });
}

// A tar file without times and an order of its own, so equal files give the same layer.
const TAR = "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0";

const PACK_JOBS = `
mkdir -p "$2/opt/deep-storage"
cp -r "$1" "$2/opt/deep-storage/jobs"
find "$2" -name __pycache__ -prune -exec rm -rf {} +
chmod -R u=rwX,go=rX "$2"
find "$2" -exec touch -h -d @0 {} +
python3 -m compileall -q -s "$2" -p / "$2/opt/deep-storage/jobs"
if [ -n "$4" ]; then
  mkdir -p "$2/opt/spark/jars"
  : >"$2/opt/spark/jars/.wh.$4"
fi
${TAR} -cf "$3" -C "$2" .
rm -r "$2"
`;

const PACK = `
${TAR} --mode=u=rwX,go=rX -cf "$2" -C "$1" .
rm -r "$1"
`;

async function sh(script: string, ...args: string[]): Promise<void> {
  const command = new Deno.Command("sh", { args: ["-euc", script, "sh", ...args] });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
