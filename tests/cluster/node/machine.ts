/** The namespaces and the cgroup of a real node. */
export interface Machine {
  /** Process ID of the first process of the node, as this machine sees it. */
  readonly pid: number;
  /** Path of the network namespace outside the node, which plays the Internet. */
  readonly outside: string;
  /** Path of the node's cgroup. */
  readonly cgroup: string;
}

/** Returns a command that runs in the namespaces of a node. */
export function inNode({ pid }: Machine, command: readonly string[]): [string, ...string[]] {
  const namespaces = ["--net", "--mount", "--pid", "--ipc", "--uts"];
  return ["nsenter", `--target=${pid}`, ...namespaces, "--", ...command];
}

/** Returns a command that runs in the network outside a node. */
export function outsideNode(
  { outside }: Machine,
  command: readonly string[],
): [string, ...string[]] {
  return ["nsenter", `--net=${outside}`, "--", ...command];
}

/**
 * Runs a command in the namespaces of a node, and returns its output.
 *
 * @throws {Error} the command failed; the message has its output
 */
export async function runInNode(
  machine: Machine,
  command: readonly string[],
  input?: ReadableStream<Uint8Array>,
): Promise<string> {
  const [program, ...args] = inNode(machine, command);
  const child = new Deno.Command(program, {
    args,
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  // A command that exits early does not read all of its input. Its exit code says why.
  await input?.pipeTo(child.stdin).catch(() => {});
  const { success, stdout, stderr } = await output;
  const [text, problem] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${command.join(" ")} failed: ${problem || text}`);
  return text!;
}
