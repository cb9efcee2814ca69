import { dirname } from "node:path";
import { CONTAINERD, TOOLS } from "./settings.ts";
import { writeLayout } from "./layout.ts";
import { type Machine, runInNode } from "./machine.ts";

// The images of a real node.

/** A folder with the images of a node, locked as long as its file is open. */
export interface ImageStore extends Disposable {
  readonly folder: string;
  /** How containerd stacks layers there. */
  readonly snapshotter: "overlayfs" | "native";
}

/**
 * Takes a store that no other node uses. A store keeps unpacked images from one node to the next.
 *
 * @param cache the cache folder
 */
export async function takeStore(cache: string): Promise<ImageStore> {
  for (let number = 1;; number++) {
    const folder = `${cache}/images/${number}`;
    await Deno.mkdir(folder, { recursive: true });
    const file = await Deno.open(`${folder}.lock`, { write: true, create: true });
    if (await file.tryLock(true)) {
      const snapshotter = await isOverlay(folder) ? "native" : "overlayfs";
      return { folder, snapshotter, [Symbol.dispose]: () => file.close() };
    }
    file.close();
  }
}

/** Overlayfs cannot write into an overlay, for example in a container of Docker. */
async function isOverlay(folder: string): Promise<boolean> {
  const { stdout } = await new Deno.Command("stat", { args: ["-f", "-c", "%T", folder] }).output();
  return new TextDecoder().decode(stdout).startsWith("overlay");
}

/** Returns the layout of the tools' image, and makes it if it is missing. */
export async function toolsLayout(programs: string): Promise<string> {
  const layout = `${programs}/tools`;
  if (await Deno.stat(layout).then(() => true, () => false)) return layout;
  // Made beside its place, because another process may do the same.
  const making = await Deno.makeTempDir({ dir: dirname(programs), prefix: "making-" });
  try {
    await sh(PACK_TOOLS, making, programs);
    const layer = `${programs}/tools.tar`;
    await Deno.rename(`${making}/tools.tar`, layer);
    const config = { Env: ["PATH=/bin"], Cmd: ["sleep", "2147483647"] };
    await writeLayout(`${making}/tools`, { name: TOOLS, config, layers: [layer] });
    await Deno.rename(`${making}/tools`, layout).catch((error) => {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    });
  } finally {
    await Deno.remove(making, { recursive: true });
  }
  return layout;
}

// The tar file has no times and no order of its own, so every process makes the same one.
const PACK_TOOLS = `
mkdir -p "$1/root/bin" "$1/root/tmp"
chmod 755 "$1/root" "$1/root/bin"
chmod 1777 "$1/root/tmp"
cp "$(command -v busybox)" "$1/root/bin/busybox"
for applet in $(busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "$1/root/bin/$applet"
done
cp "$2/dns" "$1/root/bin/coredns"
cp "$2/probe" "$1/root/bin/probe"
tar -cf "$1/tools.tar" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$1/root" .
`;

async function sh(script: string, ...args: string[]): Promise<void> {
  const command = new Deno.Command("sh", { args: ["-euc", script, "sh", ...args] });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** What an import needs to know about a node. */
export interface ImageTarget {
  readonly machine: Machine;
  /** Folder of the node's programs. */
  readonly programs: string;
}

/**
 * Imports an image into a running node, unless the node has it. Pods use the image with
 * `imagePullPolicy: Never` or `IfNotPresent`.
 *
 * @param layout folder of an OCI layout, with the image's name as `io.containerd.image.name`
 */
export async function importImage(target: ImageTarget, layout: string): Promise<void> {
  const { manifests: [manifest] } = JSON.parse(await Deno.readTextFile(`${layout}/index.json`));
  const name = manifest.annotations["io.containerd.image.name"];
  const listed = await ctr(target, ["images", "list", `name==${name}`]);
  if (listed.includes(manifest.digest)) return;
  // A layer that another image has brought is not read again.
  const known = (await ctr(target, ["content", "list", "-q"])).split("\n").filter((line) => line);
  const tar = new Deno.Command("tar", {
    args: [
      "-ch",
      ...known.map((digest) => `--exclude=./blobs/${digest.replace(":", "/")}`),
      "-C",
      layout,
      "index.json",
      "oci-layout",
      "./blobs",
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  await ctr(target, ["images", "import", "-"], tar.stdout);
  await tar.status;
}

/** Removes the containers and sandboxes that an earlier node has left in its store. */
export async function removeContainers(target: ImageTarget): Promise<void> {
  const containers = (await ctr(target, ["containers", "list", "-q"])).split("\n").filter((id) =>
    id
  );
  if (containers.length > 0) await ctr(target, ["containers", "remove", ...containers]);
  const table = (await ctr(target, ["sandboxes", "list"])).split("\n").slice(1);
  const sandboxes = table.map((line) => line.split(/\s/)[0]!).filter((id) => id);
  if (sandboxes.length > 0) await ctr(target, ["sandboxes", "remove", "--force", ...sandboxes]);
}

/** Returns true if containerd answers. */
export async function containerdAnswers(target: ImageTarget): Promise<boolean> {
  return await ctr(target, ["version"]).then(() => true, () => false);
}

function ctr(
  { machine, programs }: ImageTarget,
  args: readonly string[],
  input?: ReadableStream<Uint8Array>,
): Promise<string> {
  const command = [`${programs}/ctr`, `--address=${CONTAINERD}`, "--namespace=k8s.io", ...args];
  return runInNode(machine, command, input);
}
