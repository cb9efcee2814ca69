import type { ServerProcess } from "../../tasks/demo/server_process.ts";
import type { Api } from "./api.ts";
import type { Access } from "./kubeconfig.ts";

// What starting a control plane and starting a real node have in common.

/** Writes the certificates of a cluster into its folder. A real node has a name and addresses. */
export async function makeCertificates(
  binary: string,
  folder: string,
  ...node: readonly string[]
): Promise<void> {
  const args = ["certificates", folder, ...node];
  const made = await new Deno.Command(binary, { args }).output();
  if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
}

/** Returns the credentials of a user whose certificate is in the folder. */
export async function loginOf(
  folder: string,
  user: string,
  name: string,
  server: string,
): Promise<Access> {
  const read = (file: string) => Deno.readTextFile(`${folder}/${file}`);
  const [ca, certificate, key] = await Promise.all(
    ["ca.crt", `${user}.crt`, `${user}.key`].map(read),
  );
  return { name, server, ca: ca!, login: { certificate: certificate!, key: key! } };
}

/** Returns true if the API server finds a path. */
export async function isFound(api: Api, path: string): Promise<boolean> {
  const response = await api.send("GET", path);
  await response.body?.cancel();
  return response.ok;
}

/** Stops programs, and waits until they have ended. */
export async function stopAll(servers: readonly ServerProcess[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

/** Returns the last lines of all logs in a folder. */
export async function tailOfLogs(folder: string): Promise<string> {
  const tails: string[] = [];
  for (const entry of await Array.fromAsync(Deno.readDir(folder)).catch(() => [])) {
    if (!entry.name.endsWith(".log")) continue;
    const text = await Deno.readTextFile(`${folder}/${entry.name}`);
    if (text !== "") tails.push(`--- ${entry.name}\n${text.slice(-1500)}`);
  }
  return tails.join("\n");
}
