import { ROOT } from "../../../support/task.ts";
import { writeLayout } from "../layout.ts";
import { layersPath } from "./layouts.ts";

// The image of the toolkit. Docker does not run here, so the image is assembled as
// manifests/image/toolkit/Dockerfile would make it.

const MANIFEST = new URL("manifests/70-schedule.yaml", ROOT);
const DOCKERFILE = new URL("manifests/image/toolkit/Dockerfile", ROOT);
/** Path in the image: the authority of the object store. */
const CA = "/etc/object-store-ca.crt";

/**
 * Writes the image as an OCI layout: this Deno, the libraries, and the files of this working tree. It
 * also trusts the authority of the tests' object store.
 *
 * @param folder a folder that does not exist yet
 */
export async function writeToolkitImage(folder: string): Promise<void> {
  const layers = await layersPath();
  const dockerfile = await Deno.readTextFile(DOCKERFILE);
  const read = (line: RegExp) => line.exec(dockerfile)![1]!;
  const home = read(/^WORKDIR (\S+)$/m);
  const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)]
    .flatMap(([, names]) => names!.split(" ").flatMap(matching));
  const packed = (name: string) => `${folder}-${name}.tar`;
  await pack(packed("libraries"), [
    { path: await Deno.realPath(Deno.execPath()), at: "/usr/local/bin/deno" },
    { path: `${layers}/tls/ca.crt`, at: CA },
    { path: new URL("node_modules", ROOT).pathname, at: `${home}/node_modules` },
  ]);
  await pack(
    packed("sources"),
    copied.map((name) => ({ path: new URL(name, ROOT).pathname, at: `${home}/${name}` })),
  );
  await writeLayout(folder, {
    name: await imageOfToolkit(),
    config: {
      User: read(/^USER (\S+)$/m),
      WorkingDir: home,
      StopSignal: read(/^STOPSIGNAL (\S+)$/m),
      Entrypoint: JSON.parse(read(/^ENTRYPOINT (.+)$/m)),
      Env: [
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "DENO_DIR=/deno-dir",
        `DENO_CERT=${CA}`,
        read(/^ENV (\S+)$/m),
      ],
    },
    // A node keeps the large layer of the libraries, because commits rarely change it.
    layers: [`${layers}/base.tar`, packed("libraries"), packed("sources")],
  });
}

/** The files that a source of COPY names, from the root of the repository. It can be a pattern. */
function matching(source: string): string[] {
  if (!/[*[]/.test(source)) return [source];
  const folder = source.slice(0, source.lastIndexOf("/") + 1);
  const form = source.slice(folder.length).replaceAll(".", "\\.").replaceAll("*", ".*");
  return [...Deno.readDirSync(new URL(`./${folder}`, ROOT))].map(({ name }) => name)
    .filter((name) => new RegExp(`^${form}$`).test(name)).sort().map((name) => folder + name);
}

/** A file or a folder of this machine, and its path in the image. */
interface Packed {
  readonly path: string;
  readonly at: string;
}

// The name of a symbolic link changes, but not its target. With exit code 1, something changed
// meanwhile: each start of Deno makes and removes a file in node_modules/.deno.
const ADD = `
path=$2 at=\${3#/}
tar -rf "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX \
  --hard-dereference -C "$(dirname "$path")" --transform="flags=rSH;s,^[^/]*,$at," "$(basename "$path")" ||
  [ $? = 1 ]
`;

async function pack(layer: string, all: readonly Packed[]): Promise<void> {
  for (const { path, at } of all) {
    const { success, stderr } = await new Deno.Command("sh", {
      args: ["-euc", ADD, "sh", layer, path, at],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
}

/** Returns the image that the CronJobs name. */
async function imageOfToolkit(): Promise<string> {
  return /^ +image: (\S+)$/m.exec(await Deno.readTextFile(MANIFEST))![1]!;
}
